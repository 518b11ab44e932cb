import Alerts
import Dispatch
import Support
import TestSupport
import Testing

@testable import Journaling
@testable import PostgreSQLJournal

@Suite(.needsPostgreSQL, .timeLimit(.minutes(3)))
struct AppendTests {
    private let test: TestSchema

    init() throws { test = try TestSchema(on: SharedServer.get()) }

    private func payload(_ group: UInt64, _ state: UInt64, _ reason: AlertBatch.Reason = .unknown)
        -> DatabaseJournal.Payload
    {
        DatabaseSamples.payload(group, state: state, reason)
    }

    @Test func notificationsComeBackUnchangedInOrder() throws {
        let journal = try test.journal()
        let receiver = try #require(try journal.register(["ops"]).first { $0.value == "ops" }?.key)
        let payloads = [
            DatabaseSamples.payload(.max, state: 1, .unknown, [.critical, .info], body: "{\"\u{1F4A5}\": 1}"),
            DatabaseSamples.payload(2, state: .max, .repetition, [.critical], body: ""),
            DatabaseSamples.payload(3, state: 1, .news, [.warning], receiver: receiver),
        ]
        let stored = try journal.append(payloads).map { $0 ?? [] }
        #expect(stored.map(\.count) == [2, 1, 1])
        let all = stored.joined().map(\.id)
        #expect(all.map(\.sequence) == Array(all[0].sequence..<all[0].sequence + 4))
        for destination in Set(all.map(\.destination)) {
            let found = try journal.pending(destination, after: nil, limit: 10, byteLimit: 1 << 20)
            #expect(found.window.notifications == stored.joined().filter { $0.id.destination == destination })
            #expect(found.damaged.isEmpty && found.window.isLast)
        }
        #expect(stored[0][0].notification.repeats == 0 && stored[1][0].notification.repeats == nil)
    }

    @Test func pagesEndAtTheirLimits() throws {
        let journal = try test.journal()
        let ids = try journal.append((1...5).map { payload($0, $0) }).flatMap { $0 ?? [] }.map(\.id)
        let first = try journal.pending(.critical, after: nil, limit: 2, byteLimit: 1 << 20).window
        #expect(first.notifications.map(\.id) == Array(ids[..<2]) && first.cursor == ids[1] && !first.isLast)
        let byBytes = try journal.pending(.critical, after: first.cursor, limit: 9, byteLimit: 4).window
        #expect(byBytes.notifications.map(\.id) == Array(ids[2..<4]) && !byBytes.isLast)
        let last = try journal.pending(.critical, after: byBytes.cursor, limit: 1, byteLimit: 1).window
        #expect(last.notifications.map(\.id) == [ids[4]] && last.isLast)
        #expect(try journal.rows(.critical, after: ids[0], limit: 3).rows.map(\.id) == Array(ids[1..<4]))
        #expect(try !journal.rows(.critical, after: ids[0], limit: 3).isLast)
        #expect(try journal.rows(.critical, after: ids[1], limit: 3).isLast)
        #expect(try journal.newest(behind: [.critical: ids[3], .info: ids[0]]) == [.critical: ids[4]])
        #expect(try journal.newest(behind: [.critical: ids[4]]).isEmpty)
        let figures = try #require(try journal.figures().pending[.critical])
        #expect(figures.count == 5 && figures.bytes == 15)
        #expect(try journal.oldestPending(.critical) == .sample && journal.oldestPending(.info) == nil)
    }

    @Test func changedBodyIsDamaged() throws {
        let journal = try test.journal()
        let ids = try journal.append([payload(1, 1), payload(2, 1)]).flatMap { $0 ?? [] }.map(\.id)
        try test.server.admin("UPDATE \(test.schema.name).notification SET body = 'x' WHERE group_id = 1")
        let found = try journal.pending(.critical, after: nil, limit: 10, byteLimit: 1 << 20)
        #expect(found.damaged == [ids[0]] && found.window.notifications.map(\.id) == [ids[1]])
    }

