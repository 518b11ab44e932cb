extension SQLiteJournalStore {
    func commit(_ transaction: JournalTransaction) throws(JournalStoreError) {
        let bytes = Int64(transaction.bytes)
        guard transaction.appends.isEmpty || usedBytes + bytes <= settings.appendLimitBytes else {
            throw .full(.journalLimit)
        }
        try write(transaction, bytes: bytes)
    }

    /// Commits without a look at the limit for appends.
    func write(_ transaction: JournalTransaction, bytes: Int64) throws(JournalStoreError) {
        attemptedBytes = bytes
        try change { (statements) throws(SQLiteError) in try fill(transaction, statements) }
    }

    /// Runs `body` in one transaction, and measures the space after it; where it fails, the counts in memory are what
    /// they were.
    func change<Value>(
        _ body: (SpoolStatements) throws(SQLiteError) -> Value
    ) throws(JournalStoreError) -> Value {
        let (pending, dead, known) = (pendingCounts, deadLetterCounts, receivers)
        let (next, reserved) = (nextSequence, reservedSequence)
        do throws(JournalStoreError) {
            return try use { (statements) throws(SQLiteError) in
                let value = try statements.connection.transaction { () throws(SQLiteError) in try body(statements) }
                try measure(statements)
                return value
            }
        } catch {
            (pendingCounts, deadLetterCounts, receivers) = (pending, dead, known)
            (nextSequence, reservedSequence) = (next, reserved)
            throw error
        }
    }

    func maintain() throws(JournalStoreError) {
        try use { (statements) throws(SQLiteError) in
            if statements.connection.logFrames >= SpoolSettings.framesPerCheckpoint {
                try statements.connection.checkpoint(truncating: false)
            }
        }
    }

    /// Deletes first, so that what is added finds the pages that become free.
    private func fill(_ transaction: JournalTransaction, _ statements: SpoolStatements) throws(SQLiteError) {
        for settled in transaction.settlements where settled.settlement.isFinal {
            try delete(settled.id, statements)
        }
        if let through = transaction.forgetSeenThrough {
            try statements.forgetSeen.bind(through).run()
        }
        for settled in transaction.settlements {
            try bury(settled, at: transaction.at, statements)
        }
        for stored in transaction.appends.joined() {
            try insert(stored, statements)
        }
        for seen in transaction.seen {
            try statements.insertSeen.bind(seen.id, seen.at.spoolNanoseconds).run(blob: seen.key.bytes, at: 3)
        }
        try reserve(statements)
    }

    func insert(_ stored: StoredNotification, _ statements: SpoolStatements) throws(SQLiteError) {
        let row = SpoolRow(stored)
        try statements.table(stored.notification.destination).insert
            .bind(row.id, row.group, row.acceptedAt, row.checksum)
            .run(blob: stored.notification.body, at: 5)
        pendingCounts[stored.notification.destination, default: 0] += 1
        nextSequence = max(nextSequence, stored.id.sequence + 1)
    }

    private func delete(_ id: JournalID, _ statements: SpoolStatements) throws(SQLiteError) {
        try statements.table(id.destination).delete.bind(id.rawValue).run()
        pendingCounts[id.destination, default: 0] -= statements.connection.changes
    }

    private func bury(
        _ settled: JournalTransaction.Settled, at now: Timestamp, _ statements: SpoolStatements
    ) throws(SQLiteError) {
        guard case .dead(let reason, let attempts, let answer) = settled.settlement else { return }
        try bury(
            settled.id.rawValue, of: settled.id.destination, reason: reason, attempts: attempts, answer: answer,
            at: now,
            statements)
    }

    /// Moves a row to the dead letters as it is, its checksum with it.
    func bury(
        _ id: Int64, of destination: Destination, reason: DeadLetterReason, attempts: Int, answer: String?,
        at now: Timestamp, _ statements: SpoolStatements
    ) throws(SQLiteError) {
        let table = try statements.table(destination)
        try table.bury
            .bind(id, destination.severity.spoolNumber, now.spoolNanoseconds, reason.rawValue, Int64(attempts), answer)
            .run()
        guard statements.connection.changes > 0 else { return }
        try table.delete.bind(id).run()
        pendingCounts[destination, default: 0] -= 1
        deadLetterCounts[destination, default: 0] += 1
    }

    /// Pages in use, the log and the ballast not counted.
    func measure(_ statements: SpoolStatements) throws(SQLiteError) {
        let pages = try (statements.pageCount.integer() ?? 0) - (statements.freePages.integer() ?? 0)
        usedBytes = pages * SpoolSettings.pageSize
    }
}
