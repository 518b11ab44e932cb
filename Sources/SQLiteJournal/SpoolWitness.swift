import Alerts
import Glibc
import Journaling
import Support

/// What the spool held after the last acknowledged commit, kept apart from database and log: they cannot tell that a part
/// of them is missing, since SQLite takes the first bad frame of a log for its end.
///
/// It is written behind a commit, before the answer, and never claims what was not synced before it. So a kill leaves it
/// exact, and a power cut leaves it behind the database at worst.
package struct SpoolWitness: Equatable {
    /// What it says of the log.
    enum Phase: Int64 {
        /// Nothing: the log is about to be emptied, or is empty.
        case idle
        /// That so many of its frames belong to acknowledged commits.
        case logged
        /// That there is none: the spool was closed in order.
        case closed
        /// Nothing, but no commit was acknowledged since: a start is under way.
        case recovering
    }

    var phase = Phase.idle
    /// Counts openings; the database has the same number.
    var session: Int64 = 0
    /// Both salts of the log's header, which change when it begins anew.
    var salts: UInt64 = 0
    var frames: Int64 = 0
    /// The size of the database file; it never shrinks.
    var databaseBytes: Int64 = 0
    /// Numbers of this session begin here and go up to `nextSequence`.
    var firstSequence: Int64 = 1
    var nextSequence: Int64 = 1
    var pending: Int64 = 0
    var deadLetters: Int64 = 0

    /// The spool was never opened.
    var isFresh: Bool { session == 0 }

    /// Nil where it claims nothing of a log.
    var loggedFrames: (salts: UInt64, frames: Int64)? { phase == .logged ? (salts, frames) : nil }

    fileprivate static let slotSize = 96
    private static let fields = 11
    private static let magic: Int64 = 0x31_53_4e_54_57_4c_45_52

    /// Hands over the bytes of a slot. It runs in each commit, so it allocates nothing.
    ///
    /// - Parameter number: Counts writes, so that the later of two slots is known.
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

    /// Nil where the checksum does not fit.
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
        // An extreme value that fits its checksum is ours; it must not make sums overflow all the same.
        let counts = [
            witness.session, witness.frames, witness.databaseBytes, witness.firstSequence,
            witness.nextSequence, witness.pending, witness.deadLetters,
        ]
        guard counts.allSatisfy({ (0...1 << 60).contains($0) }) else { return nil }
        return (witness, fields[1])
    }
}

/// The witness's file: two slots in blocks of their own, written in turn, so that a torn write leaves the other.
final class SpoolWitnessFile {
    private static let slotDistance = 4096

    private let descriptor: Int32
    private var number: Int64 = 0
    /// What was written or found last; nil where there is none that can be read.
    private(set) var last: SpoolWitness?
    /// One of the two slots cannot be read although both have been written: if it was the later one, the other does not
    /// know of the last commit.
    let isHalfDamaged: Bool
    private var isSynced = true

    /// Opens the file, and makes a fresh one, synced, where there is none and `isNew`.
    ///
    /// Returns nil where there is none otherwise.
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
        isHalfDamaged = slots.count == 1 && newest?.number ?? 0 > 1
        if let newest {
            (last, number) = (newest.witness, newest.number)
        } else if isNew || count == 0 {
            // All of it now, so that no later write needs space. Empty is what a kill right here leaves.
            let zeros = [UInt8](repeating: 0, count: 2 * Self.slotDistance)
            guard pwrite(descriptor, zeros, zeros.count, 0) == zeros.count, write(SpoolWitness()), sync() else {
                throw .unusable(path: path, reason: String(cString: strerror(errno)))
            }
        }
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// Without a sync. Where it fails the witness stays behind the database, as after a power cut.
    @discardableResult
    func write(_ witness: SpoolWitness) -> Bool {
        number &+= 1
        let place = off_t(number & 1) * off_t(Self.slotDistance)
        isSynced = false
        let isWritten = witness.withEncoded(number: number) {
            pwrite(descriptor, $0.baseAddress, $0.count, place) == $0.count
        }
        if isWritten { last = witness }
        return isWritten
    }

