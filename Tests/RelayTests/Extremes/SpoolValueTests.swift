import Foundation
import Libevent
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import SQLiteJournal
@testable import Support

/// Extreme and damaged values in every column: nothing traps, and no notification disappears.
@Suite struct SpoolValueTests {
    private static let integers: [Int64] = [
        .min, .min + 1, -1 << 51, -1, 0, 1, 255, 256, 1 << 31, 1 << 50, (1 << 51) - 1, 1 << 51, 1 << 60, 1 << 62,
        .max - 1,
        .max,
    ]

    struct Edit: Sendable, CustomTestStringConvertible {
        var sql: String
        var testDescription: String { sql }
    }

    private static let row = (2 << 4 | 1) as Int64

    private static func sealed(_ key: String, _ value: Int64) -> Edit {
        let checksum = RowChecksum.of(name: key, value: value)
        return Edit(sql: "INSERT OR REPLACE INTO meta VALUES ('\(key)', \(value), \(checksum))")
    }

    static let edits: [Edit] = {
        var edits: [Edit] = []
        for value in integers {
            for column in ["id", "group_id", "accepted_at", "crc"] {
                edits.append(Edit(sql: "UPDATE notification_warning SET \(column) = \(value) WHERE id = \(row)"))
            }
            for column in ["id", "group_id", "accepted_at", "crc", "severity", "died_at", "attempts"] {
                edits.append(Edit(sql: "UPDATE dead_letter SET \(column) = \(value)"))
            }
            for column in ["id", "at"] {
                edits.append(Edit(sql: "UPDATE OR IGNORE seen SET \(column) = \(value) WHERE id = 2"))
            }
            for column in ["number", "crc"] {
                edits.append(Edit(sql: "UPDATE receiver SET \(column) = \(value)"))
            }
            for key in ["reserved_sequence", "clean_shutdown", "pending_warning", "dead_warning", "pending_1_info"] {
                edits.append(Edit(sql: "UPDATE meta SET value = \(value) WHERE key = '\(key)'"))
                edits.append(Edit(sql: "UPDATE meta SET crc = \(value) WHERE key = '\(key)'"))
            }
            // A number with a valid checksum comes from a bug of the relay, not from the disk.
            edits.append(sealed("reserved_sequence", value))
            for column in ["key", "value", "crc"] {
                edits.append(Edit(sql: "UPDATE hook SET \(column) = \(value)"))
            }
            for column in ["id", "group_id", "accepted_as", "crc"] {
                edits.append(Edit(sql: "UPDATE later_states SET \(column) = \(value)"))
            }
            edits.append(Edit(sql: "INSERT INTO report (missing, text) VALUES (\(value), 'a')"))
        }
        for value in ["NULL", "''", "x'ff'", "'text'", "1.5e300", "zeroblob(100000)"] {
            edits.append(Edit(sql: "UPDATE OR IGNORE notification_warning SET body = \(value) WHERE id = \(row)"))
            edits.append(Edit(sql: "UPDATE OR IGNORE notification_warning SET crc = \(value) WHERE id = \(row)"))
            edits.append(Edit(sql: "UPDATE OR IGNORE dead_letter SET reason = \(value)"))
            edits.append(Edit(sql: "UPDATE OR IGNORE dead_letter SET answer = \(value), attempts = \(value)"))
            edits.append(Edit(sql: "UPDATE OR IGNORE seen SET key = \(value)"))
            edits.append(Edit(sql: "UPDATE OR IGNORE receiver SET name = \(value)"))
            edits.append(Edit(sql: "UPDATE OR IGNORE hook SET key = \(value)"))
            edits.append(Edit(sql: "UPDATE OR IGNORE hook SET value = \(value), crc = \(value)"))
            edits.append(Edit(sql: "UPDATE OR IGNORE later_states SET states = \(value), crc = \(value)"))
            edits.append(Edit(sql: "UPDATE OR IGNORE meta SET value = \(value)"))
            edits.append(Edit(sql: "UPDATE OR IGNORE meta SET key = \(value) WHERE key = 'reserved_sequence'"))
        }
        edits += [
            Edit(sql: "PRAGMA user_version = -1"), Edit(sql: "PRAGMA user_version = -2147483648"),
            Edit(sql: "PRAGMA user_version = 0"), Edit(sql: "PRAGMA user_version = 7"),
            Edit(sql: "PRAGMA user_version = 2147483647"), Edit(sql: "PRAGMA user_version = 1"),
            Edit(sql: "PRAGMA user_version = 2"), Edit(sql: "PRAGMA user_version = 3"), Edit(sql: "DROP TABLE hook"),
            Edit(sql: "PRAGMA user_version = 4"), Edit(sql: "DROP TABLE later_states"),
            Edit(sql: "DELETE FROM meta"), Edit(sql: "DELETE FROM receiver"), Edit(sql: "DROP TABLE seen"),
            Edit(sql: "DROP TABLE meta"), Edit(sql: "DROP TABLE report"), Edit(sql: "DROP TABLE receiver"),
        ]
        return edits
    }()

