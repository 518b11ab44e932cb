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

    /// Throws `.damagedReceiver` where a row is damaged or missing: the tables tell which receivers there are.
    func readReceivers(_ connection: SQLiteConnection) throws(SQLiteError) -> [ReceiverID: String] {
        var receivers: [ReceiverID: String] = [:]
        try connection.prepare("SELECT number, name, crc FROM receiver").query { (row) throws(SQLiteError) in
            let name = row.text(1) ?? ""
            guard Self.sealed(row.integer(0), row.integer(2), name: name) != nil,
                let number = UInt8(exactly: row.integer(0)), number > 0
            else { throw .damagedReceiver(row.integer(0)) }
            receivers[ReceiverID(rawValue: number)] = name
            return true
        }
        let tables = try connection.integer(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name GLOB 'notification_[0-9]*'")
        guard tables == Int64(receivers.count * Severity.allCases.count) else { throw .damagedReceiver(0) }
        return receivers
    }

    private var freeNumber: ReceiverID? {
        (1...UInt8.max).lazy.map { ReceiverID(rawValue: $0) }.first { self.receivers[$0] == nil }
    }

    private func add(_ name: String, as id: ReceiverID, to connection: SQLiteConnection) throws(SQLiteError) {
        try SQLiteSchema.add(name, as: id, to: connection)
        for destination in Destination.all(of: id) {
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
}
