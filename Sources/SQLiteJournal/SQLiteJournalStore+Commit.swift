package import Alerts
package import Journaling

extension SQLiteJournalStore {
    package func commit(_ transaction: JournalTransaction) throws(JournalStoreError) {
        let bytes = Int64(transaction.bytes)
        if !transaction.appends.isEmpty { giveUpHistory(for: bytes) }
        guard transaction.appends.isEmpty || usedBytes + bytes <= settings.appendLimitBytes else {
            throw .full(.journalLimit)
        }
        guard transaction.appends.isEmpty || hasSpace(for: bytes) else { throw .full(.diskFull) }
        try write(transaction, bytes: bytes, isBounded: !transaction.appends.isEmpty)
    }

    /// Commits a transaction without checking the limit for appends.
    ///
    /// - Parameters:
    ///   - bytes: The size of the appended bodies.
    ///   - isBounded: Whether the size limit applies.
    func write(
        _ transaction: JournalTransaction, bytes: Int64, isBounded: Bool = false
    ) throws(JournalStoreError) {
        attemptedBytes = bytes
        try withTransaction(isBounded: isBounded) { (statements) throws(SQLiteError) in
            try apply(transaction, statements)
        }
    }

    /// Runs `body` in one transaction, then updates the witness and the usage. Restores the counts in memory if it
    /// fails. If the history causes the failure, runs `body` once more without it.
    func withTransaction<Value>(
        isBounded: Bool = false, _ body: (SpoolStatements) throws(SQLiteError) -> Value
    ) throws(JournalStoreError) -> Value {
        do throws(JournalStoreError) {
            return try attemptTransaction(isBounded: isBounded, body)
        } catch {
            guard omitHistory(after: error) else { throw error }
            defer { isHistoryOmitted = false }
            return try attemptTransaction(isBounded: isBounded, body)
        }
    }

    private func attemptTransaction<Value>(
        isBounded: Bool, _ body: (SpoolStatements) throws(SQLiteError) -> Value
    ) throws(JournalStoreError) -> Value {
        let (pending, dead, known) = (pendingCounts, deadLetterCounts, receivers)
        let (next, reserved, hooks) = (nextSequence, reservedSequence, hookWrites)
        let (laterStates, history) = (laterStatesCount, historyUsage)
        (hasWrittenHistory, isInHistory) = (false, false)
        do throws(JournalStoreError) {
            return try withStatements { (statements) throws(SQLiteError) in
                let connection = statements.connection
                try limitPages(isBounded: isBounded, connection)
                let frames = connection.logFrames
                let value = try connection.transaction { () throws(SQLiteError) in try body(statements) }
                if connection.logFrames > 0 { writeWitness(.logged, connection) }
                try updateUsage(statements, writtenFrames: connection.logFrames - frames)
                return value
            }
        } catch {
            (pendingCounts, deadLetterCounts, receivers) = (pending, dead, known)
            (nextSequence, reservedSequence, hookWrites) = (next, reserved, hooks)
            (laterStatesCount, historyUsage) = (laterStates, history)
            throw error
        }
    }

    package func maintain() throws(JournalStoreError) {
        try withStatements { (statements) throws(SQLiteError) in
            if statements.connection.logFrames >= SpoolSettings.framesPerCheckpoint {
                try statements.connection.checkpoint(truncating: false)
                noteCheckpoint()
                witness?.sync()
            }
        }
    }

    /// Deletes before it inserts, so that inserts reuse the freed pages.
    private func apply(_ transaction: JournalTransaction, _ statements: SpoolStatements) throws(SQLiteError) {
        try noteShown(transaction.settlements, statements)
        var records = transaction.history
        var isAnySettled = false
        for settled in transaction.settlements where settled.settlement.isFinal {
            isAnySettled = try delete(settled.id, statements) || isAnySettled
            if let record = settled.history, isAnySettled { records.append(record) }
            if !settled.isContinued { isAnySettled = false }
        }
        if let through = transaction.forgetSeenThrough {
            try statements.forgetSeen.bind(through).run()
        }
        for settled in transaction.settlements {
            try moveToDeadLetters(settled, at: transaction.at, statements)
        }
        try add(records, at: transaction.at, statements)
        try writeHooks(transaction.hooks, statements)
        for stored in transaction.appends.joined() {
            try insert(stored, statements)
        }
        for seen in transaction.seen {
            try statements.insertSeen.bind(seen.id, seen.at.nanosecondsSince1970).run(blob: seen.bytes, at: 3)
        }
        try reserve(statements)
    }

