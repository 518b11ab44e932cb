import Glibc
import Journaling

/// The state of the spool after the last acknowledged commit, stored outside of database and log. It detects missing
/// parts of them, which SQLite does not: it treats the first damaged frame of a log as its end.
///
/// It is written after a commit is synced and before it is acknowledged. After a kill it is exact. After a power
/// failure it can be older than the database.
struct SpoolWitness: Equatable {
    /// The state of the log.
    enum Phase: Int64 {
        /// The log is empty or is being emptied.
        case idle
        /// `frames` frames of the log belong to acknowledged commits.
        case logged
        /// There is no log: the spool was closed orderly.
        case closed
        /// The spool is being opened. No commit was acknowledged since.
        case recovering
    }

    var phase = Phase.idle
    /// The number of openings, which the database contains too.
    var session: Int64 = 0
    /// Both salts of the log's header, which change when the log restarts.
    var salts: UInt64 = 0
    var frames: Int64 = 0
    /// The size of the database file in bytes. It never shrinks.
    var databaseBytes: Int64 = 0
    /// The sequence numbers of this session are from here up to `nextSequence` (exclusive).
    var firstSequence: Int64 = 1
    var nextSequence: Int64 = 1
    var pending: Int64 = 0
    var deadLetters: Int64 = 0

    /// Whether the spool was never opened.
    var isFresh: Bool { session == 0 }

    /// The expected content of the log; nil if the phase is not `logged`.
    var loggedFrames: (salts: UInt64, frames: Int64)? { phase == .logged ? (salts, frames) : nil }

    fileprivate static let slotSize = 96
    private static let fields = 11
    private static let magic: Int64 = 0x31_53_4e_54_57_4c_45_52

    /// Calls `body` with the bytes of a slot. Does not allocate memory, because it is called in each commit.
    ///
    /// - Parameter number: The number of writes, which identifies the later of the two slots.
    fileprivate func withEncoded<Result>(number: Int64, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: Self.fields + 1) { words in
            words[0] = Self.magic.littleEndian
            words[1] = number.littleEndian
            words[2] = phase.rawValue.littleEndian
            words[3] = session.littleEndian
            words[4] = Int64(bitPattern: salts).littleEndian
            words[5] = frames.littleEndian
            words[6] = databaseBytes.littleEndian
            words[7] = firstSequence.littleEndian
            words[8] = nextSequence.littleEndian
            words[9] = pending.littleEndian
            words[10] = deadLetters.littleEndian
            let summed = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(words)[..<(Self.fields * 8)])
            words[Self.fields] = RowChecksum.of(bytes: summed).littleEndian
            return body(UnsafeRawBufferPointer(words))
        }
    }

    /// Decodes a slot. Returns nil if the checksum does not match.
    static func decode(_ slot: ArraySlice<UInt8>) -> (witness: SpoolWitness, number: Int64)? {
        guard slot.count == slotSize else { return nil }
        let fields = Array(slot).withUnsafeBytes { bytes in
            (0...Self.fields).map { Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self)) }
        }
        let checksum = Array(slot.prefix(Self.fields * 8)).withUnsafeBytes { RowChecksum.of(bytes: $0) }
        guard fields[0] == magic, fields[Self.fields] == checksum, let phase = Phase(rawValue: fields[2]) else {
            return nil
        }
        let witness = SpoolWitness(
            phase: phase, session: fields[3], salts: UInt64(bitPattern: fields[4]), frames: fields[5],
            databaseBytes: fields[6], firstSequence: fields[7], nextSequence: fields[8], pending: fields[9],
            deadLetters: fields[10])
        // Sums must not overflow, even if an extreme value has a matching checksum.
        let counts = [
            witness.session, witness.frames, witness.databaseBytes, witness.firstSequence,
            witness.nextSequence, witness.pending, witness.deadLetters,
        ]
        guard counts.allSatisfy({ (0...1 << 60).contains($0) }) else { return nil }
        return (witness, fields[1])
    }
}

/// The file of the witness. It has two slots in separate blocks, written alternately, so that a torn write damages only
/// one of them.
final class SpoolWitnessFile {
    private static let slotDistance = 4096
    /// Behind the slots, in a block of its own. Files of earlier versions end before it.
    private static let sealOffset = off_t(2 * slotDistance)

