import Alerts
import Journaling

/// The table `meta`. Each row has a checksum, because a wrong value could prevent every start.
extension SQLiteJournalStore {
    /// Keys of the table `meta`.
    enum Meta {
        static let wasClosed = "clean_shutdown"
        static let reservedSequence = "reserved_sequence"
        /// A copy of `user_version`, with a checksum.
        static let schema = "schema"
        /// The number of openings, which the witness has too.
        static let session = "session"
        static func pending(_ destination: Destination) -> String { "pending_\(destination.spoolName)" }
        static func dead(_ destination: Destination) -> String { "dead_\(destination.spoolName)" }
    }

    /// Reads a value. Returns nil if the row does not exist or its checksum does not match.
    func meta(_ key: String, on connection: SQLiteConnection) throws(SQLiteError) -> Int64? {
        var value: Int64?
        try connection.prepare("SELECT value, crc FROM meta WHERE key = ?").bind(key).query {
            (row) throws(SQLiteError) in
            value = Self.verified(row.integer(0), row.integer(1), name: key)
            return false
        }
        return value
    }

    /// Reads a count. Returns nil if `meta(_:on:)` does or the value cannot be a count.
    func count(_ key: String, on connection: SQLiteConnection) throws(SQLiteError) -> Int? {
        guard let value = try meta(key, on: connection), (0...1 << 50).contains(value) else { return nil }
        return Int(value)
    }

    /// Adds checksums to rows of earlier schemas and deletes damaged rows of `meta`. Returns whether none was damaged.
    func addMissingChecksums(_ statements: SpoolStatements) throws(SQLiteError) -> Bool {
        let connection = statements.connection
        var values: [(key: String, value: Int64)] = []
        var isIntact = true
        var allHaveChecksums = true
        try connection.prepare("SELECT key, value, crc FROM meta").query { (row) throws(SQLiteError) in
            let key = row.text(0) ?? ""
            if let value = Self.verified(row.integer(1), row.integer(2), name: key) {
                values.append((key, value))
            } else {
                isIntact = false
            }
            allHaveChecksums = allHaveChecksums && row.integer(2) != SQLiteSchema.noChecksum
            return true
        }
        if !isIntact || !allHaveChecksums {
            try connection.execute("DELETE FROM meta")
            for (key, value) in values { try statements.set(key, to: value) }
        }
        for (id, name) in receivers {
            try connection.prepare("UPDATE receiver SET crc = ? WHERE number = ? AND crc = ?")
                .bind(
                    RowChecksum.of(name: name, value: Int64(id.rawValue)), Int64(id.rawValue), SQLiteSchema.noChecksum
                )
                .run()
        }
        return isIntact
    }

    /// Returns `value` if its checksum matches or is missing (earlier schemas), else nil.
    static func verified(_ value: Int64, _ checksum: Int64, name: String) -> Int64? {
        checksum == SQLiteSchema.noChecksum || checksum == RowChecksum.of(name: name, value: value) ? value : nil
    }

    /// Returns a sequence number above all that were assigned.
    ///
    /// - Parameter known: The value of `reserved_sequence`; nil if it is damaged or missing.
    func firstSequence(
        after known: Int64?, of destinations: [Destination], on connection: SQLiteConnection
    ) throws(SQLiteError) -> Int64 {
        var highest: Int64 = 0
        for destination in destinations {
            highest = max(highest, try highestSequence(of: destination, on: connection))
        }
        if let known, JournalID.sequences.contains(known) { return max(known, highest + 1) }
        // Settled notifications leave no rows, so skip many numbers after the highest one found.
        return min(highest + 16 * Self.sequenceBlock, JournalID.sequences.upperBound - 1)
    }

    /// The highest sequence number of an intact row. The id of a damaged row can have any value.
    private func highestSequence(
        of destination: Destination, on connection: SQLiteConnection
    ) throws(SQLiteError) -> Int64 {
        var highest: Int64 = 0
        let sql = """
            SELECT id, group_id, accepted_at, crc, body FROM \(SQLiteSchema.table(destination)) ORDER BY id DESC
            """
        try connection.prepare(sql).query { (row) throws(SQLiteError) in
            guard let stored = SpoolRow.notification(in: row, of: destination),
                JournalID.sequences.contains(stored.id.sequence)
            else { return true }
            highest = stored.id.sequence
            return false
        }
        return highest
    }
}

/// The hook records.
extension SQLiteJournalStore {
    /// The maximum number of records. It bounds the records of removed hooks.
    static let hookLimit = 1024

    /// Writes hook records. Over the limit, deletes the least recently written ones. Those that this process has not
    /// written are deleted first, in the order of their keys.
    func writeHooks(_ hooks: [HookRow], _ statements: SpoolStatements) throws(SQLiteError) {
        for hook in hooks {
            try statements.setHook
                .bind(hook.key, hook.value, RowChecksum.of(key: hook.key, value: hook.value)).run()
            recordWrite(of: hook.key)
        }
        let excess = hookWrites.count - Self.hookLimit
        guard excess > 0 else { return }
        for (key, _) in hookWrites.sorted(by: { $0.value < $1.value }).prefix(excess) {
            try statements.dropHook.bind(key).run()
            hookWrites[key] = nil
        }
    }

    /// Reads the hook records in the order of their keys. Deletes damaged ones and those over the limit.
    func readHooks(_ statements: SpoolStatements) throws(SQLiteError) -> (intact: [HookRow], damaged: Int) {
        var hooks: [HookRow] = []
        var damaged = 0
        var excess = 0
        // A flipped bit can change the type of a blob to text. `writeHooks` would then not find the row by its key.
        let sql = "SELECT key, value, crc, typeof(key) = 'blob' AND typeof(value) = 'blob' FROM hook ORDER BY key"
        try statements.connection.prepare(sql).query { (row) throws(SQLiteError) in
            let hook = HookRow(key: row.blob(0), value: row.blob(1))
            if row.integer(3) == 0 || RowChecksum.of(key: hook.key, value: hook.value) != row.integer(2) {
                damaged += 1
            } else if hooks.count < Self.hookLimit {
                hooks.append(hook)
            } else {
                excess += 1
            }
            return true
        }
        hookWrites = [:]
        if damaged + excess > 0 {
            // A damaged row may not be found by its key.
            try statements.connection.execute("DELETE FROM hook")
            try writeHooks(hooks, statements)
        } else {
            for hook in hooks { recordWrite(of: hook.key) }
        }
        return (hooks, damaged)
    }

    private func recordWrite(of key: [UInt8]) {
        lastHookWrite += 1
        hookWrites[key] = lastHookWrite
    }
}
