import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import SQLiteJournal
@testable import Support

/// What a journal engine keeps about the alerts of dead letters.
@Suite struct LaterStatesStoreTests {
    private static let death = JournalSettlement.dead(
        reason: DeadLetter.Reason(rawValue: "refused"), attempts: 1, answer: nil)

    /// A notification whose lower-case letters are firing alerts and whose upper-case letters are resolved ones.
    private func row(
        _ sequence: Int64, _ alerts: String, group: UInt64 = 7, _ severity: Severity = .warning
    ) -> StoredNotification {
        let alerts = alerts.map { letter in
            alertJSON(
                status: letter.isUppercase ? #""resolved""# : #""firing""#,
                labels: #"{"alertname":"\#(letter)"}"#, endsAt: #""2026-01-30T11:00:00Z""#,
                fingerprint: "\"\(letter.lowercased())\"")
        }
        let body = webhookBody(alerts: "[\(alerts.joined(separator: ","))]")
        return JournalSamples.append(sequence, JournalSamples.notification(severity, group: group, body: body))
    }

    private func append(_ rows: StoredNotification..., to store: any JournalStore) throws {
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
    }

    private func settle(_ rows: [StoredNotification], _ settlement: JournalSettlement, in store: any JournalStore)
        throws
    {
        let settled = rows.map { JournalTransaction.Settled(id: $0.id, settlement: settlement) }
        try store.commit(JournalTransaction(settlements: settled, at: .sample))
    }

    private func replay(
        _ row: StoredNotification, as sequence: Int64, isForced: Bool = false, in store: any JournalStore
    ) throws -> StoredNotification {
        try #require(try store.replay([row.id], firstSequence: sequence, isForced: isForced).entries.first)
    }

    /// The known states of the alerts a, b and c: the letter itself for firing, upper-case for resolved, else a dot.
    private func states(_ stored: StoredNotification) -> String {
        let alerts = "abc".map {
            Alert(status: .firing, labels: [:], annotations: [:], generatorURL: "", fingerprint: String($0))
        }
        let end = Timestamp(seconds: 1_769_770_800, nanoseconds: 0)
        return zip("abc", stored.notification.laterStates.states(of: alerts)).map { letter, state in
            switch state {
            case .firing: String(letter)
            case .resolved(at: end): letter.uppercased()
            case .resolved: "?"
            case nil: "."
            }
        }.joined()
    }

    private func pending(_ id: JournalID, in store: any JournalStore) throws -> StoredNotification {
        let window = try store.pending(id.destination, after: nil, limit: 100, byteLimit: .max, at: .sample)
        return try #require(window.notifications.first { $0.id == id })
    }

    @Test(arguments: JournalMedium.fresh())
    func deliveriesAfterTheDeadLetterAreKept(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        let (letter, resolve, next) = (row(1, "ab"), row(2, "aB"), row(3, "Ac"))
        try append(letter, resolve, next, to: store)
        try settle([letter], Self.death, in: store)
        try settle([resolve], .delivered, in: store)
        try settle([next], .delivered, in: store)
        let replayed = try replay(letter, as: 10, in: store)
        #expect(states(replayed) == "ABc")
        #expect(try pending(replayed.id, in: store) == replayed)
    }

    /// A dead letter and the next delivery are often settled by one commit.
    @Test(arguments: JournalMedium.fresh())
    func settlementsOfOneCommitAreAppliedInOrder(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        let (before, letter, after) = (row(1, "A"), row(2, "ab"), row(3, "B"))
        try append(before, letter, after, to: store)
        let settlements: [(StoredNotification, JournalSettlement)] = [
            (before, .delivered), (letter, Self.death), (after, .delivered),
        ]
        try store.commit(
            JournalTransaction(
                settlements: settlements.map { .init(id: $0.0.id, settlement: $0.1) }, at: .sample))
        #expect(try states(replay(letter, as: 10, in: store)) == ".B.")
    }