    private let descriptor: Int32
    private var number: Int64 = 0
    /// The last witness that was written or read; nil if none can be read.
    private(set) var last: SpoolWitness?
    /// Whether one of the slots is damaged although both were written. If it was the later one, `last` does not include
    /// the last commit.
    let hasDamagedSlot: Bool
    private var isSynced = true

    /// Opens the file. If it does not exist, creates and syncs a new one if `isNew`, else returns nil.
    init?(path: String, makingNew isNew: Bool) throws(JournalOpenError) {
        let flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (isNew ? O_CREAT : 0)
        descriptor = open(path, flags, 0o600)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .unusable(path: path, reason: String(cString: strerror(errno)))
        }
        var bytes = [UInt8](repeating: 0, count: 2 * Self.slotDistance)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let slots = [0, Self.slotDistance].compactMap { start in
            start + SpoolWitness.slotSize > count
                ? nil : SpoolWitness.decode(bytes[start..<start + SpoolWitness.slotSize])
        }
        let newest = slots.max { $0.number < $1.number }
        hasDamagedSlot = slots.count == 1 && newest?.number ?? 0 > 1
        if let newest {
            (last, number) = (newest.witness, newest.number)
        } else if isNew || count == 0 {
            // Writes the whole file, so that later writes need no space. A kill before this leaves an empty file.
            let zeros = [UInt8](repeating: 0, count: 2 * Self.slotDistance)
            guard pwrite(descriptor, zeros, zeros.count, 0) == zeros.count, write(SpoolWitness()), sync() else {
                throw .unusable(path: path, reason: String(cString: strerror(errno)))
            }
        }
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// Writes the witness without syncing it. If it fails, the witness is older than the database, as after a power
    /// failure.
    @discardableResult
    func write(_ witness: SpoolWitness) -> Bool {
        number &+= 1
        let offset = off_t(number & 1) * off_t(Self.slotDistance)
        isSynced = false
        let isWritten = witness.withEncoded(number: number) {
            pwrite(descriptor, $0.baseAddress, $0.count, offset) == $0.count
        }
        if isWritten { last = witness }
        return isWritten
    }

    /// The seal of the database; nil if there is none. Read at the start only, before the database is changed.
    var seal: SpoolSeal? {
        var bytes = [UInt8](repeating: 0, count: SpoolSeal.encodedSize)
        guard pread(descriptor, &bytes, bytes.count, Self.sealOffset) == bytes.count else { return nil }
        return SpoolSeal(encoded: bytes)
    }

    /// Replaces the seal. It needs no sync, because it is not valid after a power failure.
    func write(_ seal: SpoolSeal?) {
        let bytes = seal?.encoded ?? [UInt8](repeating: 0, count: SpoolSeal.encodedSize)
        _ = pwrite(descriptor, bytes, bytes.count, Self.sealOffset)
    }

    /// Syncs the file if it was written since the last sync. Returns false if that fails.
    @discardableResult
    func sync() -> Bool {
        guard !isSynced else { return true }
        isSynced = fdatasync(descriptor) == 0
        return isSynced
    }
}

/// Compares the spool with the witness, and updates the witness.
extension SQLiteJournalStore {
    /// The content that the files must have according to the witness of an earlier process.
    struct ExpectedContent {
        var witness: SpoolWitness
        /// Whether the witness is up to date, so that the counts must be equal.
        var isExact: Bool
    }

    /// Compares the files with the witness. Fails if acknowledged content is missing. Returns nil if the witness says
    /// nothing about the files.
    ///
    /// - Parameter session: The number of openings in the database; nil if it is damaged.
    func expectedContent(
        by witness: SpoolWitness?, _ log: SpoolLog, _ database: SpoolFile?, session: Int64?
    ) throws(SpoolOpenError) -> ExpectedContent? {
        guard let witness, !witness.isFresh else { return nil }
        if let session {
            // The process was killed while it opened the spool, before it acknowledged a commit.
            guard session <= witness.session else { return nil }
            guard session == witness.session else { throw .damaged("the database is an older copy") }
        }
        let size = database?.size ?? 0
        guard size >= witness.databaseBytes else {
            throw .damaged("the database has \(size) of \(witness.databaseBytes) bytes")
        }
        switch witness.phase {
        case .logged where log.hasHeader && log.isLater(than: witness.salts):
            return ExpectedContent(witness: witness, isExact: false)
        case .logged where log.validFrames < witness.frames || log.salts != witness.salts:
            throw .damaged(
                SpoolFile(folder.log)?.size ?? 0 == 0
                    ? "the spool's log is missing" : "the spool's log ends before what was acknowledged")
        case .logged:
            return ExpectedContent(witness: witness, isExact: log.validFrames == witness.frames)
        case .idle:
            return ExpectedContent(witness: witness, isExact: log.validFrames == 0)
        case .recovering, .closed:
            return ExpectedContent(witness: witness, isExact: true)
        }
    }

