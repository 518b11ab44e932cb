import Alerts
import CSQLite
import Journaling
import Support

/// One connection to a database file, used on one queue only (SQLite runs without its own mutexes).
///
/// Closing never checkpoints: a damaged or foreign file stays as it was found. Checkpoint before, where it is wanted.
package final class SQLiteConnection {
    package let handle: OpaquePointer
    /// Frames in the write-ahead log after the last commit, kept by SQLite's hook.
    private let frames: UnsafeMutablePointer<Int32>

    package static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    /// Opens the file and makes it where there is none. SQLite reads nothing of it yet.
    ///
    /// - Parameter followsLinks: else a path with any symbolic link in it is refused.
    package init(path: String, followsLinks: Bool = true) throws(SQLiteError) {
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
        // Statements hold the connection, so none is left that could call the hook.
        sqlite3_close_v2(handle)
        frames.deallocate()
    }

    package func execute(_ sql: String) throws(SQLiteError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw lastError(sql) }
    }

    package func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        try SQLiteStatement(sql, on: self)
    }

    /// The first column of the first row, nil without a row.
    package func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        try prepare(sql).integer()
    }

    /// Commits what `body` writes, or nothing of it.
    package func transaction<Result>(_ body: () throws(SQLiteError) -> Result) throws(SQLiteError) -> Result {
        try execute("BEGIN IMMEDIATE")
        do throws(SQLiteError) {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            // A full disk or an I/O error has rolled back already; ROLLBACK would then be an error of its own.
            if sqlite3_get_autocommit(handle) == 0 {
                try? execute("ROLLBACK")
            }
            throw error
        }
    }

    /// Rows changed by the statement that ran last.
    var changes: Int { Int(sqlite3_changes64(handle)) }

    /// Counts the frames of the write-ahead log, and takes from SQLite the checkpoint inside COMMIT whose errors it
    /// swallows: a failed fsync there must be heard of.
    func checkpointOnlyOnRequest() {
        sqlite3_wal_hook(
            handle,
            { context, _, _, frames in
                context?.assumingMemoryBound(to: Int32.self).pointee = frames
                return SQLITE_OK
            }, frames)
    }

    var logFrames: Int { Int(frames.pointee) }

    /// Copies the write-ahead log into the database; the log is used from its beginning again, or also cut to nothing.
    func checkpoint(truncating: Bool) throws(SQLiteError) {
        let mode = truncating ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        guard sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil) == SQLITE_OK else {
            throw lastError("checkpoint")
        }
        frames.pointee = 0
    }

    func lastError(_ sql: String?) -> SQLiteError {
        SQLiteError(
            code: SQLiteError.Code(rawValue: sqlite3_extended_errcode(handle)),
            message: String(cString: sqlite3_errmsg(handle)), sql: sql, systemError: sqlite3_system_errno(handle))
    }
}

/// What SQLite said went wrong, and where.
package struct SQLiteError: Error {
    /// A result code, primary or extended (sqlite.org/rescode.html).
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        static let busy = Code(rawValue: SQLITE_BUSY)
        static let constraint = Code(rawValue: SQLITE_CONSTRAINT)
        static let corrupt = Code(rawValue: SQLITE_CORRUPT)
        /// SQLITE_ERROR: the statement or the schema is wrong.
        static let generic = Code(rawValue: SQLITE_ERROR)
        static let full = Code(rawValue: SQLITE_FULL)
        /// SQLITE_IOERR_WRITE, a macro that Swift does not import.
        static let inputOutputWrite = Code(rawValue: SQLITE_IOERR | 3 << 8)
        static let mismatch = Code(rawValue: SQLITE_MISMATCH)
        static let notADatabase = Code(rawValue: SQLITE_NOTADB)

        var primary: Code { Code(rawValue: rawValue & 0xff) }

        /// A primary code matches all extended codes of it, an extended one only itself.
        static func ~= (pattern: Code, code: Code) -> Bool {
            code == pattern || code.primary == pattern
        }
    }

    let code: Code
    let message: String
    let sql: String?
    /// errno of the system call that failed, 0 where none did.
    let systemError: Int32

    package init(code: Code, message: String, sql: String?, systemError: Int32) {
        self.code = code
        self.message = message
        self.sql = sql
        self.systemError = systemError
    }

    static func outOfPlace(_ id: Int64, _ destination: Destination) -> SQLiteError {
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
    package var description: String {
        "SQLite error \(code.rawValue): \(message)" + (sql.map { " in \($0)" } ?? "")
    }
}
