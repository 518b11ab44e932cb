import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import SQLiteJournal

/// The witness detects acknowledged notifications that are missing, whatever happens to the spool's files.
@Suite struct SpoolWitnessTests {
    private static let count: Int64 = 100

    /// Returns the spool of a killed process: one hundred warnings, one per commit, all in the log.
    private static func killed(bodySize: Int = 400) throws -> TemporarySpool {
        let spool = TemporarySpool()
        let store = spool.store()
        _ = try store.open(at: .sample)
        for id in 1...count {
            try commit(id, bodySize, to: store)
        }
        store.closeWithoutFlush()
        return spool
    }

    private static func commit(_ id: Int64, _ bodySize: Int, to store: SQLiteJournalStore) throws {
        let body = "\(store.nextSequence) " + String(repeating: "x", count: bodySize)
        let row = JournalSamples.append(store.nextSequence, JournalSamples.notification(body: body))
        let seen = SeenKey(id: id, group: 1, key: ShortDedupeKey(bytes: [UInt8(id)]), at: .sample)
        try store.commit(JournalTransaction(appends: [[row]], seen: [seen], at: .sample))
    }

    private struct Found {
        var pending: Int
        /// All of them are damaged rows; these tests have no other dead letters.
        var dead: Int
        var missing: Int
        var degraded: String?
    }

    /// Opens the spool, checks that its notifications are unchanged, and ends like a killed process.
    private static func open(_ spool: TemporarySpool) throws -> Found {
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        defer { store.closeWithoutFlush() }
        let window = try store.pending(.warning, after: nil, limit: 10_000, byteLimit: .max, at: .sample)
        #expect(window.notifications.allSatisfy { $0.notification.body.starts(with: "\($0.id.sequence) x".utf8) })
        return Found(
            pending: window.notifications.count, dead: store.deadLetterCounts.values.reduce(0, +),
            missing: recovery.missing, degraded: recovery.degraded)
    }