    /// Does nothing where nothing was written since the last time.
    @discardableResult
    func sync() -> Bool {
        guard !isSynced else { return true }
        isSynced = fdatasync(descriptor) == 0
        return isSynced
    }
}

/// What the witness says, and what is written to it.
extension SQLiteJournalStore {
    /// What an earlier process's witness demands of the files.
    package struct Claim {
        var witness: SpoolWitness
        /// The database holds what the witness tells of and nothing more, so that counts must be equal.
        var isExact: Bool
    }

    /// Throws where the files hold less than was acknowledged; nil where there is nothing to hold them to.
    ///
    /// - Parameter session: The database's own count of openings; nil where it is damaged.
    func claim(
        of witness: SpoolWitness?, on log: SpoolLog, _ database: SpoolFile?, session: Int64?
    ) throws(SpoolOpenError) -> Claim? {
        guard let witness, !witness.isFresh else { return nil }
        if let session {
            // Killed while it opened the spool: after this check, and before anything was acknowledged.
            guard session <= witness.session else { return nil }
            guard session == witness.session else { throw .damaged("the database is an older copy") }
        }
        let size = database?.size ?? 0
        guard size >= witness.databaseBytes else {
            throw .damaged("the database has \(size) of \(witness.databaseBytes) bytes")
        }
        switch witness.phase {
        case .logged where log.hasHeader && log.isLater(than: witness.salts):
            return Claim(witness: witness, isExact: false)
        case .logged where log.validFrames < witness.frames || log.salts != witness.salts:
            throw .damaged(
                SpoolFile(folder.log)?.size ?? 0 == 0
                    ? "the spool's log is missing" : "the spool's log ends before what was acknowledged")
        case .logged:
            return Claim(witness: witness, isExact: log.validFrames == witness.frames)
        case .idle:
            return Claim(witness: witness, isExact: log.validFrames == 0)
        case .recovering, .closed:
            return Claim(witness: witness, isExact: true)
        }
    }

    /// How many acknowledged notifications a repair could not find; nil where nothing tells.
    package func missing(after outcome: SpoolSalvage.Outcome, _ witness: SpoolWitness?, _ log: SpoolLog) -> Int64? {
        guard let witness, !witness.isFresh else { return nil }
        let found = Int64(outcome.saved + outcome.damaged)
        var missing = max(0, witness.pending - found)
        let isTailLost =
            witness.phase == .logged && (log.salts != witness.salts || log.committedFrames < witness.frames)
        if isTailLost, !log.isLater(than: witness.salts) {
            // What was settled in the lost part is found again, and hides as many that are missing. Those that were
            // accepted there are all behind the last one found.
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

    /// Before the files change without an acknowledgement. It must reach the disk first: else a power cut could leave a
    /// claim on a log that is gone.
    func withdrawClaim(_ phase: SpoolWitness.Phase) {
        guard let witness, var last = witness.last else { return }
        last.phase = phase
        witness.write(last)
        witness.sync()
    }

    /// After a commit, before it is acknowledged.
    func testify(_ phase: SpoolWitness.Phase, _ connection: SQLiteConnection) {
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

    /// After a checkpoint: the log begins anew with the next commit.
    func noteCheckpoint() {
        areSaltsKnown = false
        databaseBytes = SpoolFile(folder.database)?.size ?? databaseBytes
    }
}

extension SpoolLog {
    /// Whether it began anew after the generation of these salts, which SQLite does only once all of that is in the
    /// database: the first salt counts up.
    fileprivate func isLater(than other: UInt64) -> Bool {
        let distance = UInt32(truncatingIfNeeded: salts >> 32) &- UInt32(truncatingIfNeeded: other >> 32)
        return hasHeader && (1..<1 << 31).contains(distance)
    }

    /// Of the log that is being written; 0 where it cannot be read.
    static func salts(of path: String) -> UInt64 {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: headerSize)
        return pread(descriptor, &bytes, bytes.count, 0) == bytes.count ? bytes.bigEndian64(16) : 0
    }
}
