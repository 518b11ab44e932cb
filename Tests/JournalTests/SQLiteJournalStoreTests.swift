import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import SQLiteJournal

/// How the SQLite engine handles its files, its limit and damage.
@Suite struct SQLiteJournalStoreTests {
    private let spool = TemporarySpool()

    @Test func theDatabaseIsSetUpForDurability() throws {
        let store = spool.store(limit: 1 << 24)
        _ = try store.open(at: .sample)
        let connection = try #require(store.statements?.connection)
        #expect(try connection.integer("PRAGMA page_size") == 8192)
        #expect(try connection.integer("PRAGMA synchronous") == 2)
        let row = JournalSamples.append(1, JournalSamples.notification())
        try store.commit(JournalTransaction(appends: [[row]], at: .sample))
        #expect(try connection.integer("PRAGMA max_page_count") == 2048)
        #expect(try connection.integer("PRAGMA journal_size_limit") == 33_554_432)
        #expect(try connection.integer("PRAGMA user_version") == 6)
        #expect(try connection.prepare("PRAGMA journal_mode").text() == "wal")
        #expect(try connection.prepare("PRAGMA locking_mode").text() == "exclusive")
        #expect(!spool.names.contains("spool.db-shm"))
    }

    @Test func theFilesAreForTheirOwnerOnly() throws {
        let store = spool.store(ballast: 1 << 20)
        _ = try store.open(at: .sample)
        _ = try store.inspect()
        #expect(spool.names == ["spool.ballast", "spool.db", "spool.db-wal", "spool.lock", "spool.witness"])
        for name in spool.names {
            let attributes = try FileManager.default.attributesOfItem(atPath: spool.path + "/" + name)
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
    }

    @Test func theLogIsCheckpointedAndDoesNotGrow() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        let body = String(repeating: "x", count: 1 << 20)
        for id in 1...60 {
            let row = JournalSamples.append(Int64(id), JournalSamples.notification(body: body))
            try store.commit(JournalTransaction(appends: [[row]], at: .sample))
            try store.maintain()
        }
        #expect(try spool.bytes("spool.db-wal").count < 20 << 20)
        #expect(try spool.bytes("spool.db").count > 40 << 20)
    }

