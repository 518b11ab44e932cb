import CSQLite

/// What SQLite said went wrong, and where.
struct SQLiteError: Error {
    /// A result code, primary or extended (sqlite.org/rescode.html).
    struct Code: RawRepresentable, Hashable, Sendable {
        let rawValue: Int32

        static let busy = Code(rawValue: SQLITE_BUSY)
        static let constraint = Code(rawValue: SQLITE_CONSTRAINT)
        static let corrupt = Code(rawValue: SQLITE_CORRUPT)
        /// SQLITE_ERROR: the statement or the schema is wrong.
        static let generic = Code(rawValue: SQLITE_ERROR)
        static let full = Code(rawValue: SQLITE_FULL)
        static let inputOutput = Code(rawValue: SQLITE_IOERR)
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
    var description: String {
        "SQLite error \(code.rawValue): \(message)" + (sql.map { " in \($0)" } ?? "")
    }
}
