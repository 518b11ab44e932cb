import Glibc

/// What the witness says, and what is written to it.
extension SQLiteJournalStore {
    /// What an earlier process's witness demands of the files.
    struct Claim {
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
    func missing(after outcome: SpoolSalvage.Outcome, _ witness: SpoolWitness?, _ log: SpoolLog) -> Int64? {
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
    func isLater(than other: UInt64) -> Bool {
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