    @Test(arguments: JournalMedium.fresh())
    func othersAreNotMistakenForTheGroup(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        let earlier = row(1, "A")
        let letter = row(2, "abc")
        let others = [row(3, "A", group: 8), row(4, "A", .critical), row(5, "B")]
        try append(earlier, letter, others[0], others[1], others[2], to: store)
        try settle([letter], Self.death, in: store)
        // Accepted before the dead letter, although delivered after it.
        try settle([earlier] + others.prefix(2), .delivered, in: store)
        // Not delivered.
        try settle([others[2]], .expired, in: store)
        let replayed = try replay(letter, as: 10, in: store)
        #expect(states(replayed) == "...")
    }

    @Test(arguments: JournalMedium.fresh())
    func statesSurviveRestartsReplaysAndAnotherDeath(medium: JournalMedium) throws {
        let (first, _) = try medium.open()
        let letter = row(1, "abc")
        try append(letter, row(2, "A"), row(3, "B"), row(4, "C"), to: first)
        try settle([letter], Self.death, in: first)
        try settle([row(2, "A")], .delivered, in: first)
        first.closeWithoutFlush()

        let (second, _) = try medium.open()
        let replayed = try replay(letter, as: 10, in: second)
        #expect(states(replayed) == "A..")
        // Accepted before the replay, delivered after it.
        try settle([row(3, "B")], .delivered, in: second)
        #expect(try states(pending(replayed.id, in: second)) == "AB.")
        try second.close(at: .sample)

        let (third, _) = try medium.open()
        try settle([replayed], Self.death, in: third)
        try settle([row(4, "C")], .delivered, in: third)
        let again = try replay(replayed, as: 20, in: third)
        #expect(states(again) == "ABC")
        try settle([again], .delivered, in: third)
        #expect(try third.pending(.warning, after: nil, limit: 9, byteLimit: .max, at: .sample).notifications.isEmpty)
    }

    @Test(arguments: JournalMedium.fresh())
    func forcedReplayForgets(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        let letter = row(1, "ab")
        try append(letter, row(2, "A"), row(3, "B"), to: store)
        try settle([letter], Self.death, in: store)
        try settle([row(2, "A")], .delivered, in: store)
        let replayed = try replay(letter, as: 10, isForced: true, in: store)
        #expect(states(replayed) == "...")
        try settle([row(3, "B")], .delivered, in: store)
        #expect(try states(pending(replayed.id, in: store)) == "...")
    }

    /// A replayed resolve keeps its place before a later firing, whatever the order of the replays.
    @Test(arguments: JournalMedium.fresh())
    func replayedNotificationKeepsItsPlace(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        let (first, resolve, last) = (row(1, "a"), row(2, "A"), row(3, "a"))
        try append(first, resolve, last, to: store)
        try settle([first, resolve, last], Self.death, in: store)
        let replayed = try replay(resolve, as: 10, in: store)
        try settle([replayed], .delivered, in: store)
        #expect(try states(replay(first, as: 20, in: store)) == "A..")
        #expect(try states(replay(last, as: 30, in: store)) == "...")
    }

    @Test(arguments: JournalMedium.fresh())
    func unreadableBodyOfADeliveryChangesNothing(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        let odd = JournalSamples.append(2, JournalSamples.notification(group: 7, body: "no JSON"))
        try append(row(1, "a"), odd, to: store)
        try settle([row(1, "a")], Self.death, in: store)
        try settle([odd], .delivered, in: store)
        #expect(try states(replay(row(1, "a"), as: 10, in: store)) == "...")
    }

