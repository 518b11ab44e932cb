import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import SQLiteJournal
@testable import Support

/// The history in the spool: it gives way to everything else.
@Suite struct SQLiteHistoryTests {
    private let spool = TemporarySpool()

    private func deliver(_ sequences: ClosedRange<Int64>, in store: SQLiteJournalStore, padding: Int = 0) throws {
        for sequence in sequences {
            let row = JournalSamples.append(sequence, JournalSamples.notification(.critical))
            try store.commit(JournalTransaction(appends: [[row]], at: .sample))
            try store.commit(
                JournalTransaction(settlements: [Self.settled(row.id, padding: padding)], at: .sample))
        }
    }

    private static func settled(_ id: JournalID, padding: Int = 0) -> JournalTransaction.Settled {
        let record = HistoryRecord(
            .init(.delivered, detail: padding > 0 ? String(repeating: "d", count: padding) : nil), id: id, group: 1,
            acceptedAt: .sample, isFiring: true)
        return JournalTransaction.Settled(id: id, settlement: .delivered, history: record)
    }

    private func sequences(_ store: SQLiteJournalStore) throws -> [Int64] {
        let page = try store.history(before: nil, limit: 10_000, byteLimit: .max)
        return page.rows.flatMap { $0.record.decoded(endedAt: $0.at) ?? [] }.map(\.id.sequence)
    }

    private func filled(_ sequences: ClosedRange<Int64> = 1...5) throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        try deliver(sequences, in: store)
        try store.close(at: .sample)
    }

    @Test(arguments: [
        "UPDATE history SET body = x'00' WHERE id = 3", "UPDATE history SET at = at + 1 WHERE id = 3",
        "UPDATE history SET body = 7 WHERE id = 3", "UPDATE history SET entries = 'x' WHERE id = 3",
    ])
    func damagedRowIsSkipped(damage: String) throws {
        try filled()
        try spool.edit(damage)
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        #expect(recovery.degraded == nil)
        let page = try store.history(before: nil, limit: 100, byteLimit: .max)
        #expect(page.damaged == 1 && page.rows.map(\.number) == [5, 4, 2, 1])
        try deliver(6...6, in: store)
        #expect(try sequences(store) == [6, 5, 4, 2, 1])
    }

    /// Row numbers that damage changed neither stop writing nor pruning.
    @Test func misplacedRowsDoNotStopTheHistory() throws {
        try filled()
        try spool.edit(
            """
            UPDATE history SET id = 1152921504606846975 WHERE id = 3; UPDATE history SET id = -5 WHERE id = 2;
            UPDATE history SET id = 9223372036854775807 WHERE id = 4
            """)
        let store = spool.store()
        _ = try store.open(at: .sample)
        try deliver(6...7, in: store)
        #expect(try sequences(store) == [7, 6, 5, 1])
        store.historyLimits = HistoryLimits(maxAge: .seconds(3600), maxEntries: 3)
        try deliver(8...40, in: store)
        #expect(try sequences(store).first == 40 && sequences(store).count <= 3)
    }

    @Test func unusableTableIsGivenUp() throws {
        try filled()
        try spool.edit(
            "DROP TABLE history; CREATE TABLE history (id INTEGER PRIMARY KEY, at INTEGER, entries INTEGER,"
                + " body BLOB, crc INTEGER); CREATE TRIGGER odd BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'odd'); END"
        )
        let store = spool.store()
        _ = try store.open(at: .sample)
        try deliver(6...8, in: store)
        #expect(store.pendingCounts[.critical] == 0 && store.historyUsage.lost == 3)
        #expect(try sequences(store).isEmpty)
    }

    @Test func schema5IsMigrated() throws {
        try spool.fill(3)
        try spool.downgrade(to: 5)
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        #expect(recovery.degraded == nil && recovery.wasClosed)
        #expect(try spool.pending(store) == [1, 2, 3])
        try deliver(10...10, in: store)
        #expect(try sequences(store) == [10])
    }

    /// A journal that fills deletes its history, so that it accepts as many notifications as without one.
    @Test(arguments: [0, 900])
    func fullJournalGivesUpTheHistory(padding: Int) throws {
        func capacity(delivered: Int64) throws -> Int {
            let spool = TemporarySpool()
            let store = spool.store(limit: 4 << 20)
            _ = try store.open(at: .sample)
            if delivered > 0 { try deliver(1...delivered, in: store, padding: padding) }
            let body = String(repeating: "x", count: 3000)
            var accepted = 0
            var shares = JournalShares()
            while accepted < 10_000 {
                let row = JournalSamples.append(
                    delivered + 1 + Int64(accepted), JournalSamples.notification(.critical, body: body))
                guard (try? store.commit(JournalTransaction(appends: [[row]], at: .sample))) != nil else { break }
                accepted += 1
                shares.update(store.usage)
                // Info is refused from 7/10 on, and not earlier because of the history.
                if store.usage.neededBytes < store.usage.appendLimitBytes / 10 * 7 { #expect(shares.refused.isEmpty) }
            }
            if delivered > 0 { #expect(store.historyUsage.rows == 0 && store.historyUsage.lost > 0) }
            return accepted
        }
        let (without, with) = (try capacity(delivered: 0), try capacity(delivered: 800))
        #expect(with >= without - 5 && without > 500, "\(with) of \(without)")
    }

    @Test func historyIsBoundedBySize() throws {
        let store = spool.store(limit: 1 << 20)
        _ = try store.open(at: .sample)
        try deliver(1...600, in: store, padding: 380)
        #expect(store.historyUsage.bytes <= 1 << 17)
        #expect(try sequences(store).first == 600)
    }

    /// A disk that is full after the webhook: the settlement does without its record.
    @Test func settlementWithoutSpaceOmitsTheHistory() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        let row = JournalSamples.append(1, JournalSamples.notification(.critical))
        try store.commit(JournalTransaction(appends: [[row]], at: .sample))
        let connection = try #require(store.statements?.connection)
        try connection.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON main.history BEGIN SELECT RAISE(ABORT, 'no space'); END")
        try store.commit(JournalTransaction(settlements: [Self.settled(row.id)], at: .sample))
        #expect(store.pendingCounts[.critical] == 0 && store.historyUsage.lost == 1)
    }

    @Test func repairKeepsTheHistory() throws {
        try filled(1...400)
        try spool.append(401...401)
        var bytes = try spool.bytes("spool.db")
        // The root page of a destination's table.
        bytes.replaceSubrange(8192 + 3..<8192 + 5, with: [0xFF, 0xFF])
        try spool.write(bytes, to: "spool.db")
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        #expect(recovery.degraded != nil)
        #expect(try sequences(store) == Array((1...400).reversed()))
        #expect(try spool.pending(store) == [401])
    }
}
