import Glibc

/// The journal's embedded engine: one SQLite database in WAL mode with full synchronisation.
///
/// Invariants: a row is in one destination's table or in the dead letters, never in both; `reserved_sequence` is above
/// every id ever given; the database itself says that it is open while a process works on it, so that a missing log
/// is noticed.
final class SQLiteJournalStore: JournalStore {
    /// Sequence numbers are reserved in blocks, so that no commit has to write the last one given.
    static let sequenceBlock: Int64 = 1 << 20

    let settings: SpoolSettings
    let schema: SQLiteSchema
    let folder: SpoolFolder
    var lock: SpoolLock?
    var ballast: SpoolBallast
    /// Nil before opening, after closing and after a failure.
    var statements: SpoolStatements?
    var reservedSequence: Int64 = 0
    /// Above every sequence number given so far.
    var nextSequence: Int64 = 1
    /// The first that this process gave.
    var firstSequence: Int64 = 1
    var witness: SpoolWitnessFile?
    /// Counts openings.
    var session: Int64 = 0
    /// Of the log as it is written now; to be read again after each checkpoint.
    var salts: UInt64 = 0
    var areSaltsKnown = false
    /// The database's size after the last checkpoint.
    var databaseBytes: Int64 = 0
    var databaseFile: SpoolFile?
    var logFile: SpoolFile?

    /// The names of those that have a number.
    var receivers: [ReceiverID: String] = [:]
    var pendingCounts: [Destination: Int] = [:]
    var deadLetterCounts: [Destination: Int] = [:]
    /// When this process wrote each record of a hook, counted in writes; those found at opening come first.
    var hookWrites: [[UInt8]: Int] = [:]
    /// The last number in `hookWrites`.
    var lastHookWrite = 0
    var usedBytes: Int64 = 0
    /// SQLite's limit in force; nil where it was not set yet.
    var pageLimit: Int64?
    /// The size of the transaction being tried.
    var attemptedBytes: Int64 = 0

    /// - precondition: The limit is at least 1 MiB.
    init(_ settings: SpoolSettings, schema: SQLiteSchema = .current) {
        precondition(settings.limitBytes >= 1 << 20)
        self.settings = settings
        self.schema = schema
        folder = SpoolFolder(path: settings.folder)
        ballast = SpoolBallast(path: folder.ballast, size: 0)
    }

    var usage: JournalUsage {
        JournalUsage(
            usedBytes: usedBytes, limitBytes: settings.limitBytes, appendLimitBytes: settings.appendLimitBytes)
    }

    /// All that have a table.
    var destinations: [Destination] {
        Destination.all(with: receivers.keys)
    }

    /// Some way below the limit, so that the state does not change with every message.
    var hasRoom: Bool {
        usedBytes <= settings.appendLimitBytes / 8 * 7
    }

    func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp? {
        try use { (statements) throws(SQLiteError) in
            try statements.table(destination).oldest.integer().map { Timestamp(spoolNanoseconds: $0) }
        }
    }

    func close(at now: Timestamp) throws(JournalStoreError) {
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
        abandon()
    }

    func abandon() {
        statements = nil
        witness = nil
        lock = nil
    }

    /// Runs `body` with the statements and translates what SQLite says went wrong.
    func use<Value>(_ body: (SpoolStatements) throws(SQLiteError) -> Value) throws(JournalStoreError) -> Value {
        guard let statements else { preconditionFailure("the journal's store is used while it is not open") }
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