    /// Both engines know the same after any sequence of operations.
    @Test(arguments: 1...20)
    func enginesAgree(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let mediums = JournalMedium.fresh()
        var stores = try mediums.map { try $0.open().0 }
        var sequence: Int64 = 0
        for _ in 0..<60 {
            var transaction = JournalTransaction(at: .sample)
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                sequence += 1
                let alerts = String("aAbBcC".filter { _ in Int.random(in: 0..<3, using: &random) == 0 })
                let severity: Severity = Bool.random(using: &random) ? .warning : .critical
                transaction.appends.append(
                    [row(sequence, alerts, group: UInt64.random(in: 1...2, using: &random), severity)])
            }
            let window = try stores[0].pending(.warning, after: nil, limit: 100, byteLimit: .max, at: .sample)
            for stored in window.notifications where Int.random(in: 0..<3, using: &random) == 0 {
                let settlement = [.delivered, .expired, Self.death].randomElement(using: &random) ?? .delivered
                transaction.settlements.append(.init(id: stored.id, settlement: settlement))
            }
            for store in stores { try store.commit(transaction) }
            let letters = try stores[0].deadLetters(after: nil, limit: 100).map(\.id).shuffled(using: &random)
            if Int.random(in: 0..<3, using: &random) == 0 {
                let isForced = Int.random(in: 0..<4, using: &random) == 0
                for store in stores {
                    _ = try store.replay(
                        Array(letters.prefix(2)), firstSequence: sequence + 1, isForced: isForced)
                }
                sequence += 2
            } else if Int.random(in: 0..<6, using: &random) == 0 {
                for store in stores { _ = try store.drop(Array(letters.prefix(1))) }
            }
            if Int.random(in: 0..<20, using: &random) == 0 {
                for store in stores { store.closeWithoutFlush() }
                stores = try mediums.map { try $0.open().0 }
            }
            let windows = try stores.map {
                try $0.pending(.warning, after: nil, limit: 100, byteLimit: .max, at: .sample).notifications
            }
            #expect(windows[0] == windows[1])
        }
        let kept = (stores[1] as? SQLiteJournalStore)?.laterStatesCount
        let replayed = try stores[0].rows(.warning, after: nil, limit: 100, at: .sample).rows.rows.filter(\.isReplayed)
        #expect(try kept ?? 0 <= stores[0].deadLetters(after: nil, limit: 100).count + replayed.count)
    }
}