    /// Inserts a pending notification and counts it.
    func insert(_ stored: StoredNotification, _ statements: SpoolStatements) throws(SQLiteError) {
        let row = SpoolRow(stored)
        try statements.table(stored.notification.destination).insert
            .bind(row.id, row.group, row.acceptedAt, row.checksum)
            .run(blob: stored.notification.body, at: 5)
        pendingCounts[stored.notification.destination, default: 0] += 1
        nextSequence = max(nextSequence, stored.id.sequence + 1)
    }

    /// Returns whether the notification was pending.
    private func delete(_ id: JournalID, _ statements: SpoolStatements) throws(SQLiteError) -> Bool {
        try statements.table(id.destination).delete.bind(id.rawValue).run()
        let changes = statements.connection.changes
        pendingCounts[id.destination, default: 0] -= changes
        return changes > 0
    }

    private func moveToDeadLetters(
        _ settled: JournalTransaction.Settled, at now: Timestamp, _ statements: SpoolStatements
    ) throws(SQLiteError) {
        guard case .dead(let reason, let attempts, let answer) = settled.settlement else { return }
        try moveToDeadLetters(
            settled.id.rawValue, of: settled.id.destination, reason: reason, attempts: attempts, answer: answer,
            at: now, history: settled.history, statements)
    }

    /// Moves a row unchanged to the dead letters. Does nothing if the row does not exist.
    ///
    /// - Parameters:
    ///   - newID: The new id of a damaged row, because its own can be that of another dead letter.
    ///   - history: The record of the notification; nil to make one from its row.
    func moveToDeadLetters(
        _ id: Int64, of destination: Destination, reason: DeadLetter.Reason, attempts: Int, answer: String?,
        at now: Timestamp, as newID: Int64? = nil, history: HistoryRecord? = nil, _ statements: SpoolStatements
    ) throws(SQLiteError) {
        let table = statements.table(destination)
        try table.moveToDeadLetters
            .bind(
                id, destination.severity.spoolNumber, now.nanosecondsSince1970, reason.rawValue, Int64(attempts),
                answer,
                newID
            )
            .run()
        guard statements.connection.changes > 0 else { return }
        try table.delete.bind(id).run()
        pendingCounts[destination, default: 0] -= 1
        deadLetterCounts[destination, default: 0] += 1
        try addDeath(
            of: newID ?? id, history, attempts: attempts, detail: answer ?? reason.rawValue, at: now, statements)
    }
}

/// Receivers, which have their own tables.
extension SQLiteJournalStore {
    package func register(_ names: [String], forgettingOthers: Bool) throws(JournalStoreError) -> [ReceiverID: String] {
        try withTransaction { (statements) throws(SQLiteError) in
            if forgettingOthers { try removeIdleReceivers(except: names, statements) }
            for name in names where !receivers.values.contains(name) {
                guard let id = freeNumber else { continue }
                try add(name, as: id, to: statements.connection)
            }
        }
        return receivers
    }

    /// Reads the names of receivers. Fails if a row is damaged, or missing although the receiver has tables.
    func readReceivers(_ connection: SQLiteConnection) throws(SQLiteError) -> [ReceiverID: String] {
        var receivers: [ReceiverID: String] = [:]
        try connection.prepare("SELECT number, name, crc FROM receiver").query { (row) throws(SQLiteError) in
            let name = row.text(1) ?? ""
            guard Self.verified(row.integer(0), row.integer(2), name: name) != nil,
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

    private func removeIdleReceivers(except names: [String], _ statements: SpoolStatements) throws(SQLiteError) {
        for (id, name) in receivers where !names.contains(name) {
            let destinations = Destination.all(of: id)
            guard destinations.allSatisfy({ pendingCounts[$0] == 0 && deadLetterCounts[$0] == 0 }) else { continue }
            for destination in destinations {
                statements.removeTable(destination)
                try statements.connection.execute("DROP TABLE \(SQLiteSchema.table(destination))")
                pendingCounts[destination] = nil
                deadLetterCounts[destination] = nil
            }
            try statements.connection.prepare("DELETE FROM receiver WHERE number = ?").bind(Int64(id.rawValue)).run()
            receivers[id] = nil
        }
    }
}
