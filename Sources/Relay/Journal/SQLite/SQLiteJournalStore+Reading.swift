extension SQLiteJournalStore {
    func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> StoredWindow {
        precondition(limit > 0 && byteLimit > 0)
        var window = StoredWindow()
        var damaged: [Int64] = []
        try use { (statements) throws(SQLiteError) in
            var bytes = 0
            // Rows damaged in their ids may lie before 0.
            let start = after?.rawValue ?? .min
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

    /// On a full disk the rows stay where they are; they are passed over in any case and found again at the next start.
    private func bury(_ damaged: [Int64], of destination: Destination, at now: Timestamp) throws(JournalStoreError) {
        guard !damaged.isEmpty else { return }
        do throws(JournalStoreError) {
            try change { (statements) throws(SQLiteError) in
                for id in damaged {
                    try bury(id, of: destination, reason: .damaged, attempts: 0, answer: nil, at: now, statements)
                }
            }
        } catch {
            guard case .full = error else { throw error }
        }
    }
}
