import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import SQLiteJournal
@testable import Support

/// Requirements on the history for every journal engine.
@Suite struct HistoryStoreTests {
    private let rows = (1...4).map {
        JournalSamples.append($0, JournalSamples.notification(.critical, group: UInt64($0), body: "body \($0)"))
    }

    private func record(_ rows: [StoredNotification], _ outcome: HistoryEntry.Outcome) -> HistoryRecord {
        var members = HistoryMembers()
        for row in rows {
            members.add(
                id: row.id, group: row.notification.group, acceptedAt: row.notification.acceptedAt, isFiring: true,
                alerts: [])
        }
        return HistoryRecord(.init(outcome), members.chunks[0])
    }

    /// Settles rows together.
    private func settled(_ rows: [StoredNotification], as settlement: JournalSettlement = .delivered)
        -> [JournalTransaction.Settled]
    {
        rows.enumerated().map { index, row in
            let isLast = index == rows.count - 1
            return JournalTransaction.Settled(
                id: row.id, settlement: settlement, history: isLast ? record(rows, .delivered) : nil,
                isContinued: !isLast)
        }
    }

    private func entries(_ store: any JournalStore, before: Int64? = nil, limit: Int = 100) throws -> [HistoryEntry] {
        try store.history(before: before, limit: limit, byteLimit: .max).rows.flatMap {
            try #require($0.record.decoded(endedAt: $0.at)).reversed()
        }
    }

    @Test(arguments: JournalMedium.fresh())
    func settlementsAreInTheHistoryAfterACrash(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        #expect(try entries(store).isEmpty && store.historyUsage.rows == 0)
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
        try store.commit(JournalTransaction(settlements: settled([rows[0]]), at: .sample.advanced(bySeconds: 1)))
        try store.commit(JournalTransaction(settlements: settled(Array(rows[1...2])), at: .sample))
        store.closeWithoutFlush()
        let (again, _) = try medium.open()
        let found = try entries(again)
        #expect(found.map(\.id) == [rows[2].id, rows[1].id, rows[0].id] && found[0].group == 3)
        #expect(found[2].endedAt == .sample.advanced(bySeconds: 1))
        #expect(again.historyUsage.entries == 3 && again.historyUsage.rows == 2)
        // The numbers of rows continue.
        try again.commit(JournalTransaction(settlements: settled([rows[3]]), at: .sample))
        #expect(try entries(again).map(\.id.sequence) == [4, 3, 2, 1])
    }

    @Test(arguments: JournalMedium.fresh())
    func nothingIsWrittenForWhatIsNotPending(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
        for _ in 0..<2 { try store.commit(JournalTransaction(settlements: settled([rows[0]]), at: .sample)) }
        #expect(try entries(store).map(\.id) == [rows[0].id], "settled twice")
        // One of a message is enough: another one may be damaged.
        try store.commit(JournalTransaction(settlements: settled(Array(rows[0...1])), at: .sample))
        #expect(try entries(store).count == 3)
    }

    @Test(arguments: JournalMedium.fresh())
    func deadLettersAreInTheHistory(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
        let death = JournalSettlement.dead(reason: .crash, attempts: 2, answer: "crashed \u{1F4A5}")
        var settlements = rows[0...1].map { JournalTransaction.Settled(id: $0.id, settlement: death) }
        settlements[1].history = record([rows[1]], .deadLetter)
        try store.commit(JournalTransaction(settlements: settlements, at: .sample))
        var found = try entries(store)
        #expect(found.map(\.id) == [rows[1].id, rows[0].id] && found.allSatisfy { $0.outcome == .deadLetter })
        #expect(found[1].group == 1 && found[1].attempts == 2 && found[1].detail == "crashed \u{1F4A5}")
        #expect(found[1].isFiring && found[1].acceptedAt == .at(milliseconds: 1_795_000_000_123))

        let note = HistoryNote(
            records: Dictionary(uniqueKeysWithValues: rows[0...1].map { ($0.id, record([$0], .dropped)) }), at: .sample)
        _ = try store.replay([rows[0].id, rows[3].id], firstSequence: 50, isForced: false, history: note)
        #expect(try store.drop([rows[1].id, rows[0].id], history: note) == 1)
        found = try entries(store)
        #expect(found.prefix(2).map(\.id) == [rows[1].id, rows[0].id] && found.count == 4)
    }

