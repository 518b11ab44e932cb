import Testing

@testable import Relay

/// What any engine under the journal must do.
@Suite struct JournalStoreTests {
    private let critical = JournalSamples.append(1, JournalSamples.notification(.critical, group: 5, body: "one"))
    private let info = JournalSamples.append(2, JournalSamples.notification(.info, group: .max, body: "two"))
    private let late = JournalSamples.append(3, JournalSamples.notification(.critical, group: 5, body: "three"))

    private func fill(_ store: any JournalStore) throws {
        try store.commit(JournalTransaction(appends: [[critical, info], [late]], at: .sample))
    }

    private func pending(_ store: any JournalStore, _ destination: Destination) throws -> [StoredNotification] {
        try store.pending(destination, after: nil, limit: 100, byteLimit: .max, at: .sample).notifications
    }

    @Test(arguments: JournalMedium.fresh())
    func aNewJournalIsEmpty(medium: JournalMedium) throws {
        let (store, recovery) = try medium.open()
        #expect(recovery.wasClosed && recovery.degraded == nil && recovery.seen.isEmpty && recovery.nextSequence >= 1)
        #expect(store.pendingCounts.values.allSatisfy { $0 == 0 })
        #expect(try store.oldestPending(.critical) == nil)
        let window = try store.pending(.critical, after: nil, limit: 1, byteLimit: 1, at: .sample)
        #expect(window == StoredWindow())
    }

    @Test(arguments: JournalMedium.fresh())
    func whatIsCommittedComesBackUnchangedAndInOrder(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        try fill(store)
        #expect(try pending(store, .critical) == [critical, late])
        #expect(try pending(store, .info) == [info])
        #expect(store.pendingCounts == [.critical: 2, .warning: 0, .info: 1, .fallback: 0])
        #expect(try store.oldestPending(.info) == .sample)
    }

