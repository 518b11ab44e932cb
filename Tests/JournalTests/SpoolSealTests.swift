import Foundation
import TestSupport
import Testing

@testable import Journaling
@testable import SQLiteJournal

/// After a kill, a large database is checked unless its file is as the last checkpoint left it, in the same boot. A size
/// limit of 0 makes each database a large one.
@Suite struct SpoolSealTests {
    /// A container's own file system is not local to the kernel, and then every database is checked.
    private static let isSealable = SpoolSeal(path: FileManager.default.temporaryDirectory.path) != nil

    /// Returns the spool of a killed process, whose database has 400 warnings and whose log has some more.
    private static func killed() throws -> TemporarySpool {
        let spool = TemporarySpool()
        try spool.fill(400)
        try spool.append(401...420)
        return spool
    }

    private static func witness(_ spool: TemporarySpool) throws -> SpoolWitnessFile {
        try #require(try SpoolWitnessFile(path: spool.path + "/spool.witness", makingNew: false))
    }

    private static func isSealed(_ spool: TemporarySpool) throws -> Bool {
        guard let seal = try witness(spool).seal else { return false }
        return seal == SpoolSeal(path: spool.database)
    }

    /// Damages a page in the middle of the database, which SQLite's check finds.
    private static func damagePage(_ spool: TemporarySpool) throws {
        let size = try #require(SpoolFile(spool.database)?.size)
        let file = try FileHandle(forWritingTo: URL(filePath: spool.database))
        try file.seek(toOffset: UInt64(size / 2 / 8192 * 8192))
        try file.write(contentsOf: Data(repeating: 0xee, count: 200))
        try file.close()
    }

    /// Lets the second row of a page be the first one. Counting does not find that, SQLite's check does.
    private static func repeatRow(_ spool: TemporarySpool) throws {
        let page = try spool.bytes("spool.db").count / 2 / 8192 * 8192
        let file = try FileHandle(forUpdating: URL(filePath: spool.database))
        try file.seek(toOffset: UInt64(page + 8))
        let pointer = try #require(try file.read(upToCount: 2))
        try file.write(contentsOf: pointer)
        try file.close()
    }

    private static func open(_ spool: TemporarySpool) throws -> String? {
        let store = spool.store(checkedWhenClosed: 0)
        defer { store.closeWithoutFlush() }
        return try store.open(at: .sample).degraded
    }

    @Test(.enabled(if: isSealable)) func sealedDatabaseIsNotCheckedAfterAKill() throws {
        let spool = try Self.killed()
        #expect(try Self.isSealed(spool))
        try Self.repeatRow(spool)
        // As if the damage had been there at the checkpoint, so that only a check can find it.
        try Self.witness(spool).write(SpoolSeal(path: spool.database))
        #expect(try Self.open(spool) == nil)
        #expect(chmod(spool.database, 0o640) == 0)
        #expect(try Self.open(spool)?.contains("set aside") == true)
    }

    @Test(arguments: ["page", "copy", "moved back", "times", "mode", "checkpoint"])
    func changedDatabaseIsNotSealed(change: String) throws {
        let spool = try Self.killed()
        let aside = spool.path + "/aside"
        switch change {
        case "page": try Self.damagePage(spool)
        case "copy":
            try FileManager.default.copyItem(atPath: spool.database, toPath: aside)
            #expect(rename(aside, spool.database) == 0)
        case "moved back":
            #expect(rename(spool.database, aside) == 0 && rename(aside, spool.database) == 0)
        case "times":
            // The times that a program can set are set back after the write.
            var status = stat()
            #expect(stat(spool.database, &status) == 0)
            try Self.damagePage(spool)
            var times = [status.st_atim, status.st_mtim]
            #expect(utimensat(AT_FDCWD, spool.database, &times, 0) == 0)
        case "mode": #expect(chmod(spool.database, 0o640) == 0)
        default: try spool.edit("PRAGMA locking_mode = EXCLUSIVE; PRAGMA wal_checkpoint(PASSIVE)")
        }
        #expect(try !Self.isSealed(spool))
    }

