package import Alerts
package import Journaling
import Support

extension SQLiteJournalStore {
    package func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> StoredWindow {
        expect(limit > 0 && byteLimit > 0, "the read limits must be positive")
        var window = StoredWindow()
        var damaged: [Int64] = []
        try withStatements { (statements) throws(SQLiteError) in
            var bytes = 0
            // The ids of damaged rows can have any value.
            guard let start = after.map(\.successor) ?? .min else { return }
            try statements.table(destination).pending.bind(start).query { (row) throws(SQLiteError) in
                guard window.notifications.count < limit, bytes < byteLimit else {
                    window.isLast = false
                    return false
                }
                window.cursor = JournalID(rawValue: row.integer(0))
                if var stored = SpoolRow.notification(in: row, of: destination) {
                    if stored.notification.isReplayed {
                        stored.notification.laterStates = try laterStates(of: stored.id, statements)
                    }
                    bytes += stored.notification.body.count
                    window.notifications.append(stored)
                } else {
                    damaged.append(row.integer(0))
                }
                return true
            }
        }
        try moveToDeadLetters(damaged, of: destination, at: now)
        window.damaged = damaged.count
        return window
    }

    package func rows(
        _ destination: Destination, after: JournalID?, limit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (rows: PendingRows, damaged: Int) {
        expect(limit > 0, "the read limit must be positive")
        var window = PendingRows()
        var damaged: [Int64] = []
        try withStatements { (statements) throws(SQLiteError) in
            guard let start = after.map(\.successor) ?? .min else { return }
            try statements.table(destination).rows.bind(start).query { (row) throws(SQLiteError) in
                guard window.rows.count < limit else {
                    window.isLast = false
                    return false
                }
                let id = JournalID(rawValue: row.integer(0))
                window.cursor = id
                // Readers that start at 0 would never load the body of a row with a lower id.
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
            // The start reads the rows of all destinations, most of which have none.
            if window.cursor == nil, after == nil { statements.removeTable(destination) }
        }
        try moveToDeadLetters(damaged, of: destination, at: now)
        return (window, damaged.count)
    }

    /// If the disk is full the rows are not moved. Readers skip them, and the next start finds them again.
    private func moveToDeadLetters(_ damaged: [Int64], of destination: Destination, at now: Timestamp)
        throws(JournalStoreError)
    {
        guard !damaged.isEmpty else { return }
        do throws(JournalStoreError) {
            try withTransaction { (statements) throws(SQLiteError) in
                for id in damaged {
                    let letters = deadLetterCounts[destination]
                    try moveToDeadLetters(
                        id, of: destination, reason: .damaged, attempts: 0, answer: nil, at: now,
                        as: statements.damagedID(destination), statements)
                    // A row that is read but not found by its id is misplaced, so the tree is damaged too.
                    if deadLetterCounts[destination] == letters { throw .misplacedRow(id, destination) }
                }
            }
        } catch {
            guard case .full = error else { throw error }
        }
    }
}

extension SQLiteJournalStore {
    package func deadLetters(after: JournalID?, limit: Int) throws(JournalStoreError) -> [DeadLetter] {
        try withStatements { (statements) throws(SQLiteError) in
            var letters: [DeadLetter] = []
            guard let start = after.map(\.successor) ?? .min else { return [] }
            let statement = try statements.deadLetters.bind(start, Int64(limit))
            try statement.query { (row) throws(SQLiteError) in
                letters.append(DeadLetter(row))
                return true
            }
            return letters
        }
    }

    package func deadLetter(_ id: JournalID) throws(JournalStoreError) -> DeadLetterContent? {
        try withStatements { (statements) throws(SQLiteError) in try content(id, statements) }
    }

    package func replay(
        _ ids: [JournalID], firstSequence: Int64, isForced: Bool, history: HistoryNote?
    ) throws(JournalStoreError) -> Replay<StoredNotification> {
        guard usage.neededBytes <= settings.appendLimitBytes else { throw .full(.journalLimit) }
        return try withTransaction { (statements) throws(SQLiteError) in
            var replay = Replay<StoredNotification>()
            for id in ids {
                let sequence = firstSequence + Int64(replay.entries.count)
                try requeue(id, as: sequence, isForced: isForced, into: &replay, statements)
            }
            let left = Set(replay.missing + replay.damaged)
            try add(history, of: ids.filter { !left.contains($0) }, statements)
            try reserve(statements)
            return replay
        }
    }

    package func drop(_ ids: [JournalID], history: HistoryNote?) throws(JournalStoreError) -> Int {
        try withTransaction { (statements) throws(SQLiteError) in
            var dropped: [JournalID] = []
            for id in ids {
                let destination = try content(id, statements)?.letter.destination ?? id.destination
                if try remove(id, of: destination, statements) > 0 { dropped.append(id) }
            }
            try add(history, of: dropped, statements)
            return dropped.count
        }
    }

    private func requeue(
        _ id: JournalID, as sequence: Int64, isForced: Bool, into replay: inout Replay<StoredNotification>,
        _ statements: SpoolStatements
    ) throws(SQLiteError) {
        guard let content = try content(id, statements) else {
            replay.missing.append(id)
            return
        }
        guard content.isIntact else {
            replay.damaged.append(id)
            return
        }
        let letter = content.letter
        let newID = JournalID(sequence: sequence, destination: letter.destination)
        try moveLaterStates(of: id, to: newID, isForced: isForced, statements)
        let stored = StoredNotification(
            id: newID,
            notification: Notification(
                severity: letter.severity, receiver: letter.destination.receiver, group: letter.group,
                acceptedAt: letter.acceptedAt, body: content.body, isResolved: content.isResolved, isReplayed: true,
                laterStates: try laterStates(of: newID, statements)))
        _ = try remove(id, of: letter.destination, statements)
        try insert(stored, statements)
        replay.entries.append(stored)
    }

    private func content(_ id: JournalID, _ statements: SpoolStatements) throws(SQLiteError) -> DeadLetterContent? {
        var content: DeadLetterContent?
        try statements.deadLetter.bind(id.rawValue).query { (row) throws(SQLiteError) in
            // `SpoolStatements.deadLetter` selects the columns for the checksum from column 9 on.
            let letter = DeadLetter(row)
            let isIntact = SpoolRow.isIntact(row, from: 9) && letter.id.destination.severity == letter.severity
            content = DeadLetterContent(
                letter: letter, body: row.blob(13), isIntact: isIntact,
                isResolved: SpoolRow(row, from: 9).flags.contains(.resolved))
            return false
        }
        return content
    }

    /// Returns the number of deleted rows: 1 or 0.
    private func remove(
        _ id: JournalID, of destination: Destination, _ statements: SpoolStatements
    ) throws(SQLiteError) -> Int {
        try statements.dropDeadLetter.bind(id.rawValue).run()
        let count = statements.connection.changes
        deadLetterCounts[destination, default: 0] -= count
        try removeLaterStates(id, statements)
        return count
    }
}

extension DeadLetter {
    /// Reads the columns that `SpoolStatements.deadLetters` selects.
    fileprivate init(_ row: SQLiteRow) {
        self.init(
            id: JournalID(rawValue: row.integer(0)), severity: Severity(spoolNumber: row.integer(4)),
            group: UInt64(bitPattern: row.integer(1)), acceptedAt: Timestamp(nanosecondsSince1970: row.integer(2)),
            diedAt: Timestamp(nanosecondsSince1970: row.integer(5)),
            reason: DeadLetter.Reason(rawValue: row.text(6) ?? ""), attempts: Int(row.integer(7)),
            answer: row.text(8), size: Int(row.integer(3)))
    }
}