    @Test(arguments: JournalMedium.fresh())
    func pagesContinue(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
        for row in rows { try store.commit(JournalTransaction(settlements: settled([row]), at: .sample)) }
        var (sequences, cursor): ([Int64], Int64?) = ([], nil)
        for _ in 0..<3 {
            let page = try store.history(before: cursor, limit: 2, byteLimit: .max)
            sequences += page.rows.flatMap { $0.record.decoded(endedAt: .sample) ?? [] }.map(\.id.sequence)
            cursor = page.cursor ?? 0
        }
        #expect(sequences == [4, 3, 2, 1])
        #expect(try store.history(before: nil, limit: 9, byteLimit: 1).rows.count == 1, "the size is limited too")
    }

    @Test(arguments: JournalMedium.fresh())
    func historyIsBoundedByNumber(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        store.historyLimits = HistoryLimits(maxAge: .seconds(3600), maxEntries: 50)
        for sequence in Int64(1)...400 { try deliver(sequence, in: store, at: .sample) }
        let kept = try entries(store, limit: 1000).map(\.id.sequence)
        #expect(kept.count == 50)
        #expect(kept == Array((401 - Int64(kept.count)...400).reversed()), "the newest are kept")
        #expect(store.historyUsage.entries == Int64(kept.count))
    }

    @Test(arguments: JournalMedium.fresh())
    func historyIsBoundedByAge(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        store.historyLimits = HistoryLimits(maxAge: .seconds(3600), maxEntries: 1000)
        for sequence in Int64(1)...20 { try deliver(sequence, in: store, at: .sample) }
        try store.pruneHistory(at: .sample.advanced(bySeconds: 3000))
        #expect(store.historyUsage.rows == 20)
        try store.pruneHistory(at: .sample.advanced(bySeconds: 5000))
        #expect(store.historyUsage.rows == 0 && store.historyUsage.entries == 0 && store.historyUsage.bytes == 0)
        try deliver(21, in: store, at: .sample.advanced(bySeconds: 5000))
        #expect(try entries(store).map(\.id.sequence) == [21])
    }

    /// A quiet journal keeps what is not too old.
    @Test(arguments: JournalMedium.fresh())
    func onlyOldRowsAreDeleted(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        store.historyLimits = HistoryLimits(maxAge: .seconds(3600), maxEntries: 1000)
        for sequence in Int64(1)...20 {
            try deliver(sequence, in: store, at: .sample.advanced(bySeconds: sequence * 60))
        }
        try deliver(21, in: store, at: .sample.advanced(bySeconds: 3600 + 10 * 60 + 1))
        #expect(try entries(store).map(\.id.sequence) == Array((11...21).reversed()))
    }

    @Test(arguments: JournalMedium.fresh())
    func switchedOffHistoryIsEmptied(medium: JournalMedium) throws {
        let (store, _) = try medium.open()
        for sequence in Int64(1)...600 { try deliver(sequence, in: store, at: .sample) }
        store.historyLimits.maxEntries = 0
        for _ in 0..<3 { try store.pruneHistory(at: .sample) }
        #expect(store.historyUsage.rows == 0)
        try deliver(601, in: store, at: .sample)
        #expect(try entries(store).isEmpty)
    }

    private func deliver(_ sequence: Int64, in store: any JournalStore, at now: Timestamp) throws {
        let row = JournalSamples.append(sequence, JournalSamples.notification(.critical))
        try store.commit(JournalTransaction(appends: [[row]], at: now))
        try store.commit(JournalTransaction(settlements: settled([row]), at: now))
    }
}
