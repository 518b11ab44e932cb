package import Alerts
package import Journaling

/// The table `history`. It gives way to everything else: a transaction that fails because of it is repeated without it.
extension SQLiteJournalStore {
    /// The share of the journal's limit that the history may use, as a divisor. It is small enough to be deleted at once.
    private static let share: Int64 = 8
    /// The number of rows that an idle store deletes at a time.
    private static let rowsPerPruning: Int64 = 256
    /// Of a limit that is exceeded, the part that an idle store tolerates, as a divisor.
    private static let slack = 16
    /// The last number of a row. Rows above it are damaged.
    private static let rowLimit = Int64(1) << 60

    private var historyByteLimit: Int64 { settings.limitBytes / Self.share }
    private var isHistoryUsable: Bool { !isHistoryBroken && !isHistoryOmitted }

    /// Reads the numbers of rows and entries. Does not read the records.
    func readHistoryUsage(_ connection: SQLiteConnection) throws(SQLiteError) -> HistoryUsage {
        var usage = HistoryUsage()
        let statement = try connection.prepare(
            """
            SELECT total(max(0, min(entries, 1000))), total(length(body)), max(id)
            FROM history WHERE id BETWEEN 1 AND \(Self.rowLimit)
            """)
        try statement.query { (row) throws(SQLiteError) in
            (usage.entries, usage.bytes) = (row.integer(0), row.integer(1))
            usage.nextRow = row.integer(2) + 1
            return false
        }
        let statements = try HistoryStatements(connection)
        // A damaged row can have any number. One with a higher number than the newest intact row is replaced later.
        try statements.newest.bind(Self.rowLimit).query { (row) throws(SQLiteError) in
            let row = HistoryRow(row)
            if row.isIntact { usage.nextRow = row.id + 1 }
            return !row.isIntact
        }
        let first = try statements.first(from: 1)
        (usage.firstRow, usage.oldest) = (first?.id ?? usage.nextRow, first?.at)
        return usage
    }

    package func history(before: Int64?, limit: Int, byteLimit: Int) throws(JournalStoreError) -> StoredHistory {
        var page = StoredHistory()
        guard !isHistoryBroken else { return page }
        do throws(JournalStoreError) {
            try withStatements { (statements) throws(SQLiteError) in
                isInHistory = true
                var (rows, bytes) = (0, 0)
                try statements.history.newest.bind(min(before ?? .max, Self.rowLimit)).query {
                    (row) throws(SQLiteError) in
                    guard rows < limit, bytes < byteLimit else { return false }
                    let found = HistoryRow(row)
                    (rows, bytes) = (rows + 1, bytes + found.body.count)
                    page.cursor = found.id
                    if let stored = found.stored { page.rows.append(stored) } else { page.damaged += 1 }
                    return true
                }
                isInHistory = false
            }
        } catch {
            guard omitHistory(after: error) else { throw error }
            isHistoryOmitted = false
            page.cursor = nil
        }
        return page
    }

    // MARK: Writing

    /// Adds records, and deletes rows that are above the limits.
    func add(_ records: [HistoryRecord], at now: Timestamp, _ statements: SpoolStatements) throws(SQLiteError) {
        guard !records.isEmpty else { return }
        guard isHistoryUsable else { return historyUsage.lost += records.reduce(0) { $0 + Int64($1.entries) } }
        if !historyLimits.isOff {
            try inHistory { () throws(SQLiteError) in
                for record in records { try statements.history.write(record, as: nextRow(at: now, record), at: now) }
            }
        }
        try prune(at: now, most: Int64(records.count) + 16, statements)
    }

    /// Adds the records of dead letters that a command has replayed or dropped.
    func add(_ note: HistoryNote?, of ids: [JournalID], _ statements: SpoolStatements) throws(SQLiteError) {
        guard let note else { return }
        try add(ids.compactMap { note.records[$0] }, at: note.at, statements)
    }

    /// Adds the record of a new dead letter. Makes one from its row if there is none.
    func addDeath(
        of id: Int64, _ record: HistoryRecord?, attempts: Int, detail: String, at now: Timestamp,
        _ statements: SpoolStatements
    ) throws(SQLiteError) {
        guard !historyLimits.isOff else { return }
        if let record { return try add([record], at: now, statements) }
        var made: HistoryRecord?
        try statements.deadLetter.bind(id).query { (row) throws(SQLiteError) in
            var summary = HistoryRecord.Summary(.deadLetter, detail: detail)
            summary.attempts = attempts
            let found = SpoolRow(row, from: 9)
            made = HistoryRecord(
                summary, id: JournalID(rawValue: id), group: UInt64(bitPattern: found.group),
                acceptedAt: Timestamp(nanosecondsSince1970: found.acceptedAt),
                isFiring: !found.flags.contains(.resolved))
            return false
        }
        if let made { try add([made], at: now, statements) }
    }

