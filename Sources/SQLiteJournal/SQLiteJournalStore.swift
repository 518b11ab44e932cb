package import Alerts
import Glibc
package import Journaling
import Support

/// The embedded engine of the journal: a SQLite database in WAL mode with `synchronous = FULL`.
///
/// Invariants: A notification is in the table of its destination or in the dead letters, not in both.
/// `reserved_sequence` is above all assigned sequence numbers. The database itself is marked as in use, so that a
/// missing log is detected.
package final class SQLiteJournalStore: JournalStore {
    /// Sequence numbers are reserved in blocks, so that commits need not write the last one.
    static let sequenceBlock: Int64 = 1 << 20

    let settings: SpoolSettings
    let schema: SQLiteSchema
    let folder: SpoolFolder
    var lock: SpoolLock?
    var ballast: SpoolBallast
    /// Nil before opening, after closing and after an error.
    var statements: SpoolStatements?
    /// The value of `reserved_sequence` on disk.
    var reservedSequence: Int64 = 0
    /// Above all assigned sequence numbers.
    var nextSequence: Int64 = 1
    /// The first sequence number of this process.
    var firstSequence: Int64 = 1
    var witness: SpoolWitnessFile?
    /// The number of openings of the spool, including this one.
    var session: Int64 = 0
    /// The salts of the current log. A checkpoint changes them.
    var salts: UInt64 = 0
    var areSaltsKnown = false
    /// The size of the database file after the last checkpoint.
    var databaseBytes: Int64 = 0
    var databaseFile: SpoolFile?
    var logFile: SpoolFile?

    /// The names of the receivers that have a number.
    package internal(set) var receivers: [ReceiverID: String] = [:]
    package internal(set) var pendingCounts: [Destination: Int] = [:]
    package internal(set) var deadLetterCounts: [Destination: Int] = [:]
    /// The number of rows in `later_states`.
    var laterStatesCount = 0
    package var historyLimits = HistoryLimits.unlimited
    package internal(set) var historyUsage = HistoryUsage()
    /// Set while a statement on the history runs, so that its error is known to be one of the history.
    var isInHistory = false
    /// Whether the current transaction has changed the history.
    var hasWrittenHistory = false
    /// Whether the current transaction is repeated without changes of the history.
    var isHistoryOmitted = false
    /// Whether the last error means damaged content, not a failure of the disk.
    var isContentDamaged = false
    /// Set if the table cannot be used. The next start repairs the spool.
    var isHistoryBroken = false
    /// The number of the last write of each hook record. Records found at opening have the lowest numbers.
    var hookWrites: [[UInt8]: Int] = [:]
    /// The highest number in `hookWrites`.
    var lastHookWrite = 0
    var usedBytes: Int64 = 0
    /// The number of frames that were written since `usedBytes` was measured.
    var unmeasuredFrames = 0
    /// The current `max_page_count`; nil before it is set.
    var pageLimit: Int64?
    /// The size of the current transaction's bodies in bytes.
    var attemptedBytes: Int64 = 0
    /// The number of inspections since the last use of the database, at most 2.
    var idleInspections = 0

    /// - precondition: `limitBytes` is at least 1 MiB.
    package convenience init(_ settings: SpoolSettings) {
        self.init(settings, schema: .current)
    }

    /// - precondition: `limitBytes` is at least 1 MiB.
    init(_ settings: SpoolSettings, schema: SQLiteSchema) {
        expect(settings.limitBytes >= 1 << 20, "the size limit is below 1 MiB")
        self.settings = settings
        self.schema = schema
        folder = SpoolFolder(path: settings.folder)
        ballast = SpoolBallast(path: folder.ballast, size: 0)
    }

    package var usage: JournalUsage {
        var usage = JournalUsage(
            usedBytes: usedBytes, limitBytes: settings.limitBytes, appendLimitBytes: settings.appendLimitBytes)
        usage.historyBytes = min(usedBytes, historyUsage.bytes)
        return usage
    }

    /// The destinations that have a table.
    var destinations: [Destination] {
        Destination.all(with: receivers.keys)
    }

    /// Below 7/8 of the limit, so that the state does not flap.
    package var hasCapacity: Bool {
        usage.neededBytes <= settings.appendLimitBytes / 8 * 7
    }

    package func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp? {
        try withStatements { (statements) throws(SQLiteError) in
            try statements.table(destination).oldest.integer().map { Timestamp(nanosecondsSince1970: $0) }
        }
    }

    package func close(at now: Timestamp) throws(JournalStoreError) {
        try withStatements { (statements) throws(SQLiteError) in
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
            invalidateWitness(.idle)
            try connection.checkpoint(truncating: true)
            noteCheckpoint()
            writeWitness(.closed, connection)
            witness?.sync()
        }
        closeWithoutFlush()
    }

    package func closeWithoutFlush() {
        statements = nil
        witness = nil
        lock = nil
    }

    /// Runs `body` with the prepared statements and converts its errors. Must be called only while the store is open.
    func withStatements<Value>(_ body: (SpoolStatements) throws(SQLiteError) -> Value) throws(JournalStoreError)
        -> Value
    {
        guard let statements else { bug("the journal store is used while it is not open") }
        idleInspections = 0
        do throws(SQLiteError) {
            return try body(statements)
        } catch {
            throw storeError(error)
        }
    }

    /// Only a lack of space is recoverable. All other errors are permanent, such as a failed fsync: the kernel may have
    /// dropped the pages, so a second fsync would succeed without them.
    private func storeError(_ error: SQLiteError) -> JournalStoreError {
        switch error.code {
        // The statements are correct and the ids are new, so a conflict or an unknown column means damaged content.
        case .corrupt, .notADatabase, .constraint, .mismatch, .generic:
            folder.markDamaged()
            isContentDamaged = true
            return .broken(error.description)
        case .full:
            return .full(isNearLimit ? .journalLimit : .diskFull)
        case .inputOutputWrite where [ENOSPC, EDQUOT, EFBIG].contains(error.systemError):
            return .full(.diskFull)
        default:
            return .broken(error.description)
        }
    }

    /// Whether SQLITE_FULL means the page limit, not the disk. A row can need twice its size, if its page has no space
    /// for a second one.
    private var isNearLimit: Bool {
        pageLimit != SpoolSettings.unlimitedPages
            && usedBytes + 2 * attemptedBytes + 64 * SpoolSettings.pageSize >= settings.limitBytes
    }
}

