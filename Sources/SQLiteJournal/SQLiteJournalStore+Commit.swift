package import Alerts
package import Journaling
import Support

extension SQLiteJournalStore {
    package func commit(_ transaction: JournalTransaction) throws(JournalStoreError) {
        let bytes = Int64(transaction.bytes)
        guard transaction.appends.isEmpty || usedBytes + bytes <= settings.appendLimitBytes else {
            throw .full(.journalLimit)
        }
        guard transaction.appends.isEmpty || hasSpace(for: bytes) else { throw .full(.diskFull) }
        try write(transaction, bytes: bytes, isBounded: !transaction.appends.isEmpty)
    }

    /// Commits without a look at the limit for appends.
    package func write(
        _ transaction: JournalTransaction, bytes: Int64, isBounded: Bool = false
    ) throws(JournalStoreError) {
        attemptedBytes = bytes
        try change(isBounded: isBounded) { (statements) throws(SQLiteError) in try fill(transaction, statements) }
    }

    /// Runs `body` in one transaction, and measures the space after it; where it fails, the counts in memory are what
    /// they were.
    package func change<Value>(
        isBounded: Bool = false, _ body: (SpoolStatements) throws(SQLiteError) -> Value
    ) throws(JournalStoreError) -> Value {
        let (pending, dead, known) = (pendingCounts, deadLetterCounts, receivers)
        let (next, reserved, hooks) = (nextSequence, reservedSequence, hookWrites)
        do throws(JournalStoreError) {
            return try use { (statements) throws(SQLiteError) in
                try limitPages(isBounded: isBounded, statements.connection)
                let value = try statements.connection.transaction { () throws(SQLiteError) in try body(statements) }
                if statements.connection.logFrames > 0 { testify(.logged, statements.connection) }
                try measure(statements)
                return value
            }
        } catch {
            (pendingCounts, deadLetterCounts, receivers) = (pending, dead, known)
            (nextSequence, reservedSequence, hookWrites) = (next, reserved, hooks)
            throw error
        }
    }

    package func maintain() throws(JournalStoreError) {
        try use { (statements) throws(SQLiteError) in
            if statements.connection.logFrames >= SpoolSettings.framesPerCheckpoint {
                try statements.connection.checkpoint(truncating: false)
                noteCheckpoint()
                witness?.sync()
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
            try moveToDeadLetters(settled, at: transaction.at, statements)
        }
        try keep(transaction.hooks, statements)
        for stored in transaction.appends.joined() {
            try insert(stored, statements)
        }
        for seen in transaction.seen {
            try statements.insertSeen.bind(seen.id, seen.at.nanosecondsSince1970).run(blob: seen.bytes, at: 3)
        }
        try reserve(statements)
    }

    package func insert(_ stored: StoredNotification, _ statements: SpoolStatements) throws(SQLiteError) {
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

    private func moveToDeadLetters(
        _ settled: JournalTransaction.Settled, at now: Timestamp, _ statements: SpoolStatements
    ) throws(SQLiteError) {
        guard case .dead(let reason, let attempts, let answer) = settled.settlement else { return }
        try moveToDeadLetters(
            settled.id.rawValue, of: settled.id.destination, reason: reason, attempts: attempts, answer: answer,
            at: now,
            statements)
    }

    /// Moves a row to the dead letters as it is, its checksum with it; a damaged one under a new id, as its own may be
    /// that of another letter. Passes over what is not there.
    func moveToDeadLetters(
        _ id: Int64, of destination: Destination, reason: DeadLetter.Reason, attempts: Int, answer: String?,
        at now: Timestamp, as newID: Int64? = nil, _ statements: SpoolStatements
    ) throws(SQLiteError) {
        let table = try statements.table(destination)
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
    }

    /// Pages in use; those of receivers' tables, the log and the ballast are not counted.
    func measure(_ statements: SpoolStatements) throws(SQLiteError) {
        let pages = try (statements.pageCount.integer() ?? 0) - (statements.freePages.integer() ?? 0)
        usedBytes = max(0, pages - receiverPages) * SpoolSettings.pageSize
    }

    /// What receivers' tables take when they are empty: a root page for each severity, and about a kilobyte in the
    /// schema's own table.
    private var receiverPages: Int64 {
        let count = Int64(receivers.count)
        return 4 * count + count / 8
    }

    /// Bounds appends alone. Settlements only move and delete, and registering a receiver takes `receiverPages`: a
    /// full journal must have space for both, or it could neither start with a new receiver nor drain.
    func limitPages(isBounded: Bool, _ connection: SQLiteConnection) throws(SQLiteError) {
        let limit = isBounded ? settings.pages + receiverPages : SpoolSettings.unlimitedPages
        guard limit != pageLimit else { return }
        try connection.execute("PRAGMA max_page_count = \(limit)")
        pageLimit = limit
    }
}

/// The receivers that have tables of their own.
extension SQLiteJournalStore {
    package func register(_ names: [String], forgettingOthers: Bool) throws(JournalStoreError) -> [ReceiverID: String] {
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
    package func readReceivers(_ connection: SQLiteConnection) throws(SQLiteError) -> [ReceiverID: String] {
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
