import CSQLite
import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import SQLiteJournal

/// The receivers and their numbers in the spool.
@Suite struct SQLiteReceiverTests {
    private let spool = TemporarySpool()

    @Test func spoolWithoutReceiversIsMigrated() throws {
        try spool.fill(3)
        try spool.downgrade(to: 1)
        let store = spool.store()
        #expect(try store.open(at: .sample).degraded == nil)
        #expect(store.receivers.isEmpty)
        #expect(try spool.pending(store) == [1, 2, 3])
        #expect(try store.register(["database"], forgettingOthers: true).values.map { $0 } == ["database"])
    }

    @Test func receiverKeepsItsNumberWhileItHasNotifications() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        let ids = try store.register(["database", "network"], forgettingOthers: false)
        let database = try #require(ids.first { $0.value == "database" }?.key)
        var notification = JournalSamples.notification(.critical, body: "a")
        notification.receiver = database
        let stored = JournalSamples.append(1, notification)
        try store.commit(JournalTransaction(appends: [[stored]], at: .sample))
        try store.close(at: .sample)

        let next = spool.store()
        _ = try next.open(at: .sample)
        #expect(next.pendingCounts[notification.destination] == 1)
        #expect(try next.register(["other"], forgettingOthers: true).values.sorted() == ["database", "other"])
        let window = try next.pending(notification.destination, after: nil, limit: 9, byteLimit: .max, at: .sample)
        #expect(window.notifications == [stored])
        try next.commit(
            JournalTransaction(settlements: [.init(id: stored.id, settlement: .delivered)], at: .sample))
        #expect(try next.register(["other"], forgettingOthers: true).values.sorted() == ["other"])
        try next.close(at: .sample)
    }

    /// The limit of appends does not apply, or a reload with many receivers would fail.
    @Test(arguments: [1 << 20, 64 << 20] as [Int64])
    func receiversMayExceedTheLimitOfAppends(limit: Int64) throws {
        let store = spool.store(limit: limit)
        _ = try store.open(at: .sample)
        let row = JournalSamples.append(1, JournalSamples.notification())
        try store.commit(JournalTransaction(appends: [[row]], at: .sample))
        #expect(try store.register((1...255).map { "team\($0)" }, forgettingOthers: false).count == 255)
        try store.close(at: .sample)
    }

    /// 100 receivers have 400 tables, most of them always empty.
    @Test func tablesWithoutRowsKeepNoStatements() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        let names = (1...100).map { "team\($0)" }
        let before = store.memory(SQLITE_DBSTATUS_STMT_USED)
        _ = try store.register(names, forgettingOthers: true)
        for destination in store.destinations {
            _ = try store.rows(destination, after: nil, limit: 256, at: .sample)
        }
        #expect(before > 0 && store.memory(SQLITE_DBSTATUS_STMT_USED) - before < 100_000)
        try store.close(at: .sample)
    }

    @Test func idleStoreReleasesItsCache() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        _ = try store.register((1...100).map { "team\($0)" }, forgettingOthers: true)
        #expect(store.memory(SQLITE_DBSTATUS_CACHE_USED) > 1_000_000)
        _ = try store.inspect()
        #expect(store.memory(SQLITE_DBSTATUS_CACHE_USED) > 1_000_000, "in use a moment ago")
        _ = try store.inspect()
        #expect(store.memory(SQLITE_DBSTATUS_CACHE_USED) < 100_000)
        let stored = JournalSamples.append(1, JournalSamples.notification(body: "a"))
        try store.commit(JournalTransaction(appends: [[stored]], at: .sample))
        let destination = stored.notification.destination
        #expect(try store.rows(destination, after: nil, limit: 9, at: .sample).rows.rows.map(\.id) == [stored.id])
        try store.close(at: .sample)
    }

    /// A journal at its limit must start with a configuration that has more receivers, and drain.
    @Test func fullJournalAcceptsReceiversAndDeadLettersAndCloses() throws {
        let store = spool.store(limit: 1 << 20)
        _ = try store.open(at: .sample)
        var pending: [StoredNotification] = []
        var error: JournalStoreError?
        while error == nil {
            let body = String(repeating: "x", count: pending.isEmpty ? 400_000 : 1000)
            let stored = JournalSamples.append(Int64(pending.count + 1), JournalSamples.notification(body: body))
            do throws(JournalStoreError) {
                try store.commit(JournalTransaction(appends: [[stored]], at: .sample))
                pending.append(stored)
            } catch let full {
                error = full
            }
        }
        #expect(error == .full(.journalLimit))
        let names = (1...100).map { "receiver-\($0)" }
        #expect(try store.register(names, forgettingOthers: false).count == 100)
        #expect(store.usage.usedBytes <= 1 << 20, "empty tables do not count")
        store.closeWithoutFlush()

        let next = spool.store(limit: 1 << 20)
        _ = try next.open(at: .sample)
        let others = (1...100).map { "other-\($0)" }
        #expect(try next.register(others, forgettingOthers: true).count == 100)
        let death = JournalSettlement.dead(reason: .damaged, attempts: 1, answer: nil)
        let settlements = pending.map { JournalTransaction.Settled(id: $0.id, settlement: death) }
        try next.commit(JournalTransaction(settlements: settlements, at: .sample))
        #expect(next.deadLetterCounts[.warning] == pending.count)
        #expect(try next.drop(pending.map(\.id)) == pending.count)
        #expect(next.hasCapacity)
        let stored = JournalSamples.append(1_000_000, JournalSamples.notification(body: "a"))
        try next.commit(JournalTransaction(appends: [[stored]], at: .sample))
        try next.close(at: .sample)
    }

    @Test func receiversKeepTheirNumbersAfterARepair() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        let ids = try store.register(["gone", "database"], forgettingOthers: false)
        _ = try store.register(["database"], forgettingOthers: true)
        var notification = JournalSamples.notification(.warning, body: "a")
        notification.receiver = try #require(ids.first { $0.value == "database" }?.key)
        let entries = (1...2).map { JournalSamples.append(Int64($0), notification) }
        try store.commit(JournalTransaction(appends: [entries], at: .sample))
        let death = JournalSettlement.dead(reason: .damaged, attempts: 1, answer: nil)
        try store.commit(JournalTransaction(settlements: [.init(id: entries[0].id, settlement: death)], at: .sample))
        try store.close(at: .sample)

        try spool.write(Data(), to: "spool.damaged")
        let saved = spool.store()
        _ = try saved.open(at: .sample)
        #expect(saved.receivers == [notification.receiver: "database"])
        #expect(saved.pendingCounts[notification.destination] == 1)
        #expect(saved.deadLetterCounts[notification.destination] == 1)
        #expect(try saved.deadLetter(entries[0].id)?.letter.destination == notification.destination)
        let window = try saved.pending(notification.destination, after: nil, limit: 9, byteLimit: .max, at: .sample)
        #expect(window.notifications == [entries[1]])
    }
}

extension SQLiteJournalStore {
    /// Bytes that SQLite uses for a purpose (sqlite.org/c3ref/c_dbstatus_options.html); 0 while the store is not open.
    fileprivate func memory(_ purpose: Int32) -> Int {
        guard let handle = statements?.connection.handle else { return 0 }
        var (current, highest): (Int32, Int32) = (0, 0)
        guard sqlite3_db_status(handle, purpose, &current, &highest, 0) == SQLITE_OK else { return 0 }
        return Int(current)
    }
}