    /// The rule of `DedupeIndex`, which decides in the relay with one node: random payloads have the same results.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func duplicatesAreThoseOfTheIndex(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let journal = try test.journal()
        var index = DedupeIndex(window: .seconds(3_600), capacity: 1_000)
        for _ in 0..<25 {
            let payloads = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                payload(
                    .random(in: 1...4, using: &random), .random(in: 1...2, using: &random),
                    [.unknown, .news, .repetition][Int.random(in: 0...2, using: &random)])
            }
            let expected = payloads.map { payload -> [Alerts.Notification]? in
                let batch = AlertBatch(
                    dedupeKey: DedupeKey(bytes: payload.state + payload.state), reason: payload.reason,
                    notifications: payload.notifications, counts: [], alerts: 1)
                let key = ShortDedupeKey(batch.dedupeKey, isRepeat: batch.isRepeat)
                if index.isDuplicate(key, of: payload.group, isRepeat: batch.isRepeat, at: .sample) { return nil }
                _ = index.remember(key, of: payload.group, at: .sample)
                return index.countRepeats(of: JournalDraft.Payload(batch), in: payload.group)
            }
            let stored = try journal.append(payloads, window: .seconds(3_600), at: .sample)
            #expect(stored.map { $0?.map(\.notification) } == expected)
        }
    }

    @Test func stateCountsWithinTheWindowOnly() throws {
        let journal = try test.journal()
        #expect(try journal.append([payload(1, 1)])[0] != nil)
        #expect(try journal.append([payload(1, 1)])[0] == nil)
        for shift in ["-61 seconds", "61 seconds"] {
            try test.server.admin(
                "UPDATE \(test.schema.name).seen SET at = clock_timestamp() + interval '\(shift)'")
            #expect(try journal.append([payload(1, 1)])[0] != nil, "\(shift)")
        }
        #expect(try journal.append([payload(1, 1)], window: .zero, at: .sample)[0] != nil)
    }

    /// Four writers, and a reader that only moves forward.
    @Test func cursorBesideFourWritersMissesNothing() throws {
        let finished = Locked(0)
        let queue = DispatchQueue(label: "writers", attributes: .concurrent)
        let group = DispatchGroup()
        let failures = Locked<[String]>([])
        for writer in 0..<4 {
            queue.async(group: group) {
                do {
                    let journal = try test.journal()
                    for number in 0..<60 {
                        let first = UInt64(writer * 10_000 + number * 10)
                        _ = try journal.append((0..<5).map { self.payload(first + $0, 1) })
                    }
                } catch { failures.withLock { $0.append("\(error)") } }
                finished.withLock { $0 += 1 }
            }
        }
        let reader = try test.journal()
        var seen: [JournalID] = []
        var isLastPass = false
        while true {
            let page = try reader.rows(.critical, after: seen.last, limit: 1_000)
            seen += page.rows.map(\.id)
            if isLastPass, page.rows.isEmpty { break }
            isLastPass = finished.withLock { $0 } == 4
        }
        group.wait()
        #expect(failures.withLock { $0 }.isEmpty)
        #expect(seen.count == 1_200)
        #expect(try reader.pendingIDs() == seen)
    }

    /// Writers that have the same groups in different orders, and settle the same notifications.
    @Test func equalGroupsNeverDeadlock() throws {
        let start = try test.journal()
        let ids = try start.append((100..<200).map { payload($0, 1) }).flatMap { $0 ?? [] }.map(\.id)
        let failures = Locked<[String]>([])
        let stored = Locked(0)
        DispatchQueue.concurrentPerform(iterations: 4) { writer in
            do {
                let journal = try test.journal()
                for round in 0..<20 {
                    let groups = (1...30).map { UInt64($0) }
                    let order = writer % 2 == 0 ? groups : groups.reversed()
                    let settled = (writer % 2 == 0 ? ids : ids.reversed())[(round * 5)..<(round * 5 + 5)]
                    let result = try journal.append(
                        order.map { self.payload($0, UInt64(round)) },
                        settling: settled.map { DatabaseSamples.settled($0) })
                    stored.withLock { $0 += result.count { $0 != nil } }
                }
            } catch { failures.withLock { $0.append("\(error)") } }
        }
        #expect(failures.withLock { $0 }.isEmpty)
        #expect(stored.withLock { $0 } >= 30 * 20)
    }

    /// The outcome of the first attempt is unknown; whether it was committed or not, the retry stores it once.
    @Test func retryAfterAnUnknownOutcomeIsStoredOnce() throws {
        let (journal, other) = (try test.journal(patience: .milliseconds(300)), try test.journal())
        let blocker = try test.server.connect()
        _ = try blocker.query(
            "SELECT pg_advisory_lock(\(DatabaseSchema.lockClass), '\(test.schema.name).notification'::regclass::integer)::text",
            within: .seconds(10))
        let failure = #expect(throws: PostgreSQLFailure.self) { try journal.append([payload(1, 1)]) }
        #expect(failure?.isOutcomeUnknown == true)
        // The server still executes the first attempt, and commits it when it has the lock.
        blocker.close()
        #expect(try eventually { try other.pendingIDs().count == 1 })
        #expect(try other.append([payload(1, 1)])[0] == nil)
        #expect(try other.pendingIDs().count == 1)
    }

    @Test func lockTimeoutIsBusy() throws {
        let journal = try test.journal()
        let blocker = try test.server.connect()
        _ = try blocker.query(
            "SELECT pg_advisory_lock(\(DatabaseSchema.lockClass), '\(test.schema.name).notification'::regclass::integer)::text",
            within: .seconds(10))
        let failure = #expect(throws: PostgreSQLFailure.self) { try journal.append([payload(1, 1)]) }
        #expect(failure?.reason == .busy && failure?.isOutcomeUnknown == false)
        blocker.close()
        #expect(try journal.append([payload(1, 1)])[0] != nil)
    }

    @Test func standbysAreRequired() throws {
        let journal = try test.journal(requiresStandbys: true)
        let failure = #expect(throws: PostgreSQLFailure.self) { try journal.append([payload(1, 1)]) }
        #expect(failure?.reason == .notDurable && failure?.isOutcomeUnknown == false)
        #expect(throws: PostgreSQLFailure.self) { try journal.take(journal.sight(), as: "a") }
        #expect(try journal.pendingIDs().isEmpty)
    }
}
