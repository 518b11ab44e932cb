import Foundation
import TestSupport
import Testing

@testable import Journaling
@testable import SQLiteJournal

/// Hook records in the spool.
@Suite struct SpoolHookTests {
    private let spool = TemporarySpool()

    private static func hook(_ number: Int, _ value: UInt8 = 0) -> HookRow {
        HookRow(key: Array(String(format: "key %04d", number).utf8), value: [value])
    }

    private func write(_ hooks: [HookRow]) throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        try store.commit(JournalTransaction(hooks: hooks, at: .sample))
        try store.close(at: .sample)
    }

    private func found() throws -> JournalRecovery {
        let store = spool.store()
        defer { store.closeWithoutFlush() }
        return try store.open(at: .sample)
    }

    @Test(arguments: [
        "value = x'07'", "key = x'07'", "crc = crc + 1", "crc = -1", "key = CAST(key AS TEXT)",
        "value = CAST(value AS TEXT)", "value = 5",
    ])
    func damagedRecordIsSkippedAndReported(change: String) throws {
        let hooks = (1...3).map { Self.hook($0, 65) }
        try write(hooks)
        try spool.edit("UPDATE hook SET \(change) WHERE key = CAST('key 0002' AS BLOB)")
        let recovery = try found()
        #expect(recovery.hooks == [hooks[0], hooks[2]])
        #expect(recovery.degraded?.hasPrefix("1 of the spool's records of hooks") == true)
        try write([Self.hook(2, 66)])
        #expect(try found().hooks == [hooks[0], Self.hook(2, 66), hooks[2]])
    }

    @Test func newestRecordsAreKept() throws {
        let limit = SQLiteJournalStore.hookLimit
        try write((0..<limit).map { Self.hook($0) })
        #expect(try found().hooks.count == limit)
        // Records 0 to 4 of the earlier process are written again, so 5 to 14 are evicted.
        try write((0..<5).map { Self.hook($0, 1) } + (limit..<limit + 10).map { Self.hook($0, 1) })
        let expected = (0..<5).map { Self.hook($0, 1) } + (15..<limit).map { Self.hook($0) }
        #expect(try found().hooks == expected + (limit..<limit + 10).map { Self.hook($0, 1) })
        // More than the limit at once.
        try write((0..<limit + 100).map { Self.hook($0, 2) })
        #expect(try found().hooks == (100..<limit + 100).map { Self.hook($0, 2) })
    }

    @Test func aStartKeepsNoMoreThanTheLimit() throws {
        let limit = SQLiteJournalStore.hookLimit
        try write([Self.hook(0)])
        for number in 1..<limit + 5 {
            let hook = Self.hook(number)
            let key = String(decoding: hook.key, as: UTF8.self)
            let checksum = RowChecksum.of(key: hook.key, value: hook.value)
            try spool.edit("INSERT INTO hook VALUES (CAST('\(key)' AS BLOB), x'00', \(checksum))")
        }
        let recovery = try found()
        #expect(recovery.hooks == (0..<limit).map { Self.hook($0) } && recovery.degraded == nil)
        #expect(try found().hooks.count == limit)
    }

    @Test func repairDropsHookRecords() throws {
        try write((1...500).map { HookRow(key: Self.hook($0).key, value: [UInt8](repeating: 7, count: 9000)) })
        try spool.fill(20)
        try spool.write(Data(), to: "spool.damaged")
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        #expect(recovery.hooks.isEmpty)
        #expect(recovery.degraded?.contains("20 notifications were recovered") == true)
        #expect(try spool.pending(store) == Array(1...20))
        try store.commit(JournalTransaction(hooks: [Self.hook(1)], at: .sample))
        store.closeWithoutFlush()
        #expect(try found().hooks == [Self.hook(1)])
    }

    /// Records of a failed transaction do not count towards the limit.
    @Test func aFailedCommitLeavesTheRecordsAsTheyWere() throws {
        let store = spool.store(limit: 1 << 20)
        _ = try store.open(at: .sample)
        try store.commit(JournalTransaction(hooks: [Self.hook(1)], at: .sample))
        let row = JournalSamples.append(1, JournalSamples.notification(body: String(repeating: "x", count: 2 << 20)))
        let transaction = JournalTransaction(
            appends: [[row]], hooks: [Self.hook(1, 9), Self.hook(2, 9)], at: .sample)
        #expect(throws: JournalStoreError.full(.journalLimit)) {
            try store.write(transaction, bytes: Int64(transaction.bytes), isBounded: true)
        }
        #expect(store.hookWrites.keys.map { $0 } == [Self.hook(1).key])
        store.closeWithoutFlush()
        #expect(try found().hooks == [Self.hook(1)])
    }

    @Test func journalAtItsLimitAcceptsHookRecords() throws {
        let store = spool.store(limit: 1 << 20)
        _ = try store.open(at: .sample)
        var sequence: Int64 = 0
        #expect(throws: JournalStoreError.full(.journalLimit)) {
            while true {
                sequence += 1
                let body = String(repeating: "x", count: 3000)
                let row = JournalSamples.append(sequence, JournalSamples.notification(body: body))
                try store.commit(JournalTransaction(appends: [[row]], at: .sample))
            }
        }
        let hooks = (0..<SQLiteJournalStore.hookLimit).map { Self.hook($0) }
        try store.commit(JournalTransaction(hooks: hooks, at: .sample))
        store.closeWithoutFlush()
        #expect(try found().hooks.count == hooks.count)
    }
}