    private func nextRow(at now: Timestamp, _ record: HistoryRecord) -> Int64 {
        defer {
            historyUsage.nextRow += 1
            historyUsage.entries += Int64(record.entries)
            historyUsage.bytes += Int64(record.bytes.count)
            if historyUsage.oldest == nil { historyUsage.oldest = now }
        }
        return historyUsage.nextRow
    }

    // MARK: Deleting

    package func pruneHistory(at now: Timestamp) throws(JournalStoreError) {
        let excess = historyUsage.excess(
            historyLimits, byteLimit: historyByteLimit, slack: Self.slack, most: Self.rowsPerPruning)
        let isDue = excess > 0 || historyUsage.isOld(historyLimits, at: now, slack: Self.slack)
        guard isDue, isHistoryUsable else { return }
        do throws(JournalStoreError) {
            try withTransaction { (statements) throws(SQLiteError) in
                try prune(at: now, most: Self.rowsPerPruning, statements)
            }
        } catch {
            // The history can be pruned when there is space again.
            guard case .full = error else { throw error }
        }
    }

    private func prune(at now: Timestamp, most: Int64, _ statements: SpoolStatements) throws(SQLiteError) {
        var rows = historyUsage.excess(historyLimits, byteLimit: historyByteLimit, most: most)
        if historyUsage.isOld(historyLimits, at: now) {
            let last = try statements.history.last(
                before: historyUsage.firstRow + most, endedBefore: now, by: historyLimits.maxAge)
            rows = max(rows, (last ?? historyUsage.firstRow) - historyUsage.firstRow + 1)
        }
        if rows > 0 { try deleteOldest(rows: rows, statements) }
    }

    private func deleteOldest(rows: Int64, _ statements: SpoolStatements) throws(SQLiteError) {
        guard isHistoryUsable else { return }
        let end = historyUsage.firstRow + rows
        try inHistory { () throws(SQLiteError) in
            let deleted = try statements.history.delete(before: end)
            historyUsage.entries = max(0, historyUsage.entries - deleted.entries)
            historyUsage.bytes = max(0, historyUsage.bytes - deleted.bytes)
            let first = try statements.history.first(from: end)
            (historyUsage.firstRow, historyUsage.oldest) = (first?.id ?? historyUsage.nextRow, first?.at)
        }
    }

    /// Deletes the oldest rows while the journal fills, and all of them if an append of `bytes` would not fit otherwise.
    /// So the history never causes the journal to refuse a webhook.
    func giveUpHistory(for bytes: Int64) {
        guard historyUsage.rows > 0, isHistoryUsable else { return }
        // A row can need twice its size. From 6/10 on the history shrinks, so that it is gone at 7/10, where the journal
        // begins to refuse webhooks.
        let wanted = usedBytes + 2 * bytes
        guard wanted > settings.appendLimitBytes / 10 * 6 else { return }
        let isUrgent = wanted > settings.appendLimitBytes - 16 * SpoolSettings.pageSize
        let entries = historyUsage.entries
        try? withTransaction { (statements) throws(SQLiteError) in
            try deleteOldest(rows: isUrgent ? historyUsage.rows : min(64, historyUsage.rows), statements)
        }
        historyUsage.lost += max(0, entries - historyUsage.entries)
    }

    // MARK: Errors

    private func inHistory(_ body: () throws(SQLiteError) -> Void) throws(SQLiteError) {
        (hasWrittenHistory, isInHistory) = (true, true)
        try body()
        isInHistory = false
    }

    /// Called after a transaction has failed. Returns whether it should be repeated without the history: there is no
    /// space, or the table is damaged.
    func omitHistory(after error: JournalStoreError) -> Bool {
        let isCause = isInHistory
        isInHistory = false
        guard !isHistoryOmitted, hasWrittenHistory || isCause else { return false }
        switch error {
        case .full: break
        case .broken where isCause && isContentDamaged: isHistoryBroken = true
        case .broken, .unavailable: return false
        }
        isHistoryOmitted = true
        return true
    }
}

/// A row of `history`.
struct HistoryRow {
    var id: Int64
    var at: Int64
    var entries: Int64
    var body: [UInt8]
    var checksum: Int64

