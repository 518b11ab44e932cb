import Alerts
import Journaling
import Support

/// The tables of the spool and how they came to be; `user_version` counts the migrations that a file has had.
///
/// Each destination has a table of its own, keyed by id alone. An index over (destination, id) of one table is as fast
/// (measured: 49,000-65,000 rows a second against 56,000-58,000, within the noise), but is not covered by the rows'
/// checksums: a flipped bit in it would hide a notification without a trace.
package struct SQLiteSchema {
    /// The migration at index n leads from version n to n + 1. One that was released never changes.
    var migrations: [String]

    package init(migrations: [String]) {
        self.migrations = migrations
    }

    static let current = SQLiteSchema(migrations: [initial, receivers, sealed, hooks])

    var version: Int { migrations.count }

    static func table(_ destination: Destination) -> String {
        "notification_\(destination.spoolName)"
    }

    /// The statement that makes a destination's table.
    static func create(_ destination: Destination) -> String {
        """
        CREATE TABLE \(table(destination)) (
            id INTEGER PRIMARY KEY,
            group_id INTEGER NOT NULL,
            accepted_at INTEGER NOT NULL,
            crc INTEGER NOT NULL,
            body BLOB NOT NULL
        );
        """
    }

    /// Makes a receiver known, with its tables.
    static func add(_ name: String, as id: ReceiverID, to connection: SQLiteConnection) throws(SQLiteError) {
        let number = Int64(id.rawValue)
        try connection.prepare("INSERT INTO receiver (number, name, crc) VALUES (?, ?, ?)")
            .bind(number, name, RowChecksum.of(name: name, value: number)).run()
        for destination in Destination.all(of: id) {
            try connection.execute(create(destination))
        }
    }

    /// Brings the database to this version, step by step, each in its own transaction.
    func migrate(_ connection: SQLiteConnection, from version: Int) throws(SQLiteError) {
        for step in version..<max(version, self.version) {
            try connection.transaction { () throws(SQLiteError) in
                try connection.execute(migrations[step])
                try connection.execute("PRAGMA user_version = \(step + 1)")
                if step + 1 >= Self.sealedVersion { try note(version: step + 1, in: connection) }
            }
        }
    }

    /// In the same transaction as `user_version`: if only that were new, an earlier relay would take the file for damaged
    /// and not for that of a later one.
    private func note(version: Int, in connection: SQLiteConnection) throws(SQLiteError) {
        let (key, value) = (SQLiteJournalStore.Meta.schema, Int64(version))
        try connection.prepare("INSERT OR REPLACE INTO meta (key, value, crc) VALUES (?, ?, ?)")
            .bind(key, value, RowChecksum.of(name: key, value: value)).run()
    }

    /// `crc` is `RowChecksum`; `seen` needs none, since a damaged key matches no payload.
    private static let initial =
        Destination.severityRooms.map(create).joined(separator: "\n") + """

            CREATE TABLE seen (id INTEGER PRIMARY KEY, key BLOB NOT NULL, at INTEGER NOT NULL);
            CREATE TABLE dead_letter (
                id INTEGER PRIMARY KEY,
                group_id INTEGER NOT NULL,
                accepted_at INTEGER NOT NULL,
                crc INTEGER NOT NULL,
                body BLOB NOT NULL,
                severity INTEGER NOT NULL,
                died_at INTEGER NOT NULL,
                reason TEXT NOT NULL,
                attempts INTEGER NOT NULL,
                answer TEXT
            );
            CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
            """

    /// The numbers of the configuration's receivers; each gets its tables with its number.
    private static let receivers = "CREATE TABLE receiver (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"

    /// The first version whose `meta` and `receiver` have a checksum in each row, and which has a `report`.
    static let sealedVersion = 3

    /// Stands for the checksum of a row from before version 3, until the first start seals it. No CRC-32 is negative.
    static let unsealed: Int64 = -1

    /// `report` holds what a start found damaged or missing, until the relay is stopped in order: a process that is
    /// killed right after a repair must not hide it from the next.
    private static let sealed = """
        ALTER TABLE meta ADD COLUMN crc INTEGER NOT NULL DEFAULT \(unsealed);
        ALTER TABLE receiver ADD COLUMN crc INTEGER NOT NULL DEFAULT \(unsealed);
        CREATE TABLE report (id INTEGER PRIMARY KEY, missing INTEGER NOT NULL, text TEXT NOT NULL);
        """

    /// With this version `crc` of a notification and of a dead letter also holds flags (`SpoolRow.checksum`). An earlier
    /// relay would take such rows for damaged, so it must refuse the file by its version.
    private static let hooks = """
        CREATE TABLE hook (key BLOB PRIMARY KEY, value BLOB NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
        """
}

extension Destination {
    /// As it stands in the names of tables and counts: `critical`, `3_critical`.
    var spoolName: String {
        receiver == .severityRooms ? severity.rawValue : "\(receiver.rawValue)_\(severity.rawValue)"
    }
}

/// The statements that run again and again, prepared once.
package final class SpoolStatements {
    /// Those of one destination's table.
    struct Table {
        let insert: SQLiteStatement
        let delete: SQLiteStatement
        /// Copies a row to the dead letters without a look at its content.
        let moveToDeadLetters: SQLiteStatement
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
            moveToDeadLetters = try connection.prepare(
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
