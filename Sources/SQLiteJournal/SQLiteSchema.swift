import Alerts
import Journaling

/// The schema of the spool and its migrations. `user_version` is the number of migrations that a file has had.
///
/// Each destination has its own table with the id as its key. One table with an index over (destination, id) is as fast
/// (measured: 49,000-65,000 against 56,000-58,000 rows a second). But row checksums do not cover an index, so a flipped
/// bit in it could hide a notification undetected.
struct SQLiteSchema {
    /// The migration at index n leads from version n to n + 1. Released migrations must not change.
    var migrations: [String]

    static let current = SQLiteSchema(migrations: [initial, receivers, checksums, hooks, laterStates, history])

    var version: Int { migrations.count }

    static func table(_ destination: Destination) -> String {
        "notification_\(destination.spoolName)"
    }

    /// The statement that creates the table of a destination.
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

    /// Adds a receiver and its tables.
    static func add(_ name: String, as id: ReceiverID, to connection: SQLiteConnection) throws(SQLiteError) {
        let number = Int64(id.rawValue)
        try connection.prepare("INSERT INTO receiver (number, name, crc) VALUES (?, ?, ?)")
            .bind(number, name, RowChecksum.of(name: name, value: number)).run()
        for destination in Destination.all(of: id) {
            try connection.execute(create(destination))
        }
    }

    /// Migrates the database from `version`. Each migration has its own transaction, but a new database is made in one.
    func migrate(_ connection: SQLiteConnection, from version: Int) throws(SQLiteError) {
        let steps = version..<max(version, self.version)
        for batch in version == 0 ? [steps] : steps.map({ $0..<$0 + 1 }) {
            try connection.transaction { () throws(SQLiteError) in
                for step in batch {
                    try connection.execute("\(migrations[step]); PRAGMA user_version = \(step + 1)")
                    if step + 1 >= Self.checksumVersion { try writeVersion(step + 1, to: connection) }
                }
            }
        }
    }

    /// Writes the version to `meta`, in the transaction that sets `user_version`. If only `user_version` were new, an
    /// earlier relay would treat the file as damaged instead of refusing it.
    private func writeVersion(_ version: Int, to connection: SQLiteConnection) throws(SQLiteError) {
        let (key, value) = (SQLiteJournalStore.Meta.schema, Int64(version))
        try connection.prepare("INSERT OR REPLACE INTO meta (key, value, crc) VALUES (?, ?, ?)")
            .bind(key, value, RowChecksum.of(name: key, value: value)).run()
    }

    /// `crc` is `RowChecksum`. `seen` has none, because a damaged key matches no payload.
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

    /// The numbers of the configured receivers. A receiver's tables are created with its number.
    private static let receivers = "CREATE TABLE receiver (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"

    /// The first version with checksums in `meta` and `receiver`, and with the table `report`.
    static let checksumVersion = 3

    /// The placeholder in rows from before version 3, until the first start adds the checksum. No CRC-32 is negative.
    static let noChecksum: Int64 = -1

    /// `report` contains the damage found at a start until the relay is stopped orderly, so that a kill after a repair
    /// does not hide it.
    private static let checksums = """
        ALTER TABLE meta ADD COLUMN crc INTEGER NOT NULL DEFAULT \(noChecksum);
        ALTER TABLE receiver ADD COLUMN crc INTEGER NOT NULL DEFAULT \(noChecksum);
        CREATE TABLE report (id INTEGER PRIMARY KEY, missing INTEGER NOT NULL, text TEXT NOT NULL);
        """

    /// From this version on, `crc` of notifications and dead letters also contains flags (`SpoolRow.checksum`). An
    /// earlier relay would treat such rows as damaged, so it must refuse the file by its version.
    private static let hooks = """
        CREATE TABLE hook (key BLOB PRIMARY KEY, value BLOB NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
        """

    /// A row for each dead letter, with its id, and for each replayed notification that is pending. `accepted_as` is
    /// the id under which it was accepted first, `states` is `LaterStates.bytes`.
    private static let laterStates = """
        CREATE TABLE later_states (
            id INTEGER PRIMARY KEY,
            group_id INTEGER NOT NULL,
            accepted_as INTEGER NOT NULL,
            states BLOB NOT NULL,
            crc INTEGER NOT NULL
        );
        CREATE INDEX later_states_group ON later_states (group_id);
        INSERT INTO later_states SELECT id, group_id, id, x'', \(noChecksum) FROM dead_letter;
        """

    /// How notifications ended, in the order of writing. `body` is `HistoryRecord.bytes`. Its checksum is behind it, so
    /// that `SpoolPages` does not find a row of five columns that could be a notification.
    private static let history = """
        CREATE TABLE history (
            id INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            entries INTEGER NOT NULL,
            body BLOB NOT NULL,
            crc INTEGER NOT NULL
        );
        """
}

extension Destination {
    /// The name in tables and counts, for example `critical` or `3_critical`.
    var spoolName: String {
        receiver == .severityRooms ? severity.rawValue : "\(receiver.rawValue)_\(severity.rawValue)"
    }
}