    /// Every notification is present or counted as missing, and a second start reports the same.
    private static func expectAccount(_ spool: TemporarySpool, of count: Int = Int(count), _ what: String) throws {
        let found = try open(spool)
        #expect(found.pending + found.dead + found.missing == count, "\(what): \(found)")
        #expect(found.degraded != nil, "\(what)")
        if found.missing > 0 { #expect(found.degraded?.contains("missing") == true, "\(what): \(found)") }
        let again = try open(spool)
        #expect(again.pending == found.pending && again.missing == found.missing, "\(what): \(again)")
        #expect(again.degraded == found.degraded)
    }

    private static func remove(_ name: String, from spool: TemporarySpool) throws {
        try FileManager.default.removeItem(atPath: spool.path + "/" + name)
    }

    // MARK: No damage

    @Test func aKillAloneIsNoDamage() throws {
        let spool = try Self.killed()
        for _ in 0..<3 {
            let found = try Self.open(spool)
            #expect(found.pending == Int(Self.count) && found.missing == 0 && found.degraded == nil)
        }
    }

    @Test func anEmptyFileOfAKilledFirstStartIsNoDamage() throws {
        let spool = TemporarySpool()
        _ = try Self.open(spool)
        try Self.remove("spool.db", from: spool)
        try Self.remove("spool.db-wal", from: spool)
        try Self.remove("spool.witness", from: spool)
        // A start creates the witness first, then SQLite's empty file.
        _ = try SpoolWitnessFile(path: spool.path + "/spool.witness", makingNew: true)
        #expect(try Self.open(spool).degraded == nil)
        try Self.remove("spool.witness", from: spool)
        try Self.remove("spool.db", from: spool)
        try Self.remove("spool.db-wal", from: spool)
        _ = try SpoolWitnessFile(path: spool.path + "/spool.witness", makingNew: true)
        try spool.write(Data(), to: "spool.db")
        #expect(try Self.open(spool).degraded == nil)
    }

    /// A power cut can lose witness writes since the last sync. The witness is then older than the database.
    @Test func aWitnessBehindTheDatabaseIsNoDamage() throws {
        let spool = TemporarySpool()
        let store = spool.store()
        _ = try store.open(at: .sample)
        var witnesses: [Data] = []
        for id in 1...Self.count {
            try Self.commit(id, 400, to: store)
            if id % 10 == 0 { witnesses.append(try spool.bytes("spool.witness")) }
            if id == 50 {
                try store.statements?.connection.checkpoint(truncating: false)
                store.noteCheckpoint()
            }
        }
        let settled = (1...40).map { JournalID(sequence: $0, destination: .warning) }
        try store.commit(
            JournalTransaction(settlements: settled.map { .init(id: $0, settlement: .delivered) }, at: .sample))
        store.closeWithoutFlush()
        let (database, log) = (try spool.bytes("spool.db"), try spool.bytes("spool.db-wal"))
        for witness in witnesses {
            try spool.write(database, to: "spool.db")
            try spool.write(log, to: "spool.db-wal")
            try spool.write(witness, to: "spool.witness")
            let found = try Self.open(spool)
            #expect(found.pending == 60 && found.missing == 0 && found.degraded == nil)
        }
    }

    /// The other slot may be older than the last commit, so the journal must report degradation.
    @Test func tornSlotIsReportedAndTheOtherIsUsed() throws {
        let spool = try Self.killed()
        var bytes = try spool.bytes("spool.witness")
        for slot in [0, 4096] {
            var torn = bytes
            torn[slot + 30] ^= 0x40
            try spool.write(torn, to: "spool.witness")
            let found = try Self.open(spool)
            #expect(found.pending == Int(Self.count) && found.missing == 0)
            #expect(found.degraded?.contains("half of spool.witness") == true)
            bytes = try spool.bytes("spool.witness")
        }
    }

    // MARK: Logs

    /// The log's checksums are linear, so one flipped bit can be corrected unless the correction is ambiguous.
    @Test func oneFlippedBitInTheLogLosesNothing() throws {
        let spool = try Self.killed()
        let whole = try spool.bytes("spool.db-wal")
        let (database, witness) = (try spool.bytes("spool.db"), try spool.bytes("spool.witness"))
        let frames = (whole.count - 32) / (8192 + 24)
        var places = [0, 3, 9, 17, 21, 26, 30]
        for frame in [0, 1, frames / 2, frames - 2, frames - 1] {
            places += [0, 4, 9, 13, 17, 22, 24, 31, 2000, 8215].map { 32 + frame * (8192 + 24) + $0 }
        }
        // The upper bits of words in the rows at a page's end, where the correction can be ambiguous.
        places += (0..<8).map { 32 + (frames / 2) * (8192 + 24) + 24 + 8191 - 97 * $0 }
        for place in places {
            var log = whole
            log[place] ^= 1 << UInt8(place % 8)
            try spool.write(database, to: "spool.db")
            try spool.write(log, to: "spool.db-wal")
            try spool.write(witness, to: "spool.witness")
            let found = try Self.open(spool)
            // Sometimes two corrections fit the checksums. The row with the flipped bit then becomes a dead letter.
            #expect(
                found.pending + found.dead == Int(Self.count) && found.dead <= 1 && found.missing == 0,
                "byte \(place): \(found)")
            #expect(found.degraded?.contains("no acknowledged notification is missing") == true, "byte \(place)")
        }
    }

    @Test(arguments: [0.02, 0.3, 0.5, 0.9, 0.99])
    func rowsOfAnOverwrittenLogPartAreRecoveredOrCounted(place: Double) throws {
        for size in [16, 400, 8216, 30_000] {
            let spool = try Self.killed()
            var log = try spool.bytes("spool.db-wal")
            let start = Int(Double(log.count) * place)
            let end = min(log.count, start + size)
            log.replaceSubrange(start..<end, with: Data(repeating: 0xa5, count: end - start))
            try spool.write(log, to: "spool.db-wal")
            try Self.expectAccount(spool, "\(size) bytes at \(start) of \(log.count)")
        }
    }

    @Test(arguments: [0, 1, 31, 32, 5000, 8248, 100_000, -8216, -1])
    func truncatedLogIsReportedAndCounted(length: Int) throws {
        let spool = try Self.killed()
        let log = try spool.bytes("spool.db-wal")
        try spool.write(log.prefix(length < 0 ? log.count + length : length), to: "spool.db-wal")
        try Self.expectAccount(spool, "cut to \(length)")
    }

    @Test func truncatedLogCountsNotificationsThatMayBePending() throws {
        let spool = try Self.killed()
        let store = spool.store()
        _ = try store.open(at: .sample)
        for id in 1...20 as ClosedRange<Int64> { try Self.commit(id, 400, to: store) }
        let length = try spool.bytes("spool.db-wal").count
        // Twenty more. The lost part of the log settles ten of them and ten earlier ones.
        for id in 21...40 as ClosedRange<Int64> { try Self.commit(id, 400, to: store) }
        let firsts = (1...10).map { JournalID(sequence: $0, destination: .warning) }
        let lasts = (0..<10).map { JournalID(sequence: store.nextSequence - 20 + $0, destination: .warning) }
        try store.commit(
            JournalTransaction(
                settlements: (firsts + lasts).map { .init(id: $0, settlement: .delivered) }, at: .sample))
        store.closeWithoutFlush()
        try spool.write(try spool.bytes("spool.db-wal").prefix(length), to: "spool.db-wal")
        let found = try Self.open(spool)
        #expect(found.pending == 120)
        // At least ten are missing, but the witness does not record which of the twenty were settled.
        #expect(found.missing == 20)
    }

