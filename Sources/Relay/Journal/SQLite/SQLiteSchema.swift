/// The tables of the spool and how they came to be; `user_version` counts the migrations that a file has had.
///
/// Each destination has a table of its own, keyed by id alone. An index over (destination, id) of one table is as fast
/// (measured: 49,000-65,000 rows a second against 56,000-58,000, within the noise), but is not covered by the rows'
/// checksums: a flipped bit in it would hide a notification without a trace.
struct SQLiteSchema {
    /// The migration at index n leads from version n to n + 1. One that was released never changes.
    var migrations: [String]

    static let current = SQLiteSchema(migrations: [initial, receivers])

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

    /// Brings the database to this version, step by step, each in its own transaction.
    func migrate(_ connection: SQLiteConnection, from version: Int) throws(SQLiteError) {
        for step in version..<max(version, self.version) {
            try connection.transaction { () throws(SQLiteError) in
                try connection.execute(migrations[step])
                try connection.execute("PRAGMA user_version = \(step + 1)")
            }
        }
    }

    /// `crc` is `RowChecksum`; `seen` needs none, since a damaged key matches no payload.
    private static let initial =
        Destination.tiers.map(create).joined(separator: "\n") + """

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
}

extension Destination {
    /// As it stands in the names of tables and counts: `critical`, `3_critical`.
    var spoolName: String {
        receiver == .tiers ? severity.rawValue : "\(receiver.rawValue)_\(severity.rawValue)"
    }
}