/// Counts the rows at opening.
extension SQLiteJournalStore {
    /// Sets the counts.
    ///
    /// - Parameter trustingMeta: Uses the counts that the last process stored when it closed, since counting reads all
    ///   pages.
    func count(_ connection: SQLiteConnection, trustingMeta: Bool) throws(SQLiteError) {
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

    /// Reads the dedupe keys, oldest first: at most the capacity of `DedupeIndex`.
    func seen(_ connection: SQLiteConnection) throws(SQLiteError) -> [SeenKey] {
        var keys: [SeenKey] = []
        // Ids start at 1; rows outside of the range are damaged.
        let statement = try connection.prepare(
            "SELECT id, at, key FROM seen WHERE id BETWEEN 1 AND \(Int64(1) << 60) ORDER BY id DESC LIMIT 262144")
        try statement.query { (row) throws(SQLiteError) in
            let (id, at) = (row.integer(0), Timestamp(nanosecondsSince1970: row.integer(1)))
            keys.append(row.withBlob(2) { SeenKey(id: id, bytes: $0, at: at) })
            return true
        }
        // In place, because there may be many.
        keys.reverse()
        return keys
    }

    /// Reports acknowledged notifications that are missing although the files seem intact.
    func reportsOfMissing(_ expected: ExpectedContent?, _ connection: SQLiteConnection) throws(SQLiteError)
        -> [SpoolReport]
    {
        guard let expected, expected.isExact else { return [] }
        let counted = { [self] in pendingCounts.values.reduce(0) { $0 + Int64($1) } }
        if counted() != expected.witness.pending { try count(connection, trustingMeta: false) }
        let missing = expected.witness.pending - counted()
        guard missing > 0 else { return [] }
        return [SpoolReport(missing: missing, text: SpoolReport.missing(missing))]
    }
}
