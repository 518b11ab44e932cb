import Alerts
import Journaling

/// The prepared statements of a connection.
final class SpoolStatements {
    /// The statements for the table of a destination. Each is prepared at its first use: with 100 receivers there are
    /// 400 tables, most of them always empty, and a statement takes 3 kB.
    final class Table {
        private enum Key: Int, CaseIterable {
            case insert, delete, moveToDeadLetters, pending, rows, oldest, salvage
        }

        private let name: String
        private let connection: SQLiteConnection
        private var prepared = [SQLiteStatement?](repeating: nil, count: Key.allCases.count)

        init(_ destination: Destination, on connection: SQLiteConnection) {
            name = SQLiteSchema.table(destination)
            self.connection = connection
        }

        private func statement(_ key: Key, _ sql: (String) -> String) throws(SQLiteError) -> SQLiteStatement {
            if let statement = prepared[key.rawValue] { return statement }
            let statement = try connection.prepare(sql(name))
            prepared[key.rawValue] = statement
            return statement
        }

        var insert: SQLiteStatement {
            get throws(SQLiteError) {
                try statement(.insert) {
                    "INSERT INTO \($0) (id, group_id, accepted_at, crc, body) VALUES (?, ?, ?, ?, ?)"
                }
            }
        }

        var delete: SQLiteStatement {
            get throws(SQLiteError) { try statement(.delete) { "DELETE FROM \($0) WHERE id = ?" } }
        }

        /// Copies a row to the dead letters without checking its content.
        var moveToDeadLetters: SQLiteStatement {
            get throws(SQLiteError) {
                try statement(.moveToDeadLetters) {
                    """
                    INSERT OR REPLACE INTO dead_letter
                    SELECT coalesce(?7, id), group_id, accepted_at, crc, body, ?2, ?3, ?4, ?5, ?6
                    FROM \($0) WHERE id = ?1
                    """
                }
            }
        }

        var pending: SQLiteStatement {
            get throws(SQLiteError) {
                try statement(.pending) {
                    "SELECT id, group_id, accepted_at, crc, body FROM \($0) WHERE id >= ? ORDER BY id"
                }
            }
        }

        /// Selects no column after `crc`, so that SQLite does not read the overflow pages of bodies.
        var rows: SQLiteStatement {
            get throws(SQLiteError) {
                try statement(.rows) { "SELECT id, group_id, crc FROM \($0) WHERE id >= ? ORDER BY id" }
            }
        }

        var oldest: SQLiteStatement {
            get throws(SQLiteError) {
                try statement(.oldest) { "SELECT accepted_at FROM \($0) ORDER BY id LIMIT 1" }
            }
        }

        /// Inserts a row unless its id exists.
        var salvage: SQLiteStatement {
            get throws(SQLiteError) {
                try statement(.salvage) {
                    "INSERT OR IGNORE INTO \($0) (id, group_id, accepted_at, crc, body) VALUES (?, ?, ?, ?, ?)"
                }
            }
        }
    }

    let connection: SQLiteConnection
    let insertSeen: SQLiteStatement
    let forgetSeen: SQLiteStatement
    let deadLetters: SQLiteStatement
    let deadLetter: SQLiteStatement
    let dropDeadLetter: SQLiteStatement
    let isDeadLetter: SQLiteStatement
    let salvageDeadLetter: SQLiteStatement
    private let setMeta: SQLiteStatement
    let laterStates: LaterStatesStatements
    let history: HistoryStatements
    let setHook: SQLiteStatement
    let dropHook: SQLiteStatement
    let pageCount: SQLiteStatement
    let freePages: SQLiteStatement
    /// By the number of the destination. An array, because each row of a commit looks its table up.
    private var tables: [Table?] = []

    init(_ connection: SQLiteConnection) throws(SQLiteError) {
        self.connection = connection
        // REPLACE, because a damaged row can have the same id, and the commit must not fail.
        insertSeen = try connection.prepare("INSERT OR REPLACE INTO seen (id, at, key) VALUES (?, ?, ?)")
        forgetSeen = try connection.prepare("DELETE FROM seen WHERE id <= ?")
        deadLetters = try connection.prepare(
            """
            SELECT id, group_id, accepted_at, length(body), severity, died_at, reason, attempts, answer
            FROM dead_letter WHERE id >= ? ORDER BY id LIMIT ?
            """)
        deadLetter = try connection.prepare(
            """
            SELECT id, group_id, accepted_at, length(body), severity, died_at, reason, attempts, answer,
                id, group_id, accepted_at, crc, body
            FROM dead_letter WHERE id = ?
            """)
        dropDeadLetter = try connection.prepare("DELETE FROM dead_letter WHERE id = ?")
        isDeadLetter = try connection.prepare("SELECT 1 FROM dead_letter WHERE id = ?")
        salvageDeadLetter = try connection.prepare(
            """
            INSERT OR IGNORE INTO dead_letter
                (id, severity, died_at, reason, attempts, answer, group_id, accepted_at, crc, body)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        setMeta = try connection.prepare("INSERT OR REPLACE INTO meta (key, value, crc) VALUES (?, ?, ?)")
        setHook = try connection.prepare("INSERT OR REPLACE INTO hook (key, value, crc) VALUES (?, ?, ?)")
        dropHook = try connection.prepare("DELETE FROM hook WHERE key = ?")
        laterStates = try LaterStatesStatements(connection)
        history = try HistoryStatements(connection)
        pageCount = try connection.prepare("PRAGMA page_count")
        freePages = try connection.prepare("PRAGMA freelist_count")
    }

    func table(_ destination: Destination) -> Table {
        let number = destination.tableNumber
        if number < tables.count, let table = tables[number] { return table }
        let table = Table(destination, on: connection)
        while tables.count <= number { tables.append(nil) }
        tables[number] = table
        return table
    }

    /// Releases the statements for a table, which must be done before it is dropped.
    func removeTable(_ destination: Destination) {
        let number = destination.tableNumber
        if number < tables.count { tables[number] = nil }
    }

    /// Returns an unused id for a damaged row, whose own id cannot be trusted.
    func damagedID(_ destination: Destination) throws(SQLiteError) -> Int64 {
        var sequence = JournalID.sequences.upperBound
        while try isDeadLetter.bind(JournalID(sequence: sequence, destination: destination).rawValue).integer() != nil {
            sequence += 1
        }
        return JournalID(sequence: sequence, destination: destination).rawValue
    }

    /// Sets a value in `meta`.
    func set(_ key: String, to value: Int64) throws(SQLiteError) {
        try setMeta.bind(key, value, RowChecksum.of(name: key, value: value)).run()
    }
}

extension Destination {
    /// The position in `SpoolStatements.tables`, below 1,024.
    fileprivate var tableNumber: Int { Int(receiver.rawValue) * 4 + Int(severity.spoolNumber) }
}
