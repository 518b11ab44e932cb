/// The records of hooks.
extension SQLiteJournalStore {
    /// Records at most. They are few and small; the bound keeps those of removed hooks from adding up.
    static let hookLimit = 1024

    /// Writes records. Above the limit drops those that this process has not written for longest; those it has never
    /// written go first, in the order of their keys.
    func keep(_ hooks: [HookRow], _ statements: SpoolStatements) throws(SQLiteError) {
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
    func readHooks(_ statements: SpoolStatements) throws(SQLiteError) -> (intact: [HookRow], damaged: Int) {
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
