/// The statements that run again and again, prepared once.
final class SpoolStatements {
    /// Those of one destination's table.
    struct Table {
        let insert: SQLiteStatement
        let delete: SQLiteStatement
        /// Copies a row to the dead letters without a look at its content.
        let bury: SQLiteStatement
        let pending: SQLiteStatement
        /// Reads nothing behind `crc`, and so no overflow page of a body.
        let rows: SQLiteStatement
        let oldest: SQLiteStatement
        /// Inserts what may be there already.
        let salvage: SQLiteStatement

        init(_ destination: Destination, on connection: SQLiteConnection) throws(SQLiteError) {
            let table = SQLiteSchema.table(destination)
            insert = try connection.prepare(
                "INSERT INTO \(table) (id, group_id, accepted_at, crc, body) VALUES (?, ?, ?, ?, ?)")
            delete = try connection.prepare("DELETE FROM \(table) WHERE id = ?")
            bury = try connection.prepare(
                """
                INSERT OR REPLACE INTO dead_letter
                SELECT coalesce(?7, id), group_id, accepted_at, crc, body, ?2, ?3, ?4, ?5, ?6 FROM \(table) WHERE id = ?1
                """)
            pending = try connection.prepare(
                "SELECT id, group_id, accepted_at, crc, body FROM \(table) WHERE id >= ? ORDER BY id")
            rows = try connection.prepare("SELECT id, group_id, crc FROM \(table) WHERE id >= ? ORDER BY id")
            salvage = try connection.prepare(
                "INSERT OR IGNORE INTO \(table) (id, group_id, accepted_at, crc, body) VALUES (?, ?, ?, ?, ?)")
            oldest = try connection.prepare("SELECT accepted_at FROM \(table) ORDER BY id LIMIT 1")
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
    let setMeta: SQLiteStatement
    let setHook: SQLiteStatement
    let dropHook: SQLiteStatement
    let pageCount: SQLiteStatement
    let freePages: SQLiteStatement
    /// Prepared when first needed: most receivers see one severity or two.
    private var tables: [Destination: Table] = [:]

    init(_ connection: SQLiteConnection) throws(SQLiteError) {
        self.connection = connection
        // A damaged row may have any id; none of them is worth a failed commit.
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
        pageCount = try connection.prepare("PRAGMA page_count")
        freePages = try connection.prepare("PRAGMA freelist_count")
    }

    func table(_ destination: Destination) throws(SQLiteError) -> Table {
        if let table = tables[destination] { return table }
        let table = try Table(destination, on: connection)
        tables[destination] = table
        return table
    }

    /// Lets go of what was prepared for a table that is about to be dropped.
    func forget(_ destination: Destination) {
        tables[destination] = nil
    }

    /// An id for a damaged row, whose own is not to be trusted and may be another's.
    func damagedID(_ destination: Destination) throws(SQLiteError) -> Int64 {
        var sequence = JournalID.sequences.upperBound
        while try isDeadLetter.bind(JournalID(sequence: sequence, destination: destination).rawValue).integer() != nil {
            sequence += 1
        }
        return JournalID(sequence: sequence, destination: destination).rawValue
    }

    func set(_ key: String, to value: Int64) throws(SQLiteError) {
        try setMeta.bind(key, value, RowChecksum.of(name: key, value: value)).run()
    }
}