    @Test func lockErrorNamesTheProcessThatHoldsTheSpool() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        #expect(throws: JournalOpenError.locked(folder: spool.path, process: getpid())) {
            try spool.store().open(at: .sample)
        }
        store.closeWithoutFlush()
        _ = try spool.store().open(at: .sample)
    }

    /// Another thread may have forked a child that has not reached its exec: it holds every descriptor a moment longer.
    @Test func releasedLockIsFreeWhileAChildStillHoldsItsDescriptor() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        let links = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
        let locks = links.filter { descriptor in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
            return target == spool.path + "/spool.lock"
        }
        let copies = locks.map { fcntl($0, F_DUPFD_CLOEXEC, 0) }
        defer { for copy in copies { close(copy) } }
        #expect(copies.count == 1)
        store.closeWithoutFlush()
        _ = try spool.store().open(at: .sample)
    }

    @Test func errorNamesAFolderThatCannotBeCreated() throws {
        _ = FileManager.default.createFile(atPath: spool.path, contents: Data())
        let store = SQLiteJournalStore(SpoolSettings(folder: spool.path + "/inner"))
        #expect {
            try store.open(at: .sample)
        } throws: { error in
            guard case .unusable(let path, let reason)? = error as? JournalOpenError else { return false }
            return path == spool.path + "/inner" && reason == "it cannot be created: Not a directory"
        }
    }

    /// Needs root to mount a small disk. The checkpoint itself frees the space that it needs.
    @Test(.enabled(if: geteuid() == 0)) func inspectionEmptiesTheLogOnAFullDisk() throws {
        let disk = TemporaryFolder()
        let mount = try Program("mount", ["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", disk.path])
        try #require(mount.exitCode() == 0, "\(mount.output)")
        defer { _ = try? Program("umount", ["-l", disk.path]).exitCode() }
        let store = SQLiteJournalStore(SpoolSettings(folder: disk.path + "/spool"))
        _ = try store.open(at: .sample)
        let body = String(repeating: "x", count: 100_000)
        #expect(throws: JournalStoreError.full(.diskFull)) {
            for sequence in 1...100 {
                let row = JournalSamples.append(Int64(sequence), JournalSamples.notification(body: body))
                try store.commit(JournalTransaction(appends: [[row]], at: .sample))
            }
        }
        #expect(try store.inspect() == .ample)
        store.closeWithoutFlush()
    }

    @Test func aLaterSchemaIsRefusedAndLeftAsItIs() throws {
        try spool.fill(3)
        // A later relay also writes its version to `meta`. This spool is from one that does not.
        try spool.edit("PRAGMA user_version = 7; DELETE FROM meta WHERE key = 'schema'")
        let before = try spool.bytes("spool.db")
        #expect(throws: JournalOpenError.newerSchema(path: spool.database, found: 7, known: 6)) {
            try spool.store().open(at: .sample)
        }
        #expect(try spool.bytes("spool.db") == before)
    }

    @Test func aForeignDatabaseIsRefused() throws {
        try FileManager.default.createDirectory(atPath: spool.path, withIntermediateDirectories: true)
        try spool.edit("CREATE TABLE recipes (name TEXT)")
        let before = try spool.bytes("spool.db")
        #expect(throws: JournalOpenError.foreign(path: spool.database)) {
            try spool.store().open(at: .sample)
        }
        #expect(try spool.bytes("spool.db") == before)
    }

    @Test func anEarlierSchemaIsMigratedWithItsContent() throws {
        try spool.fill(3)
        let next = SQLiteSchema(migrations: SQLiteSchema.current.migrations + ["CREATE TABLE later (id INTEGER)"])
        let settings = SpoolSettings(folder: spool.path, limitBytes: 1 << 30, ballastBytes: 0)
        let store = SQLiteJournalStore(settings, schema: next)
        _ = try store.open(at: .sample)
        #expect(try store.statements?.connection.integer("PRAGMA user_version") == 7)
        #expect(try store.statements?.connection.integer("SELECT count(*) FROM later") == 0)
        #expect(try spool.pending(store) == [1, 2, 3])
    }

    @Test func aNewSpoolIsMadeInOneTransaction() throws {
        try FileManager.default.createDirectory(atPath: spool.path, withIntermediateDirectories: true)
        let broken = SQLiteSchema(migrations: SQLiteSchema.current.migrations + ["CREATE TABLE meta (id INTEGER)"])
        let connection = try SQLiteConnection(path: spool.database)
        #expect(throws: SQLiteError.self) { try broken.migrate(connection, from: 0) }
        #expect(try connection.integer("SELECT count(*) FROM sqlite_master") == 0)
    }

    @Test(arguments: ["spool.db", "spool.db-wal"])
    func aFileRemovedInUseIsNoticed(name: String) throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        #expect(try store.inspect() == .ample)
        try FileManager.default.removeItem(atPath: spool.path + "/" + name)
        #expect {
            try store.inspect()
        } throws: { error in
            guard case .broken(let reason)? = error as? JournalStoreError else { return false }
            return reason.contains(name)
        }
    }

    @Test func journalAtItsLimitRefusesAppendsAndSettles() throws {
        let store = spool.store(limit: 1 << 20)
        _ = try store.open(at: .sample)
        let body = String(repeating: "x", count: 3000)
        var stored: [JournalID] = []
        #expect(throws: JournalStoreError.full(.journalLimit)) {
            for id in 1...1000 {
                let row = JournalSamples.append(Int64(id), JournalSamples.notification(body: body))
                try store.commit(JournalTransaction(appends: [[row]], at: .sample))
                stored.append(row.id)
            }
        }
        #expect(stored.count > 100 && !store.hasCapacity)
        #expect(store.usage.usedBytes <= 1 << 20)
        let dead = JournalSettlement.dead(reason: .damaged, attempts: 1, answer: nil)
        let letters = stored.prefix(20).map { JournalTransaction.Settled(id: $0, settlement: dead) }
        try store.commit(JournalTransaction(settlements: letters, at: .sample))
        let delivered = stored.dropFirst(20).map { JournalTransaction.Settled(id: $0, settlement: .delivered) }
        try store.commit(JournalTransaction(settlements: delivered, at: .sample))
        #expect(store.hasCapacity && store.pendingCounts[.warning] == 0 && store.deadLetterCounts[.warning] == 20)
    }

    @Test func exceededPageLimitIsAFullJournal() throws {
        let store = spool.store(limit: 1 << 20)
        _ = try store.open(at: .sample)
        let row = JournalSamples.append(1, JournalSamples.notification(body: String(repeating: "x", count: 2 << 20)))
        let transaction = JournalTransaction(appends: [[row]], at: .sample)
        #expect(throws: JournalStoreError.full(.journalLimit)) {
            try store.write(transaction, bytes: Int64(transaction.bytes), isBounded: true)
        }
        #expect(store.pendingCounts[.warning] == 0)
        let small = JournalSamples.append(1, JournalSamples.notification())
        try store.commit(JournalTransaction(appends: [[small]], at: .sample))
        #expect(try spool.pending(store) == [1])
    }

    @Test func ballastOccupiesItsSpaceUntilItIsReleased() throws {
        let store = spool.store(ballast: 1 << 20)
        _ = try store.open(at: .sample)
        #expect(try store.inspect() == .ample)
        #expect(try spool.bytes("spool.ballast").count == 1 << 20 && store.ballast.isAllocated)
        try store.releaseBallast()
        #expect(!spool.names.contains("spool.ballast"))
        #expect(try store.inspect() == .ample)
        #expect(store.ballast.isAllocated)
    }

    @Test func ballastIsSmallComparedWithLimitAndDisk() {
        let settings = SpoolSettings(folder: "", limitBytes: 1 << 30)
        #expect(settings.ballast(freeBytes: 1 << 40) == 32 << 20)
        #expect(settings.ballast(freeBytes: 16 << 20) == 2 << 20)
        #expect(SpoolSettings(folder: "", limitBytes: 8 << 20).ballast(freeBytes: 1 << 40) == 1 << 20)
    }

    @Test(arguments: [0, 1, 999_999_999, -1, -1_000_000_000, .max, .min] as [Int64])
    func timestampsRoundTripThroughTheirColumn(nanoseconds: Int64) {
        let moment = Timestamp(nanosecondsSince1970: nanoseconds)
        #expect((0..<1_000_000_000).contains(moment.nanoseconds))
        if nanoseconds > .min {
            #expect(moment.nanosecondsSince1970 == nanoseconds)
        }
    }
}

extension SQLiteStatement {
    fileprivate func text() throws(SQLiteError) -> String? {
        var text: String?
        try query { (row) throws(SQLiteError) in
            text = row.text(0)
            return false
        }
        return text
    }
}