    @Test func pageDamagedAfterAKillIsFoundAtTheStart() throws {
        let spool = try Self.killed()
        try Self.damagePage(spool)
        #expect(try Self.open(spool)?.contains("set aside") == true)
        let store = spool.store(checkedWhenClosed: 0)
        _ = try store.open(at: .sample)
        #expect(try spool.pending(store).count >= 410)
    }

    @Test(.enabled(if: isSealable)) func sealOfAnotherBootDoesNotMatch() throws {
        let spool = try Self.killed()
        var bytes = try #require(SpoolSeal(path: spool.database)).encoded
        bytes[8] ^= 1
        let checksum = bytes[..<48].withUnsafeBytes { RowChecksum.of(bytes: $0) }
        bytes.replaceSubrange(48..., with: withUnsafeBytes(of: checksum.littleEndian) { [UInt8]($0) })
        let other = try #require(SpoolSeal(encoded: bytes))
        try Self.witness(spool).write(other)
        #expect(try !Self.isSealed(spool))
        try Self.damagePage(spool)
        #expect(try Self.open(spool)?.contains("set aside") == true)
    }

    @Test(.enabled(if: isSealable)) func damagedOrMissingSealIsReplacedAtTheNextCheckpoint() throws {
        let spool = try Self.killed()
        let whole = try spool.bytes("spool.witness")
        #expect(whole.count == 8192 + 56)
        // Files of earlier versions have no seal.
        var witnesses = [whole.prefix(8192), whole.prefix(8200)]
        for byte in 8192..<whole.count {
            var flipped = whole
            flipped[byte] ^= 0x10
            witnesses.append(flipped)
        }
        for witness in witnesses {
            try spool.write(witness, to: "spool.witness")
            #expect(try !Self.isSealed(spool))
        }
        #expect(try Self.open(spool) == nil)
        #expect(try Self.isSealed(spool))
    }

    /// Whether a start would accept the seal.
    private static func isAccepted(_ spool: TemporarySpool) throws -> Bool {
        let store = spool.store()
        try store.openWitness(makingNew: false)
        return store.isSealed(with: SpoolLog(path: spool.database + "-wal"))
    }

    /// The damage of a slot can have damaged more.
    @Test(arguments: [[], [30], [4126], [30, 4126]]) func damagedWitnessDoesNotSeal(places: [Int]) throws {
        let spool = try Self.killed()
        var bytes = try spool.bytes("spool.witness")
        for place in places { bytes[place] ^= 0x40 }
        try spool.write(bytes, to: "spool.witness")
        #expect(try Self.isAccepted(spool) == (places.isEmpty && Self.isSealable))
    }

    /// As after a restored log: its frames would be read over the sealed pages.
    @Test func logOfAnotherGenerationDoesNotSeal() throws {
        let spool = try Self.killed()
        var log = try spool.bytes("spool.db-wal")
        log[19] &+= 1
        try spool.write(log, to: "spool.db-wal")
        #expect(try !Self.isAccepted(spool))
        try spool.write(Data(), to: "spool.db-wal")
        #expect(try !Self.isAccepted(spool))
    }

    @Test func checkpointSealsAndAFailedOneDoesNot() throws {
        let spool = TemporarySpool()
        let store = spool.store()
        _ = try store.open(at: .sample)
        let row = JournalSamples.append(1, JournalSamples.notification(body: String(repeating: "x", count: 5 << 20)))
        try store.commit(JournalTransaction(appends: [[row]], at: .sample))
        try store.maintain()
        #expect(try Self.isSealed(spool) == Self.isSealable)
        // As if the process were killed in a checkpoint, before it was synced.
        let other = JournalSamples.append(2, JournalSamples.notification())
        try store.commit(JournalTransaction(appends: [[other]], at: .sample))
        try store.statements?.connection.checkpoint(truncating: false)
        #expect(try !Self.isSealed(spool))
    }

    /// The checksums on disk are CRC-32 of RFC 1952, as zlib computes them.
    @Test func checksumIsThatOfEarlierVersions() {
        let bytes = [UInt8]("123456789".utf8)
        #expect(bytes.withUnsafeBytes { RowChecksum.of(bytes: $0) } == 0xcbf4_3926)
    }
}
