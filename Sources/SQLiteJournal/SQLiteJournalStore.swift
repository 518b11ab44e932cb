package import Alerts
import Glibc
package import Journaling
import Support

/// The journal's embedded engine: one SQLite database in WAL mode with full synchronisation.
///
/// Invariants: a row is in one destination's table or in the dead letters, never in both; `reserved_sequence` is above
/// every id ever given; the database itself says that it is open while a process works on it, so that a missing log
/// is noticed.
package final class SQLiteJournalStore: JournalStore {
    /// Sequence numbers are reserved in blocks, so that no commit has to write the last one given.
    static let sequenceBlock: Int64 = 1 << 20

    package let settings: SpoolSettings
    package let schema: SQLiteSchema
    package let folder: SpoolFolder
    package var lock: SpoolLock?
    var ballast: SpoolBallast
    /// Nil before opening, after closing and after a failure.
    var statements: SpoolStatements?
    var reservedSequence: Int64 = 0
    /// Above every sequence number given so far.
    package var nextSequence: Int64 = 1
    /// The first that this process gave.
    package var firstSequence: Int64 = 1
    var witness: SpoolWitnessFile?
    /// Counts openings.
    package var session: Int64 = 0
    /// Of the log as it is written now; to be read again after each checkpoint.
    var salts: UInt64 = 0
    var areSaltsKnown = false
    /// The database's size after the last checkpoint.
    var databaseBytes: Int64 = 0
    var databaseFile: SpoolFile?
    var logFile: SpoolFile?

    /// The names of those that have a number.
    package var receivers: [ReceiverID: String] = [:]
    package var pendingCounts: [Destination: Int] = [:]
    package var deadLetterCounts: [Destination: Int] = [:]
    /// When this process wrote each record of a hook, counted in writes; those found at opening come first.
    var hookWrites: [[UInt8]: Int] = [:]
    /// The last number in `hookWrites`.
    var lastHookWrite = 0
    package var usedBytes: Int64 = 0
    /// SQLite's limit in force; nil where it was not set yet.
    var pageLimit: Int64?
    /// The size of the transaction being tried.
    var attemptedBytes: Int64 = 0

    /// - precondition: The limit is at least 1 MiB.
    package init(_ settings: SpoolSettings, schema: SQLiteSchema = .current) {
        expect(settings.limitBytes >= 1 << 20, "the size limit is below 1 MiB")
        self.settings = settings
        self.schema = schema
        folder = SpoolFolder(path: settings.folder)
        ballast = SpoolBallast(path: folder.ballast, size: 0)
    }

    package var usage: JournalUsage {
        JournalUsage(
            usedBytes: usedBytes, limitBytes: settings.limitBytes, appendLimitBytes: settings.appendLimitBytes)
    }

    /// All that have a table.
    package var destinations: [Destination] {
        Destination.all(with: receivers.keys)
    }

    /// Some way below the limit, so that the state does not change with every message.
    package var hasCapacity: Bool {
        usedBytes <= settings.appendLimitBytes / 8 * 7
    }

    package func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp? {
        try use { (statements) throws(SQLiteError) in
            try statements.table(destination).oldest.integer().map { Timestamp(nanosecondsSince1970: $0) }
        }
    }

    package func close(at now: Timestamp) throws(JournalStoreError) {
        try use { (statements) throws(SQLiteError) in
            let connection = statements.connection
            try limitPages(isBounded: false, connection)
            try connection.transaction { () throws(SQLiteError) in
                for destination in destinations {
                    try statements.set(Meta.pending(destination), to: Int64(pendingCounts[destination] ?? 0))
                    try statements.set(Meta.dead(destination), to: Int64(deadLetterCounts[destination] ?? 0))
                }
                try statements.set(Meta.reservedSequence, to: nextSequence)
                try statements.set(Meta.wasClosed, to: 1)
                try SpoolReport.clear(connection)
            }
            withdrawClaim(.idle)
            try connection.checkpoint(truncating: true)
            noteCheckpoint()
            testify(.closed, connection)
            witness?.sync()
        }
        closeWithoutFlush()
    }

    package func closeWithoutFlush() {
        statements = nil
        witness = nil
        lock = nil
    }

    /// Runs `body` with the statements and translates what SQLite says went wrong.
    package func use<Value>(_ body: (SpoolStatements) throws(SQLiteError) -> Value) throws(JournalStoreError) -> Value {
        guard let statements else { bug("the journal store is used while it is not open") }
        do throws(SQLiteError) {
            return try body(statements)
        } catch {
            throw storeError(error)
        }
    }

    /// Only what leaves SQLite in order is a full journal; everything else ends the engine. A failed fsync above all:
    /// the kernel may have dropped the pages, and a second fsync would then succeed without them.
    private func storeError(_ error: SQLiteError) -> JournalStoreError {
        switch error.code {
        // The statements are right and the ids are new: a conflict or an unknown column comes from damaged content.
        case .corrupt, .notADatabase, .constraint, .mismatch, .generic:
            folder.markDamaged()
            return .broken(error.description)
        case .full:
            return .full(isNearLimit ? .journalLimit : .diskFull)
        case .inputOutputWrite where [ENOSPC, EDQUOT, EFBIG].contains(error.systemError):
            return .full(.diskFull)
        default:
            return .broken(error.description)
        }
    }

    /// SQLite says "full" for its page limit and for the disk alike. A row may take twice its size, when no second one
    /// fits into its page.
    private var isNearLimit: Bool {
        pageLimit != SpoolSettings.unlimitedPages
            && usedBytes + 2 * attemptedBytes + 64 * SpoolSettings.pageSize >= settings.limitBytes
    }
}

