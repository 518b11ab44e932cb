/// The statements that run again and again, prepared once.
final class SpoolStatements {
    /// Those of one destination's table.
    struct Table {
        let insert: SQLiteStatement
        let delete: SQLiteStatement
        /// Copies a row to the dead letters without a look at its content.
        let bury: SQLiteStatement
        let pending: SQLiteStatement
        let oldest: SQLiteStatement

        init(_ destination: Destination, on connection: SQLiteConnection) throws(SQLiteError) {
            let table = SQLiteSchema.table(destination)
            insert = try connection.prepare(
                "INSERT INTO \(table) (id, group_id, accepted_at, crc, body) VALUES (?, ?, ?, ?, ?)")
            delete = try connection.prepare("DELETE FROM \(table) WHERE id = ?")
            bury = try connection.prepare(
                """
                INSERT OR REPLACE INTO dead_letter
                SELECT id, group_id, accepted_at, crc, body, ?2, ?3, ?4, ?5, ?6 FROM \(table) WHERE id = ?1
                """)
            pending = try connection.prepare(
                "SELECT id, group_id, accepted_at, crc, body FROM \(table) WHERE id > ? ORDER BY id")
            oldest = try connection.prepare("SELECT accepted_at FROM \(table) ORDER BY id LIMIT 1")
        }
    }

    let connection: SQLiteConnection
    let insertSeen: SQLiteStatement
    let forgetSeen: SQLiteStatement
    let deadLetters: SQLiteStatement
    let deadLetter: SQLiteStatement
    let dropDeadLetter: SQLiteStatement
    let setMeta: SQLiteStatement
    let pageCount: SQLiteStatement
    let freePages: SQLiteStatement
    /// Prepared when first needed: most receivers see one severity or two.
    private var tables: [Destination: Table] = [:]

    init(_ connection: SQLiteConnection) throws(SQLiteError) {
        self.connection = connection
        insertSeen = try connection.prepare("INSERT INTO seen (id, at, key) VALUES (?, ?, ?)")
        forgetSeen = try connection.prepare("DELETE FROM seen WHERE id <= ?")
        deadLetters = try connection.prepare(
            """
            SELECT id, group_id, accepted_at, length(body), severity, died_at, reason, attempts, answer
            FROM dead_letter WHERE id > ? ORDER BY id LIMIT ?
            """)
        deadLetter = try connection.prepare(
            """
            SELECT id, group_id, accepted_at, length(body), severity, died_at, reason, attempts, answer,
                id, group_id, accepted_at, crc, body
            FROM dead_letter WHERE id = ?
            """)
        dropDeadLetter = try connection.prepare("DELETE FROM dead_letter WHERE id = ?")
        setMeta = try connection.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")
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

    func set(_ key: String, to value: Int64) throws(SQLiteError) {
        try setMeta.bind(key, value).run()
    }
}