    /// Reads the columns id, at, entries, body and crc.
    init(_ row: SQLiteRow) {
        (id, at, entries, body) = (row.integer(0), row.integer(1), row.integer(2), row.blob(3))
        checksum = row.integer(4)
    }

    /// Reads a row that was found in a page. Returns nil if it is not an intact row of the history.
    init?(_ row: SpoolPages.Row) {
        guard row.columns.count == 5, let at = row.columns[1].integer, let entries = row.columns[2].integer,
            let body = row.columns[3].bytes, let checksum = row.columns[4].integer
        else { return nil }
        (id, self.at, self.entries, self.body, self.checksum) = (row.id, at, entries, body, checksum)
        guard isIntact else { return nil }
    }

    var isIntact: Bool { checksum == Self.checksum(id, at, entries, body) }

    /// Nil if the row is damaged.
    var stored: StoredHistory.Row? {
        guard isIntact, let entries = Int(exactly: entries) else { return nil }
        return StoredHistory.Row(
            number: id, at: Timestamp(nanosecondsSince1970: at), record: HistoryRecord(entries: entries, bytes: body))
    }

    static func checksum(_ id: Int64, _ at: Int64, _ entries: Int64, _ body: [UInt8]) -> Int64 {
        let columns = [id, at, entries].flatMap { value in withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) } }
        return RowChecksum.of(key: columns, value: body)
    }
}

/// The statements for `history`.
struct HistoryStatements {
    /// Selects the rows before a number, newest first.
    let newest: SQLiteStatement
    private let insert: SQLiteStatement
    private let sums: SQLiteStatement
    private let deleteBefore: SQLiteStatement
    private let firstFrom: SQLiteStatement
    private let lastOld: SQLiteStatement

    init(_ connection: SQLiteConnection) throws(SQLiteError) {
        newest = try connection.prepare(
            "SELECT id, at, entries, body, crc FROM history WHERE id BETWEEN 1 AND ? - 1 ORDER BY id DESC")
        // REPLACE, because a damaged row can have the same id, and the commit must not fail.
        insert = try connection.prepare(
            "INSERT OR REPLACE INTO history (id, at, entries, crc, body) VALUES (?, ?, ?, ?, ?)")
        sums = try connection.prepare(
            "SELECT total(max(0, min(entries, 1000))), total(length(body)) FROM history WHERE id < ?")
        deleteBefore = try connection.prepare("DELETE FROM history WHERE id < ?")
        lastOld = try connection.prepare("SELECT max(id) FROM history WHERE id < ? AND at < ?")
        firstFrom = try connection.prepare("SELECT id, at FROM history WHERE id >= ? ORDER BY id LIMIT 1")
    }

    func write(_ record: HistoryRecord, as row: Int64, at now: Timestamp) throws(SQLiteError) {
        let (at, entries) = (now.nanosecondsSince1970, Int64(record.entries))
        try insert.bind(row, at, entries, HistoryRow.checksum(row, at, entries, record.bytes))
            .run(blob: record.bytes, at: 5)
    }

    func write(_ row: HistoryRow) throws(SQLiteError) {
        try insert.bind(row.id, row.at, row.entries, row.checksum).run(blob: row.body, at: 5)
    }

    /// Deletes the rows before `end`. Returns what they held.
    func delete(before end: Int64) throws(SQLiteError) -> (entries: Int64, bytes: Int64) {
        var deleted: (entries: Int64, bytes: Int64) = (0, 0)
        try sums.bind(end).query { (row) throws(SQLiteError) in
            deleted = (row.integer(0), row.integer(1))
            return false
        }
        try deleteBefore.bind(end).run()
        return deleted
    }

    /// The last row before a number that is older than `age`; nil if there is none.
    func last(before number: Int64, endedBefore now: Timestamp, by age: Duration) throws(SQLiteError) -> Int64? {
        let (nanoseconds, overflows) = now.nanosecondsSince1970
            .subtractingReportingOverflow(age.components.seconds * 1_000_000_000)
        return overflows ? nil : try lastOld.bind(number, nanoseconds).integer()
    }

    /// The first row from a number on, and when it was written; nil if there is none.
    func first(from number: Int64) throws(SQLiteError) -> (id: Int64, at: Timestamp)? {
        var first: (id: Int64, at: Timestamp)?
        try firstFrom.bind(number).query { (row) throws(SQLiteError) in
            first = (row.integer(0), Timestamp(nanosecondsSince1970: row.integer(1)))
            return false
        }
        return first
    }
}
