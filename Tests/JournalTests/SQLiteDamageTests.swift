import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import SQLiteJournal

/// How the SQLite engine handles damaged files and rows.
@Suite struct SQLiteDamageTests {
    private let spool = TemporarySpool()

    private var corruptNames: [String] {
        spool.names.filter { $0.hasPrefix("spool.db.corrupt-") }
    }

    @Test(arguments: [
        "body = replace(body, 'x', 'y')", "group_id = group_id + 1", "accepted_at = 0", "crc = crc + 1", "id = 34",
    ])
    func aChangedRowBecomesADeadLetterAndIsNeverDelivered(change: String) throws {
        try spool.fill(3)
        try spool.edit("UPDATE notification_warning SET \(change) WHERE id = \(2 << 4 | 1)")
        let store = spool.store()
        _ = try store.open(at: .sample)
        let window = try store.pending(.warning, after: nil, limit: 10, byteLimit: .max, at: .sample)
        #expect(window.notifications.map(\.id.sequence) == [1, 3])
        #expect(window.damaged == 1 && window.isLast)
        let letter = try #require(try store.deadLetters(after: nil, limit: 10).first)
        #expect(letter.reason == .damaged && letter.severity == .warning)
        #expect(try store.deadLetter(letter.id)?.isIntact == false)
        #expect(try store.replay([letter.id], firstSequence: 100).damaged == [letter.id])
        #expect(store.pendingCounts[.warning] == 2 && store.deadLetterCounts[.warning] == 1)
    }

    @Test func aFileThatIsNoDatabaseIsSetAside() throws {
        try spool.fill(3)
        let garbage = Data(repeating: 0x41, count: 20_000)
        try spool.write(garbage, to: "spool.db")
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        #expect(recovery.degraded?.contains("set aside") == true)
        let name = "spool.db.corrupt-\(Timestamp.sample.seconds)"
        #expect(corruptNames.contains(name))
        #expect(try spool.bytes(name) == garbage)
        let row = JournalSamples.append(recovery.nextSequence, JournalSamples.notification())
        try store.commit(JournalTransaction(appends: [[row]], at: .sample))
        try store.close(at: .sample)
        #expect(try spool.store().open(at: .sample).degraded == nil)
    }

    /// Reading 20 GiB of zeros takes minutes. A liveness probe would kill the relay at each start.
    @Test func aHugeSparseFileIsSetAsideWithoutReadingItsHoles() throws {
        try spool.fill(3)
        #expect(truncate(spool.path + "/spool.db", 0) == 0)
        #expect(truncate(spool.path + "/spool.db", 20 << 30) == 0)
        let start = ContinuousClock.now
        let recovery = try spool.store().open(at: .sample)
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(recovery.degraded?.contains("set aside") == true)
        let name = "spool.db.corrupt-\(Timestamp.sample.seconds)"
        #expect(SpoolFile(spool.path + "/" + name)?.size == 20 << 30)
    }

    @Test func rowsBetweenTheHolesOfASparseFileAreSaved() throws {
        try spool.fill(400)
        let whole = try spool.bytes("spool.db")
        let file = try FileHandle(forWritingTo: URL(filePath: spool.path + "/spool.db"))
        // The header and the trees are gone; the rows are far apart.
        let pages = whole.count / 8192
        try file.truncate(atOffset: 0)
        try file.truncate(atOffset: 20 << 30)
        for (index, page) in [pages / 3, pages / 2].enumerated() {
            try file.seek(toOffset: UInt64(index + 1) * 7 << 30)
            try file.write(contentsOf: whole[page * 8192..<(page + 1) * 8192])
        }
        try file.close()
        let start = ContinuousClock.now
        let store = spool.store()
        #expect(try store.open(at: .sample).degraded?.contains("set aside") == true)
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(try spool.pending(store).count >= 4)
    }

    @Test func anEmptyFileIsSetAsideWithItsLog() throws {
        try spool.fill(3)
        let log = Data(repeating: 7, count: 100)
        try spool.write(Data(), to: "spool.db")
        try spool.write(log, to: "spool.db-wal")
        let recovery = try spool.store().open(at: .sample)
        #expect(recovery.degraded?.contains("empty") == true)
        let name = "spool.db.corrupt-\(Timestamp.sample.seconds)"
        #expect(corruptNames == [name, name + "-wal"])
        #expect(try spool.bytes(name + "-wal") == log)
    }

    @Test func rowsOfATruncatedFileAreRecovered() throws {
        try spool.fill(400)
        let whole = try spool.bytes("spool.db")
        try spool.write(whole.prefix(whole.count / 2 / 8192 * 8192), to: "spool.db")
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        #expect(recovery.degraded?.contains("set aside") == true)
        let saved = try spool.pending(store)
        #expect(saved.count > 100 && saved.count < 400)
        #expect(store.pendingCounts[.warning] == saved.count)
        #expect(recovery.nextSequence > 400)
    }