    /// The number of acknowledged notifications that a repair did not find; nil if there is no witness.
    func missing(after outcome: SpoolSalvage.Outcome, _ witness: SpoolWitness?, _ log: SpoolLog) -> Int64? {
        guard let witness, !witness.isFresh else { return nil }
        let found = Int64(outcome.saved + outcome.damaged)
        var missing = max(0, witness.pending - found)
        let isTailLost =
            witness.phase == .logged && (log.salts != witness.salts || log.committedFrames < witness.frames)
        if isTailLost, !log.isLater(than: witness.salts) {
            // Settlements in the lost part are undone, so those notifications are found again and compensate missing
            // ones in the count. But all notifications accepted there are after the last one found.
            let lost = witness.nextSequence - max(witness.firstSequence, outcome.highestSequence + 1)
            missing = max(missing, min(witness.pending, lost))
        }
        return missing
    }

    func openWitness(makingNew isNew: Bool) throws(JournalOpenError) {
        guard witness == nil else { return }
        witness = try SpoolWitnessFile(path: folder.witness, makingNew: isNew)
        if witness != nil, isNew { try folder.sync(folder.path) }
    }

    /// Called before the files are changed without a commit. Syncs the witness first, so that it does not refer to a
    /// log that is gone after a power failure.
    func invalidateWitness(_ phase: SpoolWitness.Phase) {
        guard let witness, var last = witness.last else { return }
        last.phase = phase
        witness.write(last)
        witness.sync()
    }

    /// Writes the current state to the witness. Called after a commit, before it is acknowledged.
    func writeWitness(_ phase: SpoolWitness.Phase, _ connection: SQLiteConnection) {
        if phase == .logged, !areSaltsKnown {
            salts = SpoolLog.salts(of: folder.log)
            areSaltsKnown = true
        }
        witness?.write(
            SpoolWitness(
                phase: phase, session: session, salts: salts, frames: Int64(connection.logFrames),
                databaseBytes: databaseBytes, firstSequence: firstSequence, nextSequence: nextSequence,
                pending: pendingCounts.values.reduce(0) { $0 + Int64($1) },
                deadLetters: deadLetterCounts.values.reduce(0) { $0 + Int64($1) }))
    }

    /// Called after a checkpoint, which has synced the database. The log restarts with the next commit.
    func noteCheckpoint() {
        areSaltsKnown = false
        databaseBytes = SpoolFile(folder.database)?.size ?? databaseBytes
        witness?.write(SpoolSeal(path: folder.database))
    }

    /// Whether the database file is as the last checkpoint left it, in the same boot of the machine, and the log is the
    /// one that the witness describes. Must be called before the file is opened, which sets its mode.
    func isSealed(with log: SpoolLog) -> Bool {
        guard let witness, let last = witness.last, !witness.hasDamagedSlot else { return false }
        let isLogKnown =
            switch last.phase {
            case .logged: log.hasHeader && log.salts == last.salts
            case .idle: log.validFrames == 0
            // The start that was killed may have changed anything.
            case .recovering, .closed: false
            }
        return isLogKnown && witness.seal != nil && witness.seal == SpoolSeal(path: folder.database)
    }
}

extension SpoolLog {
    /// Whether the log restarted after the generation with these salts; each restart increments the first salt. SQLite
    /// restarts a log only when the database contains all of it.
    fileprivate func isLater(than other: UInt64) -> Bool {
        let distance = UInt32(truncatingIfNeeded: salts >> 32) &- UInt32(truncatingIfNeeded: other >> 32)
        return hasHeader && (1..<1 << 31).contains(distance)
    }

    /// Reads the salts of a log; 0 if it cannot be read.
    static func salts(of path: String) -> UInt64 {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: headerSize)
        return pread(descriptor, &bytes, bytes.count, 0) == bytes.count ? bytes.bigEndian64(16) : 0
    }
}
