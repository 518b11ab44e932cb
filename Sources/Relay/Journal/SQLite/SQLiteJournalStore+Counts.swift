/// Counting what an earlier process left.
extension SQLiteJournalStore {
    /// Counting reads every page, so the last process's own count is taken where it ended orderly.
    func count(_ connection: SQLiteConnection, trustingMeta: Bool) throws(SQLiteError) {
        (pendingCounts, deadLetterCounts) = ([:], [:])
        var isTrusted = trustingMeta
        for destination in destinations where isTrusted {
            pendingCounts[destination] = try count(Meta.pending(destination), on: connection)
            deadLetterCounts[destination] = try count(Meta.dead(destination), on: connection)
            isTrusted = pendingCounts[destination] != nil && deadLetterCounts[destination] != nil
        }
        guard !isTrusted else { return }
        for destination in destinations {
            let count = try connection.integer("SELECT count(*) FROM \(SQLiteSchema.table(destination))")
            pendingCounts[destination] = Int(count ?? 0)
            deadLetterCounts[destination] = 0
        }
        try countDeadLetters(connection)
    }

    private func countDeadLetters(_ connection: SQLiteConnection) throws(SQLiteError) {
        try connection.prepare("SELECT id, severity FROM dead_letter").query { (row) throws(SQLiteError) in
            let receiver = JournalID(rawValue: row.integer(0)).destination.receiver
            let severity = Severity(spoolNumber: row.integer(1))
            deadLetterCounts[Destination(receiver: receiver, severity: severity), default: 0] += 1
            return true
        }
    }

    /// As many as an index holds at most, oldest first.
    func seen(_ connection: SQLiteConnection) throws(SQLiteError) -> [SeenKey] {
        var keys: [SeenKey] = []
        // The ids grow from 1: what lies beyond is damaged.
        let statement = try connection.prepare(
            "SELECT id, at, key FROM seen WHERE id BETWEEN 1 AND \(Int64(1) << 60) ORDER BY id DESC LIMIT 262144")
        try statement.query { (row) throws(SQLiteError) in
            keys.append(
                SeenKey(
                    id: row.integer(0), bytes: row.blob(2), at: Timestamp(spoolNanoseconds: row.integer(1))))
            return true
        }
        return keys.reversed()
    }

    /// Fewer rows than were acknowledged, in files that seem whole.
    func shortage(_ claim: Claim?, _ connection: SQLiteConnection) throws(SQLiteError) -> [SpoolReport] {
        guard let claim, claim.isExact else { return [] }
        let counted = { [self] in pendingCounts.values.reduce(0) { $0 + Int64($1) } }
        if counted() != claim.witness.pending { try count(connection, trustingMeta: false) }
        let missing = claim.witness.pending - counted()
        guard missing > 0 else { return [] }
        return [SpoolReport(missing: missing, text: SpoolReport.missing(missing))]
    }
}
