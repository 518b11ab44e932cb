import CSQLite
import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import SQLiteJournal

/// The flags of a notification, which share the column `crc` with its checksum.
@Suite struct SpoolFlagTests {
    private let spool = TemporarySpool()

    /// Every combination of flags, as warnings 1 to 4.
    private static let samples: [StoredNotification] = (0..<4).map { (number: Int) -> StoredNotification in
        let notification = JournalSamples.notification(
            body: "body \(number)", isResolved: number & 1 != 0, isReplayed: number & 2 != 0)
        return JournalSamples.append(Int64(number + 1), notification)
    }

    private func fill() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        try store.commit(JournalTransaction(appends: [Self.samples], at: .sample))
        try store.close(at: .sample)
    }

    private func pending(_ store: SQLiteJournalStore, _ destination: Destination = .warning) throws
        -> [StoredNotification]
    {
        try store.pending(destination, after: nil, limit: 100, byteLimit: .max, at: .sample).notifications
    }

    private func rows(_ store: SQLiteJournalStore, _ destination: Destination = .warning) throws -> [PendingRow] {
        try store.rows(destination, after: nil, limit: 100, at: .sample).rows.rows
    }

    // MARK: Checksums

    /// An earlier relay wrote this checksum. Its rows must stay valid.
    @Test func rowWithoutFlagsHasTheEarlierChecksum() {
        let row = SpoolRow(JournalSamples.append(2, JournalSamples.notification(body: "body 2")))
        #expect(row.id == 33 && row.checksum == 1_761_839_229)
    }

    @Test func flagsAreStoredAboveTheChecksum() {
        let columns = Self.samples.map { SpoolRow($0).checksum }
        #expect(columns.map { $0 >> 32 } == [0, 1, 2, 3])
        #expect(Set(columns.map { $0 & 0xffff_ffff }).count == 4)
    }

    @Test func everyFlippedBitOfTheColumnIsFoundAsDamage() throws {
        for sample in Self.samples {
            let body = sample.notification.body
            var row = SpoolRow(sample)
            #expect(row.isIntact(body))
            for bit in 0..<64 {
                row.checksum ^= 1 << Int64(bit)
                #expect(!row.isIntact(body), "bit \(bit) of \(sample.id)")
                row.checksum ^= 1 << Int64(bit)
            }
        }
    }

    @Test(arguments: [32, 33, 34, 63])
    func aRowWithAFlippedFlagBecomesADeadLetter(bit: Int) throws {
        try fill()
        // SQLite has no exclusive-or operator.
        let mask = Int64(bitPattern: 1 << UInt64(bit))
        let flip = "crc = (crc | \(mask)) - (crc & \(mask))"
        try spool.edit("UPDATE notification_warning SET \(flip) WHERE id = \(Self.samples[1].id)")
        let store = spool.store()
        _ = try store.open(at: .sample)
        let window = try store.pending(.warning, after: nil, limit: 9, byteLimit: .max, at: .sample)
        #expect(window.notifications == [Self.samples[0], Self.samples[2], Self.samples[3]] && window.damaged == 1)
        let letter = try #require(try store.deadLetters(after: nil, limit: 9).first)
        #expect(try store.deadLetter(letter.id)?.isIntact == false)
        #expect(try store.replay([letter.id], firstSequence: 100).damaged == [letter.id])
    }

    // MARK: Persistence

    @Test func repeatsAreStoredBesideTheFlags() throws {
        let repeats: [Int?] = [nil, 0, 1, 300, Alerts.Notification.maxRepeats]
        let rows = repeats.enumerated().map { (number: Int, repeats: Int?) -> StoredNotification in
            var row = JournalSamples.append(
                Int64(number + 1), JournalSamples.notification(body: "a", isResolved: number % 2 == 0))
            row.notification.repeats = repeats
            return row
        }
        let store = spool.store()
        _ = try store.open(at: .sample)
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
        #expect(try pending(store) == rows)
        #expect(try self.rows(store) == rows.map { PendingRow($0) })
        let death = JournalSettlement.dead(reason: DeadLetter.Reason(rawValue: "refused"), attempts: 1, answer: nil)
        try store.commit(JournalTransaction(settlements: [.init(id: rows[3].id, settlement: death)], at: .sample))
        let replay = try store.replay([rows[3].id], firstSequence: 100)
        #expect(replay.entries.map(\.notification.repeats) == [nil], "a replay is no repeat")
        try store.close(at: .sample)
        try spool.write(Data(), to: "spool.damaged")
        let repaired = spool.store()
        _ = try repaired.open(at: .sample)
        #expect(try pending(repaired) == rows.filter { $0.id != rows[3].id } + replay.entries)
    }

    @Test func flagsSurviveARepair() throws {
        try fill()
        let first = spool.store()
        _ = try first.open(at: .sample)
        let death = JournalSettlement.dead(reason: .damaged, attempts: 1, answer: nil)
        let dead = Self.samples.suffix(2).map(\.id)
        try first.commit(
            JournalTransaction(settlements: dead.map { .init(id: $0, settlement: death) }, at: .sample))
        try first.close(at: .sample)
        try spool.write(Data(), to: "spool.damaged")
        let second = spool.store()
        _ = try second.open(at: .sample)
        #expect(try pending(second) == Array(Self.samples.prefix(2)))
        #expect(try dead.map { try second.deadLetter($0)?.isIntact } == [true, true])
        let replay = try second.replay(dead, firstSequence: 100)
        #expect(replay.entries.map(\.notification.isResolved) == [false, true])
        try second.close(at: .sample)

        // Without the first page there is no tree. The rows are recovered from the pages.
        var bytes = try spool.bytes("spool.db")
        bytes.replaceSubrange(0..<8192, with: Data(repeating: 0, count: 8192))
        try spool.write(bytes, to: "spool.db")
        let third = spool.store()
        #expect(try third.open(at: .sample).degraded != nil)
        #expect(try pending(third) == Self.samples.prefix(2) + replay.entries)
    }

    /// The spool of schema 3 in the fixtures was made by the relay of that time.
    @Test func schema3IsMigratedWithoutLoss() throws {
        try FileManager.default.createDirectory(atPath: spool.path, withIntermediateDirectories: true)
        try spool.edit(Checkout.text("Tests/Fixtures/spool-schema-3.sql"))
        try spool.edit("PRAGMA wal_checkpoint(TRUNCATE)")
        let size = Int64(try spool.bytes("spool.db").count)
        try #require(try SpoolWitnessFile(path: spool.path + "/spool.witness", makingNew: true)).write(
            SpoolWitness(
                phase: .closed, session: 1, databaseBytes: size, firstSequence: 1, nextSequence: 7, pending: 4,
                deadLetters: 1))
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        #expect(recovery.degraded == nil && recovery.wasClosed && recovery.missing == 0 && recovery.hooks.isEmpty)
        #expect(recovery.nextSequence == 7 && recovery.seen.count == 5)
        #expect(try store.statements?.connection.integer("PRAGMA user_version") == 6)
        let large = JournalSamples.notification(.critical, group: 5, body: String(repeating: "large ", count: 2000))
        #expect(try pending(store, .critical) == [JournalSamples.append(5, large)])
        #expect(
            try pending(store)
                == (2...3).map { JournalSamples.append($0, JournalSamples.notification(body: "body \($0)")) })
        #expect(store.receivers.values.map { $0 } == ["database"])
        let receiver = try #require(store.receivers.keys.first)
        var own = JournalSamples.notification(.info, body: "own")
        own.receiver = receiver
        #expect(try pending(store, own.destination) == [JournalSamples.append(6, own)])
        for destination in Destination.all(with: [receiver]) {
            #expect(try rows(store, destination) == pending(store, destination).map { PendingRow($0) })
        }
        let letter = JournalID(sequence: 4, destination: .warning)
        #expect(try store.deadLetter(letter)?.isIntact == true)
        let replayed = JournalSamples.notification(body: "body 4", isReplayed: true)
        #expect(
            try store.replay([letter], firstSequence: 7).entries == [JournalSamples.append(7, replayed)])
    }

    // MARK: Rows

    @Test func rowsReadNoPageOfLargeBodies() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        let body = String(repeating: "x", count: 1 << 20)
        for sequence in 1...20 as ClosedRange<Int64> {
            let row = JournalSamples.append(sequence, JournalSamples.notification(body: body, isResolved: true))
            try store.commit(JournalTransaction(appends: [[row]], at: .sample))
        }
        try store.close(at: .sample)
        let next = spool.store()
        _ = try next.open(at: .sample)
        let connection = try #require(next.statements?.connection)
        try connection.execute("PRAGMA shrink_memory")
        let misses = {
            var current: Int32 = 0
            var highest: Int32 = 0
            sqlite3_db_status(connection.handle, SQLITE_DBSTATUS_CACHE_MISS, &current, &highest, 1)
            return current
        }
        _ = misses()
        #expect(try rows(next).count == 20)
        // At most one leaf page per row, and the pages above them. Each body has 129 pages.
        #expect(misses() < 30)
        #expect(try pending(next).count == 20)
        #expect(misses() > 2000)
    }

    @Test(arguments: ["id = 34", "id = -15", "id = 0", "id = 9223372036854775807"])
    func misplacedRowBecomesADeadLetter(change: String) throws {
        try fill()
        try spool.edit("UPDATE notification_warning SET \(change) WHERE id = \(Self.samples[1].id)")
        let store = spool.store()
        _ = try store.open(at: .sample)
        let found = try store.rows(.warning, after: nil, limit: 9, at: .sample)
        #expect(found.rows.rows == [0, 2, 3].map { PendingRow(Self.samples[$0]) } && found.damaged == 1)
        #expect(found.rows.isLast && store.deadLetterCounts[.warning] == 1 && store.pendingCounts[.warning] == 3)
        #expect(try store.deadLetters(after: nil, limit: 9).map(\.reason) == [.damaged])
        #expect(try store.rows(.warning, after: nil, limit: 9, at: .sample).damaged == 0)
    }
}
