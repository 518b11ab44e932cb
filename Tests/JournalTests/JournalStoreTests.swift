import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

/// Requirements for every journal engine.
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
    func committedRowsComeBackUnchangedAndInOrder(medium: JournalMedium) throws {
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
                Alerts.Notification(severity: .info, group: 0, acceptedAt: .sample, body: body))
        }
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
        #expect(try pending(store, .info) == rows)
    }

    @Test(arguments: JournalMedium.fresh())
    func rowsSurviveACrash(medium: JournalMedium) throws {
        try {
            let (store, _) = try medium.open()
            try fill(store)
            store.closeWithoutFlush()
        }()
        let (store, recovery) = try medium.open()
        #expect(!recovery.wasClosed && recovery.degraded == nil)
        #expect(try pending(store, .critical) == [critical, late])
        #expect(store.pendingCounts == [.critical: 2, .warning: 0, .info: 1, .fallback: 0])
    }

    @Test(arguments: JournalMedium.fresh())
    func cleanCloseIsRecorded(medium: JournalMedium) throws {
        let (first, _) = try medium.open()
        try fill(first)
        try first.close(at: .sample)
        let (store, recovery) = try medium.open()
        #expect(recovery.wasClosed)
        #expect(store.pendingCounts == [.critical: 2, .warning: 0, .info: 1, .fallback: 0])
    }

    @Test(arguments: JournalMedium.fresh())
    func deliveredRowsDoNotComeBack(medium: JournalMedium) throws {
        let (first, _) = try medium.open()
        try fill(first)
        let settled = JournalTransaction.Settled(id: critical.id, settlement: .delivered)
        try first.commit(JournalTransaction(settlements: [settled, settled], at: .sample))
        first.closeWithoutFlush()
        let (store, _) = try medium.open()
        #expect(try pending(store, .critical) == [late])
        #expect(store.pendingCounts[.critical] == 1)
    }

    @Test(arguments: JournalMedium.fresh())
    func idsAreNeverReused(medium: JournalMedium) throws {
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
                store.closeWithoutFlush()
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

    /// For any content: the same rows in the same order, with the same group and flags.
    @Test(arguments: JournalMedium.fresh())
    func rowsMatchPendingNotificationsWithoutBodies(medium: JournalMedium) throws {
        var random = SeededGenerator(seed: 7)
        let (store, _) = try medium.open()
        let receiver = try #require(try store.register(["database"], forgettingOthers: false).keys.first)
        var sequence: Int64 = 0
        for round in 0..<20 {
            var transaction = JournalTransaction(at: .sample)
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                sequence += Int64.random(in: 1...3, using: &random)
                let size = [0, 1, 300, 5000, 9000, 40_000].randomElement(using: &random) ?? 0
                var notification = JournalSamples.notification(
                    Severity.allCases.randomElement(using: &random) ?? .info,
                    group: UInt64.random(in: 0 ... .max, using: &random), body: String(repeating: "x", count: size),
                    isResolved: Bool.random(using: &random), isReplayed: Bool.random(using: &random))
                if Bool.random(using: &random) { notification.receiver = receiver }
                transaction.appends.append([JournalSamples.append(sequence, notification)])
            }
            for destination in Destination.all(with: [receiver]) {
                for stored in try pending(store, destination) where Int.random(in: 0..<4, using: &random) == 0 {
                    let death = JournalSettlement.dead(reason: .damaged, attempts: 1, answer: nil)
                    let settlement = Bool.random(using: &random) ? .delivered : death
                    transaction.settlements.append(.init(id: stored.id, settlement: settlement))
                }
            }
            try store.commit(transaction)
            if round % 5 == 4 {
                let letters = try store.deadLetters(after: nil, limit: 3).map(\.id)
                sequence += Int64(try store.replay(letters, firstSequence: sequence + 1).entries.count)
            }
            for destination in Destination.all(with: [receiver]) {
                var cursor: JournalID?
                var isLast = false
                while !isLast {
                    let limit = Int.random(in: 1...9, using: &random)
                    let found = try store.rows(destination, after: cursor, limit: limit, at: .sample)
                    let window = try store.pending(
                        destination, after: cursor, limit: limit, byteLimit: .max, at: .sample)
                    #expect(found.rows.rows == window.notifications.map { PendingRow($0) } && found.damaged == 0)
                    #expect(found.rows.cursor == window.cursor && found.rows.isLast == window.isLast)
                    (cursor, isLast) = (found.rows.cursor, found.rows.isLast)
                }
            }
        }
    }

    @Test(arguments: JournalMedium.fresh())
    func flagsSurviveDeathReplayAndRestart(medium: JournalMedium) throws {
        let (first, _) = try medium.open()
        let notifications = [false, true].map { JournalSamples.notification(.info, body: "a", isResolved: $0) }
        let stored = notifications.enumerated().map { JournalSamples.append(Int64($0 + 1), $1) }
        try first.commit(JournalTransaction(appends: [stored], at: .sample))
        #expect(try pending(first, .info) == stored)
        let death = JournalSettlement.dead(reason: .damaged, attempts: 1, answer: nil)
        try first.commit(
            JournalTransaction(settlements: stored.map { .init(id: $0.id, settlement: death) }, at: .sample))
        first.closeWithoutFlush()

        let (second, recovery) = try medium.open()
        let replay = try second.replay(stored.map(\.id), firstSequence: recovery.nextSequence)
        #expect(replay.entries.map(\.notification.isResolved) == [false, true])
        #expect(replay.entries.allSatisfy { $0.notification.isReplayed })
        try second.close(at: .sample)

        let (third, _) = try medium.open()
        #expect(try pending(third, .info) == replay.entries)
        // A second dead letter and a second replay keep both flags.
        try third.commit(
            JournalTransaction(settlements: replay.entries.map { .init(id: $0.id, settlement: death) }, at: .sample))
        let again = try third.replay(replay.entries.map(\.id), firstSequence: recovery.nextSequence + 10)
        #expect(again.entries.map(\.notification) == replay.entries.map(\.notification))
    }

    @Test(arguments: JournalMedium.fresh())
    func recordsOfHooksAreReplacedAndKept(medium: JournalMedium) throws {
        let (first, recovery) = try medium.open()
        #expect(recovery.hooks.isEmpty)
        let all = (0...255).map { UInt8($0) }
        try first.commit(
            JournalTransaction(
                hooks: [HookRow(key: [1], value: [1]), HookRow(key: [], value: all), HookRow(key: [1], value: [2])],
                at: .sample))
        try first.commit(JournalTransaction(hooks: [HookRow(key: all, value: [])], at: .sample))
        first.closeWithoutFlush()
        let (second, found) = try medium.open()
        let expected = [HookRow(key: [], value: all), HookRow(key: all, value: []), HookRow(key: [1], value: [2])]
        #expect(found.hooks.sorted { $0.key.lexicographicallyPrecedes($1.key) } == expected)
        try second.commit(JournalTransaction(hooks: [HookRow(key: [1], value: [3])], at: .sample))
        try second.close(at: .sample)
        #expect(try medium.open().1.hooks.contains(HookRow(key: [1], value: [3])))
    }

    @Test(arguments: JournalMedium.fresh())
    func dedupeKeysAreKeptAndForgottenOldestFirst(medium: JournalMedium) throws {
        let (first, _) = try medium.open()
        let keys = (1...5).map {
            SeenKey(
                id: $0, group: UInt64($0) << 60 | 7, key: ShortDedupeKey(bytes: [UInt8($0)]),
                at: .sample.advanced(bySeconds: $0))
        }
        try first.commit(JournalTransaction(seen: keys, at: .sample))
        try first.commit(JournalTransaction(forgetSeenThrough: 2, at: .sample))
        first.closeWithoutFlush()
        let (_, recovery) = try medium.open()
        #expect(recovery.seen == Array(keys[2...]))
        #expect(recovery.lastSeenID == 5)
    }

    @Test(arguments: JournalMedium.fresh())
    func deadLettersAreReadReplayedAndDropped(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        try fill(store)
        let reason = DeadLetter.Reason(rawValue: "clientError")
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
        var replayed = critical.notification
        replayed.isReplayed = true
        #expect(replay.entries == [JournalSamples.append(50, replayed)])
        #expect(try pending(store, .critical) == [late] + replay.entries)
        #expect(try store.drop([critical.id, info.id]) == 1)
        #expect(store.deadLetterCounts.values.allSatisfy { $0 == 0 })
        #expect(try store.deadLetters(after: nil, limit: 10).isEmpty)
    }
}

/// A journal engine whose disk outlives each store, so that tests can open it again.
enum JournalMedium: CustomTestStringConvertible, Sendable {
    case memory(Locked<MemoryJournalStore.Content>)
    case sqlite(TemporarySpool)

    static func fresh() -> [JournalMedium] {
        [.memory(Locked(MemoryJournalStore.Content())), .sqlite(TemporarySpool())]
    }

    func store() -> any JournalStore {
        switch self {
        case .memory(let disk): MemoryJournalStore(disk: disk)
        case .sqlite(let spool): spool.store()
        }
    }

    /// Returns an open store and its recovery report.
    func open(at now: Timestamp = .sample) throws -> (any JournalStore, JournalRecovery) {
        let store = store()
        return (store, try store.open(at: now))
    }

    var testDescription: String {
        switch self {
        case .memory: "memory"
        case .sqlite: "sqlite"
        }
    }
}
