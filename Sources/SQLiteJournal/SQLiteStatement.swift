import CSQLite
import Support

/// A prepared statement. Each function that runs it also resets it, so that no read transaction stays open.
final class SQLiteStatement {
    private let handle: OpaquePointer
    private let sql: String
    private let connection: SQLiteConnection

    init(_ sql: String, on connection: SQLiteConnection) throws(SQLiteError) {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK else { throw connection.lastError(sql) }
        guard let prepared else { bug("the SQL contains no statement: \(sql)") }
        handle = prepared
        self.sql = sql
        self.connection = connection
    }

    deinit {
        sqlite3_finalize(handle)
    }

    /// Binds the parameters in their order. Text and blobs are copied; nil is bound as NULL.
    func bind(_ values: (any SQLiteBindable)?...) throws(SQLiteError) -> SQLiteStatement {
        for (index, value) in values.enumerated() {
            let index = Int32(index + 1)
            let code = value?.bind(to: handle, at: index) ?? sqlite3_bind_null(handle, index)
            guard code == SQLITE_OK else { throw connection.lastError(sql) }
        }
        return self
    }

    /// Binds two integers without existential boxes, as the next function.
    func bind(_ first: Int64, _ second: Int64) throws(SQLiteError) -> SQLiteStatement {
        let codes = sqlite3_bind_int64(handle, 1, first) | sqlite3_bind_int64(handle, 2, second)
        guard codes == SQLITE_OK else { throw connection.lastError(sql) }
        return self
    }

    /// Binds one integer without an existential box. Each settlement uses it.
    func bind(_ first: Int64) throws(SQLiteError) -> SQLiteStatement {
        guard sqlite3_bind_int64(handle, 1, first) == SQLITE_OK else { throw connection.lastError(sql) }
        return self
    }

    /// Binds four integers without existential boxes. Each accepted webhook uses it.
    func bind(
        _ first: Int64, _ second: Int64, _ third: Int64, _ fourth: Int64
    ) throws(SQLiteError) -> SQLiteStatement {
        let codes =
            sqlite3_bind_int64(handle, 1, first) | sqlite3_bind_int64(handle, 2, second)
            | sqlite3_bind_int64(handle, 3, third) | sqlite3_bind_int64(handle, 4, fourth)
        // SQLITE_OK is 0, so the union is not 0 if any call failed.
        guard codes == SQLITE_OK else { throw connection.lastError(sql) }
        return self
    }

    /// Runs the statement and ignores its rows.
    func run() throws(SQLiteError) {
        defer { sqlite3_reset(handle) }
        while try step() {}
    }

    /// Binds a blob without copying it and runs the statement.
    func run(blob: [UInt8], at index: Int32) throws(SQLiteError) {
        try blob.withUnsafeBufferPointer { (bytes) throws(SQLiteError) in
            // A nil destructor is SQLITE_STATIC: the bytes outlive the call, and then the binding is cleared.
            let code =
                bytes.isEmpty
                ? sqlite3_bind_zeroblob(handle, index, 0)
                : sqlite3_bind_blob64(handle, index, bytes.baseAddress, UInt64(bytes.count), nil)
            defer { sqlite3_bind_null(handle, index) }
            guard code == SQLITE_OK else { throw connection.lastError(sql) }
            try run()
        }
    }

    /// Calls `visit` with each row until it returns false. A row is valid during the call only.
    func query(_ visit: (SQLiteRow) throws(SQLiteError) -> Bool) throws(SQLiteError) {
        defer { sqlite3_reset(handle) }
        while try step() {
            guard try visit(SQLiteRow(handle)) else { return }
        }
    }

    /// Returns the first column of the first row; nil if there is no row or it is NULL.
    func integer() throws(SQLiteError) -> Int64? {
        var result: Int64?
        try query { (row) throws(SQLiteError) in
            result = row.isNull(0) ? nil : row.integer(0)
            return false
        }
        return result
    }

    /// Advances to the next row. Returns false if there is none.
    private func step() throws(SQLiteError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw connection.lastError(sql)
        }
    }
}

/// The current row of a statement.
struct SQLiteRow {
    private let handle: OpaquePointer

    fileprivate init(_ handle: OpaquePointer) {
        self.handle = handle
    }

    /// The size of all text and blobs in bytes.
    var bytes: Int {
        (0..<sqlite3_column_count(handle)).reduce(0) { sum, column in
            switch sqlite3_column_type(handle, column) {
            case SQLITE_BLOB, SQLITE_TEXT: sum + Int(sqlite3_column_bytes(handle, column))
            default: sum
            }
        }
    }

    fileprivate func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    func integer(_ column: Int32) -> Int64 {
        sqlite3_column_int64(handle, column)
    }

    func text(_ column: Int32) -> String? {
        sqlite3_column_text(handle, column).map { String(cString: $0) }
    }

    /// Calls `body` with the bytes of a blob in SQLite's memory, which are valid during the call only.
    func withBlob<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let start = sqlite3_column_blob(handle, column)
        return body(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    func blob(_ column: Int32) -> [UInt8] {
        withBlob(column) { [UInt8]($0) }
    }
}

/// A value that can be bound to a parameter.
protocol SQLiteBindable {
    /// Binds the value. Returns SQLite's result code.
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32
}

extension Int64: SQLiteBindable {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        sqlite3_bind_int64(statement, index, self)
    }
}

extension [UInt8]: SQLiteBindable {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        withUnsafeBytes { bytes in
            // An empty buffer can have a nil address, which SQLite would bind as NULL.
            bytes.isEmpty
                ? sqlite3_bind_zeroblob(statement, index, 0)
                : relay_sqlite3_bind_blob_copy(statement, index, bytes.baseAddress, UInt64(bytes.count))
        }
    }
}

extension String: SQLiteBindable {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        var copy = self
        return copy.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                relay_sqlite3_bind_text_copy(statement, index, $0.baseAddress, Int32($0.count))
            }
        }
    }
}
