/// What no tree leads to: rows found in the pages themselves.
extension SpoolSalvage {
    /// Only rows that prove themselves.
    func copyPages() throws(SQLiteError) {
        try target.connection.transaction { () throws(SQLiteError) in
            try pages.rows { (row) throws(SQLiteError) in
                if let stored = SpoolRow.notification(in: row) {
                    let destination = stored.id.destination
                    if destination.receiver != .tiers, receivers[destination.receiver] == nil {
                        try adopt(destination.receiver, named: nil)
                    }
                    guard try target.isDeadLetter.bind(stored.id.rawValue).integer() == nil else { return }
                    try save(.whole(stored), of: destination)
                } else if let letter = DeadRow(row) {
                    try save(letter)
                }
            }
        }
    }

    /// A dead letter as its row holds it.
    struct DeadRow {
        let id, severity, diedAt, attempts, group, acceptedAt, checksum: Int64
        let reason: String
        let answer: String?
        let body: [UInt8]

        init(_ row: SQLiteRow) {
            (id, severity, diedAt, attempts) = (row.integer(0), row.integer(1), row.integer(2), row.integer(4))
            (group, acceptedAt, checksum) = (row.integer(6), row.integer(7), row.integer(8))
            (reason, answer, body) = (row.text(3) ?? "", row.text(5), row.blob(9))
        }

        /// The columns in the order of the table; nil where they are others, or the checksum does not fit.
        init?(_ row: SpoolPages.Row) {
            let columns = row.columns
            guard columns.count == 10, let group = columns[1].integer, let acceptedAt = columns[2].integer,
                let checksum = columns[3].integer, let body = columns[4].bytes, let severity = columns[5].integer,
                let diedAt = columns[6].integer, let reason = columns[7].text, let attempts = columns[8].integer,
                SpoolRow(id: row.id, group: group, acceptedAt: acceptedAt, checksum: checksum).isIntact(body)
            else { return nil }
            (id, self.severity, self.diedAt, self.attempts) = (row.id, severity, diedAt, attempts)
            (self.group, self.acceptedAt, self.checksum) = (group, acceptedAt, checksum)
            (self.reason, answer, self.body) = (reason, columns[9].text, body)
        }
    }
}
