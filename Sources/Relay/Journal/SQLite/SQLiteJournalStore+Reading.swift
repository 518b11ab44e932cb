extension SQLiteJournalStore {
    func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> StoredWindow {
        precondition(limit > 0 && byteLimit > 0)
        var window = StoredWindow()
        var damaged: [Int64] = []
        try use { (statements) throws(SQLiteError) in
            var bytes = 0
            // Rows damaged in their ids may lie anywhere.
            guard let start = after.map(\.successor) ?? .min else { return }
            try statements.table(destination).pending.bind(start).query { (row) throws(SQLiteError) in
                guard window.notifications.count < limit, bytes < byteLimit else {
                    window.isLast = false
                    return false
                }
                window.cursor = JournalID(rawValue: row.integer(0))
                if let stored = SpoolRow.notification(in: row, of: destination) {
                    bytes += stored.notification.body.count
                    window.notifications.append(stored)
                } else {
                    damaged.append(row.integer(0))
                }
                return true
            }
        }
        try bury(damaged, of: destination, at: now)
        window.damaged = damaged.count
        return window
    }

    func rows(
        _ destination: Destination, after: JournalID?, limit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (rows: PendingRows, damaged: Int) {
        precondition(limit > 0)
        var window = PendingRows()
        var damaged: [Int64] = []
        try use { (statements) throws(SQLiteError) in
            guard let start = after.map(\.successor) ?? .min else { return }
            try statements.table(destination).rows.bind(start).query { (row) throws(SQLiteError) in
                guard window.rows.count < limit else {
                    window.isLast = false
                    return false
                }
                let id = JournalID(rawValue: row.integer(0))
                window.cursor = id
                // Readers that begin at 0 would never come to the body of a row in front of it.
                if id.destination == destination, id.sequence > 0 {
                    let flags = SpoolRow.Flags(column: row.integer(2))
                    window.rows.append(
                        PendingRow(
                            id: id, group: UInt64(bitPattern: row.integer(1)), isResolved: flags.contains(.resolved),
                            isReplayed: flags.contains(.replayed)))
                } else {
                    damaged.append(id.rawValue)
                }
                return true
            }
        }
        try bury(damaged, of: destination, at: now)
        return (window, damaged.count)
    }

    /// On a full disk the rows stay where they are; they are passed over in any case and found again at the next start.
    private func bury(_ damaged: [Int64], of destination: Destination, at now: Timestamp) throws(JournalStoreError) {
        guard !damaged.isEmpty else { return }
        do throws(JournalStoreError) {
            try change { (statements) throws(SQLiteError) in
                for id in damaged {
                    let letters = deadLetterCounts[destination]
                    try bury(
                        id, of: destination, reason: .damaged, attempts: 0, answer: nil, at: now,
                        as: statements.damagedID(destination), statements)
                    // A row that is read but not found by its id stands in the wrong place: the tree is damaged too.
                    if deadLetterCounts[destination] == letters { throw .outOfPlace(id, destination) }
                }
            }
        } catch {
            guard case .full = error else { throw error }
        }
    }
}
