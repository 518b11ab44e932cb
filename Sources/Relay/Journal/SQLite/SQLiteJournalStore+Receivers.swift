/// The receivers that have tables of their own.
extension SQLiteJournalStore {
    func register(_ names: [String], forgettingOthers: Bool) throws(JournalStoreError) -> [ReceiverID: String] {
        try change { (statements) throws(SQLiteError) in
            if forgettingOthers { try forgetIdle(besides: names, statements) }
            for name in names where !receivers.values.contains(name) {
                guard let id = freeNumber else { continue }
                try add(name, as: id, to: statements.connection)
            }
        }
        return receivers
    }

    func readReceivers(_ connection: SQLiteConnection) throws(SQLiteError) -> [ReceiverID: String] {
        var receivers: [ReceiverID: String] = [:]
        try connection.prepare("SELECT number, name FROM receiver").query { (row) throws(SQLiteError) in
            receivers[ReceiverID(rawValue: UInt8(truncatingIfNeeded: row.integer(0)))] = row.text(1) ?? ""
            return true
        }
        return receivers
    }

    private var freeNumber: ReceiverID? {
        (1...UInt8.max).lazy.map { ReceiverID(rawValue: $0) }.first { self.receivers[$0] == nil }
    }

    private func add(_ name: String, as id: ReceiverID, to connection: SQLiteConnection) throws(SQLiteError) {
        try connection.prepare("INSERT INTO receiver (number, name) VALUES (?, ?)")
            .bind(Int64(id.rawValue), name).run()
        for destination in Destination.all(of: id) {
            try connection.execute(SQLiteSchema.create(destination))
            pendingCounts[destination] = 0
            deadLetterCounts[destination] = 0
        }
        receivers[id] = name
    }

    private func forgetIdle(besides names: [String], _ statements: SpoolStatements) throws(SQLiteError) {
        for (id, name) in receivers where !names.contains(name) {
            let destinations = Destination.all(of: id)
            guard destinations.allSatisfy({ pendingCounts[$0] == 0 && deadLetterCounts[$0] == 0 }) else { continue }
            for destination in destinations {
                statements.forget(destination)
                try statements.connection.execute("DROP TABLE \(SQLiteSchema.table(destination))")
                pendingCounts[destination] = nil
                deadLetterCounts[destination] = nil
            }
            try statements.connection.prepare("DELETE FROM receiver WHERE number = ?").bind(Int64(id.rawValue)).run()
            receivers[id] = nil
        }
    }

    /// Makes the tables of a damaged database's receivers in the fresh one, under the same numbers: they are in the ids.
    /// Goes by the tables that there are, since the list of names may be what is damaged.
    func adoptReceivers(of source: SQLiteConnection, _ salvage: inout Salvage) {
        let names = (try? readReceivers(source)) ?? [:]
        var found: Set<ReceiverID> = []
        do throws(SQLiteError) {
            let tables = try source.prepare("SELECT name FROM sqlite_master WHERE name GLOB 'notification_[0-9]*'")
            try tables.query { (row) throws(SQLiteError) in
                let parts = (row.text(0) ?? "").split(separator: "_")
                if parts.count == 3, let number = UInt8(parts[1]) { found.insert(ReceiverID(rawValue: number)) }
                return true
            }
        } catch {
            salvage.isPartial = true
        }
        do throws(JournalStoreError) {
            try change { (statements) throws(SQLiteError) in
                for id in found where receivers[id] == nil {
                    let name = names[id] ?? "receiver-\(id.rawValue)"
                    try add(name, as: id, to: statements.connection)
                }
            }
        } catch {
            salvage.isPartial = true
        }
    }
}
