package import Alerts
package import Journaling
import Support

/// The journal's own small tables. Each row of them has a checksum, since a wrong number in one would stop every start.
extension SQLiteJournalStore {
    /// Keys of the table `meta`.
    enum Meta {
        static let wasClosed = "clean_shutdown"
        static let reservedSequence = "reserved_sequence"
        /// The version of the schema, once more.
        static let schema = "schema"
        /// Counts openings, as the witness does.
        static let session = "session"
        static func pending(_ destination: Destination) -> String { "pending_\(destination.spoolName)" }
        static func dead(_ destination: Destination) -> String { "dead_\(destination.spoolName)" }
    }

    /// Nil where there is no such row or its checksum does not fit.
    package func meta(_ key: String, on connection: SQLiteConnection) throws(SQLiteError) -> Int64? {
        var value: Int64?
        try connection.prepare("SELECT value, crc FROM meta WHERE key = ?").bind(key).query {
            (row) throws(SQLiteError) in
            value = Self.sealed(row.integer(0), row.integer(1), name: key)
            return false
        }
        return value
    }

    /// A count in `meta`: nil also where it is none.
    package func count(_ key: String, on connection: SQLiteConnection) throws(SQLiteError) -> Int? {
        guard let value = try meta(key, on: connection), (0...1 << 50).contains(value) else { return nil }
        return Int(value)
    }

    /// Gives checksums to the rows of an earlier schema, drops damaged ones, and says whether there was none.
    func seal(_ statements: SpoolStatements) throws(SQLiteError) -> Bool {
        let connection = statements.connection
        var values: [(key: String, value: Int64)] = []
        var isIntact = true
        var isSealed = true
        try connection.prepare("SELECT key, value, crc FROM meta").query { (row) throws(SQLiteError) in
            let key = row.text(0) ?? ""
            if let value = Self.sealed(row.integer(1), row.integer(2), name: key) {
                values.append((key, value))
            } else {
                isIntact = false
            }
            isSealed = isSealed && row.integer(2) != SQLiteSchema.unsealed
            return true
        }
        if !isIntact || !isSealed {
            try connection.execute("DELETE FROM meta")
            for (key, value) in values { try statements.set(key, to: value) }
        }
        for (id, name) in receivers {
            try connection.prepare("UPDATE receiver SET crc = ? WHERE number = ? AND crc = ?")
                .bind(
                    RowChecksum.of(name: name, value: Int64(id.rawValue)), Int64(id.rawValue), SQLiteSchema.unsealed
                )
                .run()
        }
        return isIntact
    }

    static func sealed(_ value: Int64, _ checksum: Int64, name: String) -> Int64? {
        checksum == SQLiteSchema.unsealed || checksum == RowChecksum.of(name: name, value: value) ? value : nil
    }

    /// Above every sequence number given so far; `known` is what `reserved_sequence` says.
    package func firstSequence(
        behind known: Int64?, of destinations: [Destination], on connection: SQLiteConnection
    ) throws(SQLiteError) -> Int64 {
        var highest: Int64 = 0
        for destination in destinations {
            highest = max(highest, try highestSequence(of: destination, on: connection))
        }
        if let known, JournalID.sequences.contains(known) { return max(known, highest + 1) }
        // Numbers of notifications that are settled leave no trace: far behind all that were found.
        return min(highest + 16 * Self.sequenceBlock, JournalID.sequences.upperBound - 1)
    }

    /// Of the rows that prove themselves, since the id of a damaged one may be anything.
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

/// The records of hooks.
extension SQLiteJournalStore {
    /// Records at most. They are few and small; the bound keeps those of removed hooks from adding up.
    static let hookLimit = 1024

    /// Writes records. Above the limit drops those that this process has not written for longest; those it has never
    /// written go first, in the order of their keys.
    package func keep(_ hooks: [HookRow], _ statements: SpoolStatements) throws(SQLiteError) {
        for hook in hooks {
            try statements.setHook
                .bind(hook.key, hook.value, RowChecksum.of(key: hook.key, value: hook.value)).run()
            note(hook.key)
        }
        let excess = hookWrites.count - Self.hookLimit
        guard excess > 0 else { return }
        for (key, _) in hookWrites.sorted(by: { $0.value < $1.value }).prefix(excess) {
            try statements.dropHook.bind(key).run()
            hookWrites[key] = nil
        }
    }

    /// Reads the records at opening, in the order of their keys; removes damaged ones, and those above the limit.
    package func readHooks(_ statements: SpoolStatements) throws(SQLiteError) -> (intact: [HookRow], damaged: Int) {
        var hooks: [HookRow] = []
        var damaged = 0
        var excess = 0
        // A flipped bit can make text of a blob with the same bytes, which `keep` would not find by its key.
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
            // By its key a damaged row might not be found.
            try statements.connection.execute("DELETE FROM hook")
            try keep(hooks, statements)
        } else {
            for hook in hooks { note(hook.key) }
        }
        return (hooks, damaged)
    }

    private func note(_ key: [UInt8]) {
        lastHookWrite += 1
        hookWrites[key] = lastHookWrite
    }
}