    @Test(arguments: JournalMedium.fresh())
    func bodiesOfAnySizeComeBack(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        let sizes = [0, 1, 8156, 8157, 8158, 70_000, 3_000_000]
        let rows = sizes.enumerated().map { index, size in
            let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) }
            return JournalSamples.append(
                Int64(index + 1),
                Relay.Notification(severity: .info, group: 0, acceptedAt: .sample, body: body))
        }
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
        #expect(try pending(store, .info) == rows)
    }

    @Test(arguments: JournalMedium.fresh())
    func aProcessThatDiesLeavesEverythingToTheNext(medium: JournalMedium) throws {
        try {
            let (store, _) = try medium.open()
            try fill(store)
            store.abandon()
        }()
        let (store, recovery) = try medium.open()
        #expect(!recovery.wasClosed && recovery.degraded == nil)
        #expect(try pending(store, .critical) == [critical, late])
        #expect(store.pendingCounts == [.critical: 2, .warning: 0, .info: 1, .fallback: 0])
    }

    @Test(arguments: JournalMedium.fresh())
    func aClosedJournalSaysSo(medium: JournalMedium) throws {
        let (first, _) = try medium.open()
        try fill(first)
        try first.close(at: .sample)
        let (store, recovery) = try medium.open()
        #expect(recovery.wasClosed)
        #expect(store.pendingCounts == [.critical: 2, .warning: 0, .info: 1, .fallback: 0])
    }

    @Test(arguments: JournalMedium.fresh())
    func deliveredIsGoneForGood(medium: JournalMedium) throws {
        let (first, _) = try medium.open()
        try fill(first)
        let settled = JournalTransaction.Settled(id: critical.id, settlement: .delivered)
        try first.commit(JournalTransaction(settlements: [settled, settled], at: .sample))
        first.abandon()
        let (store, _) = try medium.open()
        #expect(try pending(store, .critical) == [late])
        #expect(store.pendingCounts[.critical] == 1)
    }

    @Test(arguments: JournalMedium.fresh())
    func idsAreNeverGivenTwice(medium: JournalMedium) throws {
        var highest: Int64 = 0
        for close in [true, false, true] {
            let (store, recovery) = try medium.open()
            #expect(recovery.nextSequence > highest)
            highest = recovery.nextSequence
            let row = JournalSamples.append(highest, JournalSamples.notification(.info))
            try store.commit(JournalTransaction(appends: [[row]], at: .sample))
            let settled = JournalTransaction.Settled(id: row.id, settlement: .delivered)
            try store.commit(JournalTransaction(settlements: [settled], at: .sample))
            if close {
                try store.close(at: .sample)
            } else {
                store.abandon()
            }
        }
    }

    @Test(arguments: JournalMedium.fresh())
    func aWindowIsBoundedByCountAndBytes(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        let rows = (1...10).map { JournalSamples.append($0, JournalSamples.notification(.info, body: "0123456789")) }
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
        let three = try store.pending(.info, after: nil, limit: 3, byteLimit: .max, at: .sample)
        #expect(three.notifications == Array(rows[0..<3]) && three.cursor == rows[2].id && !three.isLast)
        let two = try store.pending(.info, after: three.cursor, limit: 9, byteLimit: 15, at: .sample)
        #expect(two.notifications == Array(rows[3..<5]) && !two.isLast)
        let one = try store.pending(.info, after: two.cursor, limit: 9, byteLimit: 1, at: .sample)
        #expect(one.notifications == [rows[5]])
        let rest = try store.pending(.info, after: one.cursor, limit: 4, byteLimit: .max, at: .sample)
        #expect(rest.notifications == Array(rows[6...]) && rest.isLast)
    }

    @Test(arguments: JournalMedium.fresh())
    func dedupeKeysAreKeptAndForgottenFromTheOldestOn(medium: JournalMedium) throws {
        let (first, _) = try medium.open()
        let keys = (1...5).map {
            SeenKey(id: $0, key: ShortDedupeKey(bytes: [UInt8($0)]), at: .sample.advanced(bySeconds: $0))
        }
        try first.commit(JournalTransaction(seen: keys, at: .sample))
        try first.commit(JournalTransaction(forgetSeenThrough: 2, at: .sample))
        first.abandon()
        let (_, recovery) = try medium.open()
        #expect(recovery.seen == Array(keys[2...]))
        #expect(recovery.lastSeenID == 5)
    }

    @Test(arguments: JournalMedium.fresh())
    func theDeadCanBeReadReplayedAndDropped(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        try fill(store)
        let reason = DeadLetterReason(rawValue: "clientError")
        try store.commit(
            JournalTransaction(
                settlements: [critical, info].map {
                    .init(id: $0.id, settlement: .dead(reason: reason, attempts: 3, answer: "no \u{1F4A5}"))
                }, at: .sample.advanced(bySeconds: 9)))
        #expect(store.pendingCounts[.critical] == 1 && store.deadLetterCounts[.critical] == 1)

        let letters = try store.deadLetters(after: nil, limit: 10)
        #expect(letters.map(\.id) == [critical.id, info.id])
        let letter = try #require(letters.first)
        #expect(letter.reason == reason && letter.attempts == 3 && letter.answer == "no \u{1F4A5}")
        #expect(letter.diedAt == .sample.advanced(bySeconds: 9) && letter.size == 3)
        #expect(try store.deadLetters(after: critical.id, limit: 10).map(\.id) == [info.id])
        #expect(try store.deadLetter(critical.id)?.body == critical.notification.body)

        let unknown = JournalID(sequence: 99, destination: .info)
        let replay = try store.replay([critical.id, unknown], firstSequence: 50)
        #expect(replay.missing == [unknown] && replay.damaged.isEmpty)
        #expect(replay.entries == [JournalSamples.append(50, critical.notification)])
        #expect(try pending(store, .critical) == [late] + replay.entries)
        #expect(try store.drop([critical.id, info.id]) == 1)
        #expect(store.deadLetterCounts.values.allSatisfy { $0 == 0 })
        #expect(try store.deadLetters(after: nil, limit: 10).isEmpty)
    }
}