    @Test func damagedPageLosesOnlyItsRows() throws {
        try spool.fill(400)
        var bytes = try spool.bytes("spool.db")
        let page = bytes.count / 8192 / 2
        bytes.replaceSubrange(page * 8192..<page * 8192 + 200, with: Data(repeating: 0xee, count: 200))
        try spool.write(bytes, to: "spool.db")
        try spool.edit("UPDATE meta SET value = 0 WHERE key = 'clean_shutdown'")
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        #expect(recovery.degraded?.contains("parts of it cannot be read") == true)
        #expect(try spool.pending(store).count >= 390)
    }

    /// Opens the spool and returns its content. Opens it again if damage ended the first start.
    private func survivors() throws -> (pending: [StoredNotification], dead: Int, degraded: String?) {
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        defer { store.closeWithoutFlush() }
        do throws(JournalStoreError) {
            let window = try store.pending(.warning, after: nil, limit: 10_000, byteLimit: .max, at: .sample)
            let dead = try store.deadLetters(after: nil, limit: 10_000).count
            return (window.notifications, dead, recovery.degraded)
        } catch {
            store.closeWithoutFlush()
            return try survivors()
        }
    }

    /// Testing every bit of some pages would take minutes. A fixed stride spreads these bits over the file.
    @Test(arguments: [true, false])
    func noFlippedBitChangesOrHidesNotifications(wasClosed: Bool) throws {
        try spool.fill(60)
        if !wasClosed {
            try spool.edit("UPDATE meta SET value = 0 WHERE key = 'clean_shutdown'")
        }
        let whole = try spool.bytes("spool.db")
        let log = try spool.bytes("spool.db-wal")
        for flip in 0..<40 {
            let bit = (flip * 27_368_787 + 4_099) % (whole.count * 8)
            var bytes = whole
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            try? FileManager.default.removeItem(atPath: spool.path)
            try FileManager.default.createDirectory(atPath: spool.path, withIntermediateDirectories: true)
            try spool.write(bytes, to: "spool.db")
            try spool.write(log, to: "spool.db-wal")
            let found: (pending: [StoredNotification], dead: Int, degraded: String?)
            do {
                found = try survivors()
            } catch is JournalOpenError {
                continue
            }
            let isWhole = found.pending.allSatisfy { stored in
                let prefix = "\(stored.id.sequence) "
                return stored.notification.body == [UInt8]((prefix + String(repeating: "x", count: 2000)).utf8)
            }
            #expect(isWhole, "bit \(bit) changed a notification")
            let isComplete = found.pending.count + found.dead == 60 || found.degraded != nil
            #expect(isComplete, "bit \(bit) hid \(60 - found.pending.count - found.dead) notifications")
        }
    }

    @Test func damageMarkerMakesTheNextStartRecoverRows() throws {
        try spool.fill(20)
        try spool.write(Data(), to: "spool.damaged")
        let store = spool.store()
        let recovery = try store.open(at: .sample)
        #expect(recovery.degraded?.contains("20 notifications were recovered") == true)
        #expect(try spool.pending(store) == Array(1...20))
        #expect(!spool.names.contains("spool.damaged"))
    }

    @Test func deadLettersAreSavedFromADamagedFile() throws {
        try spool.fill(5)
        let first = spool.store()
        _ = try first.open(at: .sample)
        let id = JournalID(sequence: 2, destination: .warning)
        let settlement = JournalSettlement.dead(reason: .damaged, attempts: 4, answer: "why")
        try first.commit(JournalTransaction(settlements: [.init(id: id, settlement: settlement)], at: .sample))
        try first.close(at: .sample)
        try spool.write(Data(), to: "spool.damaged")
        let store = spool.store()
        _ = try store.open(at: .sample)
        let letter = try #require(try store.deadLetter(id))
        #expect(letter.isIntact && letter.letter.attempts == 4 && letter.letter.answer == "why")
        #expect(store.deadLetterCounts[.warning] == 1)
        #expect(try spool.pending(store) == [1, 3, 4, 5])
    }

    @Test func missingLogIsReported() throws {
        try spool.fill(3)
        let store = spool.store()
        _ = try store.open(at: .sample)
        store.closeWithoutFlush()
        try FileManager.default.removeItem(atPath: spool.database + "-wal")
        #expect(try spool.store().open(at: .sample).degraded?.contains("log is missing") == true)
    }

    @Test func aCutLogDoesNotStopTheStart() throws {
        let first = spool.store()
        _ = try first.open(at: .sample)
        for id in 1...50 {
            let row = JournalSamples.append(Int64(id), JournalSamples.notification(body: "\(id)"))
            try first.commit(JournalTransaction(appends: [[row]], at: .sample))
        }
        first.closeWithoutFlush()
        let log = try spool.bytes("spool.db-wal")
        try spool.write(log.prefix(log.count / 2), to: "spool.db-wal")
        let store = spool.store()
        _ = try store.open(at: .sample)
        let ids = try spool.pending(store)
        #expect(ids.count > 10 && ids == Array(1...Int64(ids.count)))
    }
}