    /// Writes three warnings, one dead letter, one receiver's notification and one hook record, and closes the spool.
    private static func fill(_ spool: TemporarySpool) throws {
        let bench = try JournalBench(on: { _ in spool.store() })
        let ids = try bench.journal.register(["database"]).get()
        var own = JournalSamples.notification(.info, body: "own")
        own.receiver = try #require(ids.keys.first)
        try bench.append(1...4)
        try bench.journal.append(JournalSamples.batch(5, [own]), for: 5)
        bench.idle()
        bench.journal.settle(
            JournalID(sequence: 4, destination: .warning), as: .dead(reason: .damaged, attempts: 1, answer: "a"))
        try bench.journal.commitNow([HookRow(key: [1], value: [2])]).get()
        bench.journal.close()
    }

    /// Uses a spool as a relay does, and returns the number of its notifications.
    private static func use(_ spool: TemporarySpool, key: Int) throws -> Int {
        let bench = try JournalBench(on: { _ in spool.store() })
        let journal = bench.journal
        defer { journal.close() }
        _ = journal.register(["database", "network"], forgettingOthers: true)
        try bench.append([key])
        bench.idle()
        #expect(try bench.results().allSatisfy { try !$0.get().notifications.isEmpty })
        var pending: [JournalID] = []
        try journal.commitNow([HookRow(key: [1], value: [3])]).get()
        for destination in Destination.all(with: journal.snapshot.receivers.keys) {
            journal.rows(destination, after: nil, limit: 100) { result in
                #expect(throws: Never.self) { try result.get() }
            }
            let window = try? journal.load(destination, after: nil, limit: 100, byteLimit: .max).get()
            pending += (window?.notifications ?? []).map(\.id)
        }
        bench.idle()
        let desk = DeadLetterService(journal: journal) { _ in }
        let letters = try journal.deadLetters(limit: 100)
        for isJSON in [true, false] {
            #expect(letters.isEmpty || !desk.execute(.list(after: nil), asJSON: isJSON).output.isEmpty)
            for letter in letters { #expect(!desk.execute(.show(letter.id), asJSON: isJSON).output.isEmpty) }
        }
        let metrics = Metrics()
        metrics.register(journal)
        let (page, isRead) = (Locked(""), DispatchSemaphore(value: 0))
        LoopActor.post {
            page.withLock { $0 = metrics.text(metrics.readGauges()).text }
            isRead.signal()
        }
        isRead.wait()
        #expect(page.withLock { $0 }.contains("relay_journal_pending"))
        #expect(ServiceStatus.line(journal.snapshot).isEmpty == false)
        #expect(bench.failures.withLock { $0 } == [])
        return pending.count + letters.count
    }

    @Test(arguments: edits)
    func noValueStopsTheJournalOrHidesANotification(edit: Edit) throws {
        let spool = TemporarySpool()
        try Self.fill(spool)
        try spool.edit(edit.sql)
        #expect(try Self.use(spool, key: 100) == 6)
        #expect(try Self.use(spool, key: 101) == 7)
        // Replayed notifications must not stop it either.
        let bench = try JournalBench(on: { _ in spool.store() })
        _ = try bench.journal.replay(bench.journal.deadLetters(limit: 100).map(\.id))
        bench.journal.close()
        #expect(try Self.use(spool, key: 102) == 8)
    }

    /// A flipped bit in the file leaves the tree unordered: the row's id is greater than those after it.
    @Test(arguments: [true, false])
    func aFlippedBitInAnIDOfTheFileLosesNothing(wasClosed: Bool) throws {
        for bit in [0, 3, 7, 10] {
            let spool = TemporarySpool()
            try spool.fill(60)
            if !wasClosed { try spool.edit("UPDATE meta SET value = 0 WHERE key = 'clean_shutdown'") }
            var bytes = try spool.bytes("spool.db")
            // A cell begins with the payload size and the id as varints. The body's position locates it.
            let body = try #require(bytes.range(of: Data("30 xxxx".utf8)))
            let id = JournalID(sequence: 30, destination: .warning).rawValue
            let varint = Data([UInt8(0x80 | id >> 7), UInt8(id & 0x7f)])
            let place = try #require(
                bytes.range(of: varint, options: .backwards, in: body.lowerBound - 60..<body.lowerBound))
            bytes[place.lowerBound + bit / 8] ^= 1 << UInt8(bit % 8)
            try spool.write(bytes, to: "spool.db")
            let store = spool.store()
            _ = try store.open(at: .sample)
            let pending = try spool.pending(store).count
            #expect(pending + (try store.deadLetters(after: nil, limit: 100).count) == 60, "bit \(bit)")
            store.closeWithoutFlush()
        }
    }

    @Test func schema2IsMigratedWithItsReceivers() throws {
        let spool = TemporarySpool()
        try Self.fill(spool)
        try spool.downgrade(to: 2)
        let first = spool.store()
        #expect(try first.open(at: .sample).degraded == nil)
        first.closeWithoutFlush()
        #expect(try Self.use(spool, key: 100) == 6)
        let store = spool.store()
        #expect(try store.open(at: .sample).degraded == nil)
        #expect(store.receivers.values.sorted() == ["database", "network"])
        let connection = try #require(store.statements?.connection)
        #expect(try connection.integer("SELECT count(*) FROM meta WHERE crc = -1") == 0)
        #expect(try connection.integer("SELECT count(*) FROM receiver WHERE crc = -1") == 0)
    }
}