/// Counting what an earlier process left.
extension SQLiteJournalStore {
    /// Counting reads every page, so the last process's own count is taken where it ended orderly.
    package func count(_ connection: SQLiteConnection, trustingMeta: Bool) throws(SQLiteError) {
        (pendingCounts, deadLetterCounts) = ([:], [:])
        var isTrusted = trustingMeta
        for destination in destinations where isTrusted {
            pendingCounts[destination] = try count(Meta.pending(destination), on: connection)
            deadLetterCounts[destination] = try count(Meta.dead(destination), on: connection)
            isTrusted = pendingCounts[destination] != nil && deadLetterCounts[destination] != nil
        }
        guard !isTrusted else { return }
        for destination in destinations {
            let count = try connection.integer("SELECT count(*) FROM \(SQLiteSchema.table(destination))")
            pendingCounts[destination] = Int(count ?? 0)
            deadLetterCounts[destination] = 0
        }
        try countDeadLetters(connection)
    }

    private func countDeadLetters(_ connection: SQLiteConnection) throws(SQLiteError) {
        try connection.prepare("SELECT id, severity FROM dead_letter").query { (row) throws(SQLiteError) in
            let receiver = JournalID(rawValue: row.integer(0)).destination.receiver
            let severity = Severity(spoolNumber: row.integer(1))
            deadLetterCounts[Destination(receiver: receiver, severity: severity), default: 0] += 1
            return true
        }
    }

    /// As many as an index holds at most, oldest first.
    package func seen(_ connection: SQLiteConnection) throws(SQLiteError) -> [SeenKey] {
        var keys: [SeenKey] = []
        // The ids grow from 1: what lies beyond is damaged.
        let statement = try connection.prepare(
            "SELECT id, at, key FROM seen WHERE id BETWEEN 1 AND \(Int64(1) << 60) ORDER BY id DESC LIMIT 262144")
        try statement.query { (row) throws(SQLiteError) in
            keys.append(
                SeenKey(
                    id: row.integer(0), bytes: row.blob(2), at: Timestamp(nanosecondsSince1970: row.integer(1))))
            return true
        }
        return keys.reversed()
    }

    /// Fewer rows than were acknowledged, in files that seem whole.
    func shortage(_ claim: Claim?, _ connection: SQLiteConnection) throws(SQLiteError) -> [SpoolReport] {
        guard let claim, claim.isExact else { return [] }
        let counted = { [self] in pendingCounts.values.reduce(0) { $0 + Int64($1) } }
        if counted() != claim.witness.pending { try count(connection, trustingMeta: false) }
        let missing = claim.witness.pending - counted()
        guard missing > 0 else { return [] }
        return [SpoolReport(missing: missing, text: SpoolReport.missing(missing))]
    }
}

extension SQLiteJournalStore {
    package func inspect() throws(JournalStoreError) -> StorageSpace {
        try checkFiles()
        // So that a power cut leaves it no further behind than this.
        witness?.sync()
        if isShort, checkpointGrowth > 0 { try emptyLog() }
        return !isShort && ballast.hold() ? .ample : .low
    }

    private var isShort: Bool {
        // The ballast counts as free: it is there to be given up. So taking it back does not change the verdict.
        let free = folder.freeBytes ?? 0
        return free + (ballast.isHeld ? ballast.size : 0) < 2 * ballast.size + checkpointGrowth
    }

    /// By how many bytes a checkpoint can let the database grow. A start after a kill begins with one, so that what is
    /// accepted must leave room for it.
    private var checkpointGrowth: Int64 { Int64(statements?.connection.logFrames ?? 0) * SpoolSettings.pageSize }

    /// Whether the disk has room for an append and for the checkpoint after it, with a ballast's size to spare.
    func hasSpace(for bytes: Int64) -> Bool {
        guard let free = folder.freeBytes else { return true }
        // Once in the log and once in the database.
        return free >= ballast.size + checkpointGrowth + 2 * bytes
    }

    package func releaseBallast() throws(JournalStoreError) {
        ballast.release()
        try emptyLog()
    }

    private func emptyLog() throws(JournalStoreError) {
        do throws(JournalStoreError) {
            try use { (statements) throws(SQLiteError) in
                withdrawClaim(.idle)
                try statements.connection.checkpoint(truncating: true)
                noteCheckpoint()
            }
        } catch {
            // Still full: the next inspection or settlement tries again.
            guard case .full = error else { throw error }
        }
    }

    /// A commit into a file that has no name any more would be lost with the process.
    private func checkFiles() throws(JournalStoreError) {
        guard let databaseFile, databaseFile.isSame(as: SpoolFile(folder.database)) else {
            throw .broken("\(folder.database) was removed or replaced while in use")
        }
        guard let logFile, logFile.isSame(as: SpoolFile(folder.log)) else {
            throw .broken("\(folder.log) was removed or replaced while in use")
        }
    }
}