    @Test func deletedLogIsReportedAndCounted() throws {
        let spool = try Self.killed()
        try Self.remove("spool.db-wal", from: spool)
        try Self.expectAccount(spool, "no log")
    }

    // MARK: Databases

    @Test(arguments: ["removed", "emptied", "cut"])
    func lostDatabaseIsRecoveredFromItsLog(how: String) throws {
        let spool = try Self.killed()
        switch how {
        case "removed": try Self.remove("spool.db", from: spool)
        case "emptied": try spool.write(Data(), to: "spool.db")
        default: try spool.write(try spool.bytes("spool.db").prefix(9000), to: "spool.db")
        }
        let found = try Self.open(spool)
        #expect(found.pending == Int(Self.count) && found.missing == 0 && found.degraded != nil)
    }

    @Test func bothFilesDeletedAreCounted() throws {
        let spool = try Self.killed()
        try Self.remove("spool.db", from: spool)
        try Self.remove("spool.db-wal", from: spool)
        let found = try Self.open(spool)
        #expect(found.pending == 0 && found.missing == 100 && found.degraded?.contains("100 acknowledged") == true)
        let next = spool.store()
        #expect(try next.open(at: .sample).nextSequence > 100)
    }

    @Test(arguments: [8192, 100_000, -8192, -4000, -1, 0])
    func databaseTruncatedAfterACleanCloseIsReportedAndCounted(length: Int) throws {
        let spool = TemporarySpool()
        try spool.fill(Self.count)
        let whole = try spool.bytes("spool.db")
        try spool.write(whole.prefix(length < 0 ? whole.count + length : length), to: "spool.db")
        try Self.expectAccount(spool, "cut to \(length)")
    }

    @Test func olderCopyOfTheDatabaseIsReportedAndCounted() throws {
        let spool = TemporarySpool()
        try spool.fill(40)
        let old = try spool.bytes("spool.db")
        let store = spool.store()
        _ = try store.open(at: .sample)
        for id in 1...60 as ClosedRange<Int64> { try Self.commit(id, 2000, to: store) }
        try store.close(at: .sample)
        try spool.write(old, to: "spool.db")
        let found = try Self.open(spool)
        #expect(found.pending == 40 && found.missing == 60 && found.degraded != nil)
    }

    /// As if a page had never been written: SQLite's own check finds nothing wrong.
    @Test func rowsMissingFromAnIntactDatabaseAreCounted() throws {
        let spool = TemporarySpool()
        try spool.fill(Self.count)
        try spool.edit("DELETE FROM notification_warning WHERE id > \(90 << 4)")
        let found = try Self.open(spool)
        #expect(found.pending == 89 && found.missing == 11)
    }

    /// Without the first page there is neither a schema nor a free list. Settled notifications must not come back.
    @Test func overwrittenFirstPageLosesAndRestoresNoNotifications() throws {
        let spool = TemporarySpool()
        try spool.fill(300)
        let store = spool.store()
        _ = try store.open(at: .sample)
        let settled = (1...200).map { JournalID(sequence: $0, destination: .warning) }
        try store.commit(
            JournalTransaction(settlements: settled.map { .init(id: $0, settlement: .delivered) }, at: .sample))
        try store.close(at: .sample)
        var bytes = try spool.bytes("spool.db")
        bytes.replaceSubrange(0..<8192, with: Data(repeating: 0, count: 8192))
        try spool.write(bytes, to: "spool.db")
        let found = try Self.open(spool)
        #expect(found.pending == 100 && found.missing == 0 && found.degraded != nil)
    }

    @Test func bodiesOfManyPagesAreFoundInTheLog() throws {
        let spool = try Self.killed(bodySize: 30_000)
        try Self.remove("spool.db", from: spool)
        let found = try Self.open(spool)
        #expect(found.pending == Int(Self.count) && found.missing == 0)
    }

    @Test func missingWitnessIsReported() throws {
        let spool = try Self.killed()
        try Self.remove("spool.witness", from: spool)
        let found = try Self.open(spool)
        #expect(found.pending == Int(Self.count) && found.degraded?.contains("spool.witness is missing") == true)
    }
}
