import Glibc

/// The journal's embedded engine: one SQLite database in WAL mode with full synchronisation.
///
/// Invariants: a row is in one destination's table or in the dead letters, never in both; `reserved_sequence` is above
/// every id ever given; the database itself says that it is open while a process works on it, so that a missing log
/// is noticed.
final class SQLiteJournalStore: JournalStore {
    /// Keys of the table `meta`.
    enum Meta {
        static let wasClosed = "clean_shutdown"
        static let reservedSequence = "reserved_sequence"
        static func pending(_ destination: Destination) -> String { "pending_\(destination.spoolName)" }
        static func dead(_ destination: Destination) -> String { "dead_\(destination.spoolName)" }
    }

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
    var databaseFile: SpoolFile?
    var logFile: SpoolFile?

    /// The names of those that have a number.
    var receivers: [ReceiverID: String] = [:]
    var pendingCounts: [Destination: Int] = [:]
    var deadLetterCounts: [Destination: Int] = [:]
    var usedBytes: Int64 = 0
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
        JournalUsage(usedBytes: usedBytes, limitBytes: settings.limitBytes)
    }

    /// All that have a table.
    var destinations: [Destination] {
        Destination.all(with: receivers.keys)
    }

    /// Some way below the limit, so that the state does not change with every message.
    var hasRoom: Bool {
        usedBytes <= settings.appendLimitBytes / 16 * 15
    }

    func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp? {
        try use { (statements) throws(SQLiteError) in
            try statements.table(destination).oldest.integer().map { Timestamp(spoolNanoseconds: $0) }
        }
    }

    func close(at now: Timestamp) throws(JournalStoreError) {
        try use { (statements) throws(SQLiteError) in
            let connection = statements.connection
            try connection.transaction { () throws(SQLiteError) in
                for destination in destinations {
                    try statements.set(Meta.pending(destination), to: Int64(pendingCounts[destination] ?? 0))
                    try statements.set(Meta.dead(destination), to: Int64(deadLetterCounts[destination] ?? 0))
                }
                try statements.set(Meta.reservedSequence, to: nextSequence)
                try statements.set(Meta.wasClosed, to: 1)
            }
            try connection.checkpoint(truncating: true)
        }
        abandon()
    }

    func abandon() {
        statements = nil
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
        case .corrupt, .notADatabase:
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
        usedBytes + 2 * attemptedBytes + 64 * SpoolSettings.pageSize >= settings.limitBytes
    }
}
