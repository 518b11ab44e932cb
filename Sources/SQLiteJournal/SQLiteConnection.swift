import Alerts
import CSQLite

/// A connection to a database file. It must be used on one queue only, because it has no mutexes (SQLITE_OPEN_NOMUTEX).
///
/// Closing does not checkpoint, so that a damaged or foreign file is not changed.
package final class SQLiteConnection {
    let handle: OpaquePointer
    /// The number of frames in the write-ahead log after the last commit. Set by SQLite's WAL hook.
    private let frames: UnsafeMutablePointer<Int32>
    /// `BEGIN IMMEDIATE` and `COMMIT`, prepared at the first use. Not `SQLiteStatement`, which retains the connection.
    private var begin: OpaquePointer?
    private var commit: OpaquePointer?

    /// The version of the SQLite library.
    package static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    /// Opens the file, or creates it if it does not exist. SQLite does not read it yet.
    ///
    /// - Parameter followsLinks: If false, opening fails if the path contains a symbolic link.
    init(path: String, followsLinks: Bool = true) throws(SQLiteError) {
        var opened: OpaquePointer?
        let flags =
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
            | (followsLinks ? 0 : SQLITE_OPEN_NOFOLLOW)
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard let opened, code == SQLITE_OK else {
            defer { sqlite3_close_v2(opened) }
            throw SQLiteError(
                code: SQLiteError.Code(rawValue: code), message: String(cString: sqlite3_errstr(code)), sql: nil,
                systemError: opened.map { sqlite3_system_errno($0) } ?? 0)
        }
        handle = opened
        frames = .allocate(capacity: 1)
        frames.initialize(to: 0)
        relay_sqlite3_no_checkpoint_on_close(handle)
    }

    deinit {
        sqlite3_finalize(begin)
        sqlite3_finalize(commit)
        // Statements retain the connection, so none is left that could call the hook.
        sqlite3_close_v2(handle)
        frames.deallocate()
    }

    /// Executes SQL statements without results.
    func execute(_ sql: String) throws(SQLiteError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw lastError(sql) }
    }

    /// Prepares a statement. Fails if the SQL does not match the schema.
    func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        try SQLiteStatement(sql, on: self)
    }

    /// Returns the first column of the first row; nil if there is no row or it is NULL.
    func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        try prepare(sql).integer()
    }

    /// Runs `body` in a transaction. Rolls back if it or the commit fails.
    func transaction<Result>(_ body: () throws(SQLiteError) -> Result) throws(SQLiteError) -> Result {
        try run("BEGIN IMMEDIATE", &begin)
        do throws(SQLiteError) {
            let result = try body()
            try run("COMMIT", &commit)
            return result
        } catch {
            // SQLite has already rolled back after a full disk or an I/O error; ROLLBACK would then fail.
            if sqlite3_get_autocommit(handle) == 0 {
                try? execute("ROLLBACK")
            }
            throw error
        }
    }

    /// Runs a statement without rows, and prepares it before if necessary.
    private func run(_ sql: String, _ statement: inout OpaquePointer?) throws(SQLiteError) {
        if statement == nil {
            let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
            guard sqlite3_prepare_v3(handle, sql, -1, flags, &statement, nil) == SQLITE_OK else {
                throw lastError(sql)
            }
        }
        defer { sqlite3_reset(statement) }
        guard sqlite3_step(statement) == SQLITE_DONE else { throw lastError(sql) }
    }

    /// The number of rows that the last statement changed.
    var changes: Int { Int(sqlite3_changes64(handle)) }

    /// Disables SQLite's automatic checkpoint, because COMMIT ignores its errors, such as a failed fsync. Counts the
    /// frames of the write-ahead log instead.
    func checkpointOnlyOnRequest() {
        sqlite3_wal_hook(
            handle,
            { context, _, _, frames in
                context?.assumingMemoryBound(to: Int32.self).pointee = frames
                return SQLITE_OK
            }, frames)
    }

    /// The number of frames in the write-ahead log after the last commit.
    var logFrames: Int { Int(frames.pointee) }

    /// Copies the write-ahead log into the database. The next commit overwrites the log.
    ///
    /// - Parameter truncating: Truncates the log file to zero bytes.
    func checkpoint(truncating: Bool) throws(SQLiteError) {
        let mode = truncating ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        guard sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil) == SQLITE_OK else {
            throw lastError("checkpoint")
        }
        frames.pointee = 0
    }

    /// Releases memory that the next statements would allocate again, such as the page cache.
    func releaseMemory() {
        sqlite3_db_release_memory(handle)
    }

    /// The error of the last call of SQLite.
    func lastError(_ sql: String?) -> SQLiteError {
        SQLiteError(
            code: SQLiteError.Code(rawValue: sqlite3_extended_errcode(handle)),
            message: String(cString: sqlite3_errmsg(handle)), sql: sql, systemError: sqlite3_system_errno(handle))
    }
}

/// An error that SQLite reported.
struct SQLiteError: Error {
    /// A result code, primary or extended (sqlite.org/rescode.html).
    struct Code: RawRepresentable, Hashable, Sendable {
        let rawValue: Int32

        init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        static let busy = Code(rawValue: SQLITE_BUSY)
        static let constraint = Code(rawValue: SQLITE_CONSTRAINT)
        static let corrupt = Code(rawValue: SQLITE_CORRUPT)
        /// SQLITE_ERROR: the statement does not match the schema.
        static let generic = Code(rawValue: SQLITE_ERROR)
        static let full = Code(rawValue: SQLITE_FULL)
        /// SQLITE_IOERR_WRITE, a macro that Swift does not import.
        static let inputOutputWrite = Code(rawValue: SQLITE_IOERR | 3 << 8)
        static let mismatch = Code(rawValue: SQLITE_MISMATCH)
        static let notADatabase = Code(rawValue: SQLITE_NOTADB)

        var primary: Code { Code(rawValue: rawValue & 0xff) }

        /// A primary code matches all its extended codes; an extended one matches only itself.
        static func ~= (pattern: Code, code: Code) -> Bool {
            code == pattern || code.primary == pattern
        }
    }

    let code: Code
    let message: String
    let sql: String?
    /// The errno of the failed system call; 0 if none failed.
    let systemError: Int32

    init(code: Code, message: String, sql: String?, systemError: Int32) {
        self.code = code
        self.message = message
        self.sql = sql
        self.systemError = systemError
    }

    static func misplacedRow(_ id: Int64, _ destination: Destination) -> SQLiteError {
        SQLiteError(
            code: .corrupt, message: "row \(id) of \(SQLiteSchema.table(destination)) is out of place", sql: nil,
            systemError: 0)
    }

    static func damagedReceiver(_ number: Int64) -> SQLiteError {
        let message = number == 0 ? "a receiver's row is missing" : "the row of receiver \(number) is damaged"
        return SQLiteError(code: .corrupt, message: message, sql: nil, systemError: 0)
    }

    static func ~= (pattern: Code, error: SQLiteError) -> Bool {
        pattern ~= error.code
    }
}

extension SQLiteError: CustomStringConvertible {
    var description: String {
        "SQLite error \(code.rawValue): \(message)" + (sql.map { " in \($0)" } ?? "")
    }
}