/// The table `later_states` of the SQLite engine.
@Suite struct SpoolLaterStatesTests {
    private let spool = TemporarySpool()
    private static let resolve = row(2, #""resolved""#)
    private static let letter = row(1, #""firing""#)

    private static func row(_ sequence: Int64, _ status: String) -> StoredNotification {
        let body = webhookBody(alerts: "[\(alertJSON(status: status, fingerprint: #""f""#))]")
        return JournalSamples.append(sequence, JournalSamples.notification(group: 7, body: body))
    }

    private func settle(_ id: JournalID, _ settlement: JournalSettlement, in store: SQLiteJournalStore) throws {
        try store.commit(JournalTransaction(settlements: [.init(id: id, settlement: settlement)], at: .sample))
    }

    private func kill(_ id: JournalID, in store: SQLiteJournalStore) throws {
        try settle(id, .dead(reason: DeadLetter.Reason(rawValue: "refused"), attempts: 1, answer: nil), in: store)
    }

    /// Writes a dead letter whose resolve is delivered, and closes the spool.
    private func fill() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        try store.commit(JournalTransaction(appends: [[Self.letter, Self.resolve]], at: .sample))
        try kill(Self.letter.id, in: store)
        try settle(Self.resolve.id, .delivered, in: store)
        try store.close(at: .sample)
    }

    @Test func resolveOfADeadLetterIsKnown() throws {
        try fill()
        #expect(try isOver())
    }

    /// Whether a replay shows the alert as resolved.
    private func isOver() throws -> Bool {
        let store = spool.store()
        _ = try store.open(at: .sample)
        defer { store.closeWithoutFlush() }
        let replay = try store.replay([Self.letter.id], firstSequence: 100, isForced: false)
        let later = try #require(replay.entries.first).notification.laterStates
        return !later.isEmpty
    }

    @Test func aRepairKeepsTheStates() throws {
        try fill()
        try spool.write(Data(), to: "spool.damaged")
        #expect(try isOver())
    }

    /// After a repair from the pages alone nothing is known, but later deliveries are recorded.
    @Test func deadLettersFromPagesGetRows() throws {
        try fill()
        var bytes = try spool.bytes("spool.db")
        bytes.replaceSubrange(0..<8192, with: Data(repeating: 0, count: 8192))
        try spool.write(bytes, to: "spool.db")
        let store = spool.store()
        let next = try store.open(at: .sample).nextSequence
        #expect(store.laterStatesCount == 1)
        let resolve = Self.row(next, #""resolved""#)
        try store.commit(JournalTransaction(appends: [[resolve]], at: .sample))
        try settle(resolve.id, .delivered, in: store)
        store.closeWithoutFlush()
        #expect(try isOver())
    }

    @Test(arguments: ["states = x'07'", "crc = crc + 1", "group_id = 1", "accepted_as = 1", "states = zeroblob(24)"])
    func aDamagedRowIsTreatedAsEmpty(change: String) throws {
        try fill()
        try spool.edit("UPDATE later_states SET \(change)")
        #expect(try !isOver())
    }

    /// Dead letters of an earlier relay get rows, too.
    @Test func migrationAddsRowsForDeadLetters() throws {
        let first = spool.store()
        _ = try first.open(at: .sample)
        try first.commit(JournalTransaction(appends: [[Self.letter, Self.resolve]], at: .sample))
        try kill(Self.letter.id, in: first)
        try first.close(at: .sample)
        try spool.downgrade(to: 4)
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        #expect(recovery.degraded == nil && store.laterStatesCount == 1)
        try settle(Self.resolve.id, .delivered, in: store)
        store.closeWithoutFlush()
        #expect(try isOver())
    }

    @Test func rowsEndWithTheirLetters() throws {
        try fill()
        let store = spool.store()
        let next = try store.open(at: .sample).nextSequence
        #expect(store.laterStatesCount == 1)
        let replay = try store.replay([Self.letter.id], firstSequence: next, isForced: false)
        #expect(store.laterStatesCount == 1)
        try settle(try #require(replay.entries.first).id, .delivered, in: store)
        #expect(store.laterStatesCount == 0)
        let rows = [Self.row(next + 1, #""firing""#), Self.row(next + 2, #""firing""#)]
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
        for row in rows { try kill(row.id, in: store) }
        #expect(store.laterStatesCount == 2)
        #expect(try store.drop([rows[0].id]) == 1)
        let forced = try store.replay([rows[1].id], firstSequence: next + 3, isForced: true)
        #expect(store.laterStatesCount == 0 && forced.entries.count == 1)
        store.closeWithoutFlush()
        let again = spool.store()
        _ = try again.open(at: .sample)
        #expect(again.laterStatesCount == 0)
    }

    @Test func aFailedCommitLeavesTheCountAsItWas() throws {
        let store = spool.store(limit: 1 << 20)
        _ = try store.open(at: .sample)
        try store.commit(JournalTransaction(appends: [[Self.letter]], at: .sample))
        let large = JournalSamples.append(9, JournalSamples.notification(body: String(repeating: "x", count: 2 << 20)))
        let transaction = JournalTransaction(
            appends: [[large]],
            settlements: [
                .init(
                    id: Self.letter.id,
                    settlement: .dead(reason: DeadLetter.Reason(rawValue: "refused"), attempts: 1, answer: nil))
            ], at: .sample)
        #expect(throws: JournalStoreError.full(.journalLimit)) {
            try store.write(transaction, bytes: Int64(transaction.bytes), isBounded: true)
        }
        #expect(store.laterStatesCount == 0)
    }

    /// A group with many dead letters: only the newest are kept up to date, and no other shows an outdated state.
    @Test func onlyTheNewestLettersOfAGroupAreUpdated() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        let limit = Int64(SQLiteJournalStore.lettersPerGroup)
        let letters = (1...limit).map { Self.row($0, #""firing""#) }
        let (resolve, last, again) = (
            Self.row(limit + 1, #""resolved""#), Self.row(limit + 2, #""firing""#), Self.row(limit + 3, #""resolved""#)
        )
        try store.commit(JournalTransaction(appends: [letters + [resolve, last, again]], at: .sample))
        for letter in letters { try kill(letter.id, in: store) }
        try settle(resolve.id, .delivered, in: store)
        try kill(last.id, in: store)
        try settle(again.id, .delivered, in: store)
        let replay = try store.replay((letters + [last]).map(\.id), firstSequence: 1000, isForced: false)
        let isKnown = replay.entries.map { !$0.notification.laterStates.isEmpty }
        #expect(isKnown == [false] + Array(repeating: true, count: Int(limit)))
    }
}
