import Alerts
import Journaling

/// Copies the readable content of a damaged database to a new one. The damaged file is not changed.
///
/// Skips content that cannot be read and reports it (`Outcome.isPartial`). Fails if writing fails.
final class SpoolSalvage {
    /// The result of the copy. The description is a clause for the report.
    struct Outcome: CustomStringConvertible {
        var saved = 0
        /// The number of rows whose checksums do not match. They are copied to the dead letters.
        var damaged = 0
        /// Whether a part could not be read.
        var isPartial = false
        var deadLetters = 0
        /// The highest sequence number of the copied notifications and dead letters.
        var highestSequence: Int64 = 0

        var description: String {
            var text = "\(saved) notifications were recovered from it"
            if damaged > 0 {
                text += ", \(damaged) are damaged and in the dead letters"
            }
            return isPartial ? text + ", parts of it cannot be read" : text
        }
    }

    private static let rowsPerCommit = 256
    private static let bytesPerCommit = 8 << 20

    /// The damaged database; nil if SQLite cannot open it.
    private let source: SQLiteConnection?
    /// The pages of the damaged database, for rows that the B-trees do not reach.
    let pages: SpoolPages
    let target: SpoolStatements
    private let now: Timestamp
    private(set) var outcome = Outcome()
    var receivers: [ReceiverID: String] = [:]

    /// - Parameters:
    ///   - path: The damaged database. Its log has the same name with the suffix `-wal`.
    ///   - pages: The pages of the database.
    ///   - target: An empty database of the current schema.
    ///   - now: The time at which damaged rows become dead letters.
    init(from path: String, pages: SpoolPages, to target: SpoolStatements, at now: Timestamp) {
        source = Self.open(path)
        self.pages = pages
        self.target = target
        self.now = now
        outcome.isPartial = source == nil
    }

    /// Returns nil if the database is empty, because SQLite would delete its log, or if it cannot be opened.
    private static func open(_ path: String) -> SQLiteConnection? {
        guard SpoolFile(path)?.size ?? 0 > 0, let source = try? SQLiteConnection(path: path) else { return nil }
        // With writable_schema SQLite reads a file that is shorter than its header states. Nothing is written.
        let pragmas = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON; PRAGMA writable_schema = ON"
        return (try? source.execute(pragmas)) == nil ? nil : source
    }

    /// Copies the content.
    func run() throws(SQLiteError) {
        if let source {
            try copyReceivers(of: source)
            for destination in Destination.all(with: receivers.keys) {
                try copy(destination, from: source)
            }
            try copyDeadLetters(from: source)
            let isPartial = outcome.isPartial
            try copyLaterStates(from: source)
            try copySeen(from: source)
            try copyHistory(from: source)
            try copyReport(from: source)
            outcome.isPartial = isPartial
        }
        if outcome.isPartial { try copyPages() }
    }

    /// The value of `reserved_sequence` in the damaged database; nil if it cannot be read.
    var reservedSequence: Int64? {
        guard let source else { return nil }
        let key = SQLiteJournalStore.Meta.reservedSequence
        var value: Int64?
        // A database of an earlier schema has no checksums in `meta`.
        for checksum in ["crc", "\(SQLiteSchema.noChecksum)"] where value == nil {
            try? source.prepare("SELECT value, \(checksum) FROM meta WHERE key = ?").bind(key).query {
                (row) throws(SQLiteError) in
                value = SQLiteJournalStore.verified(row.integer(0), row.integer(1), name: key)
                return false
            }
            if (try? source.prepare("SELECT crc FROM meta")) != nil { break }
        }
        return value
    }

    // MARK: Receivers

    /// Creates the tables of receivers in the new database with the same numbers, because ids contain them. The
    /// existing tables determine the receivers, because the table `receiver` can be damaged.
    private func copyReceivers(of source: SQLiteConnection) throws(SQLiteError) {
        let names = readNames(source)
        var found: Set<UInt8> = []
        read("SELECT name FROM sqlite_master WHERE name GLOB 'notification_[0-9]*'", of: source) { row in
            let parts = (row.text(0) ?? "").split(separator: "_")
            if parts.count == 3, let number = UInt8(parts[1]), number > 0 { found.insert(number) }
        }
        try target.connection.transaction { () throws(SQLiteError) in
            for number in found {
                try addReceiver(ReceiverID(rawValue: number), named: names[number])
            }
        }
    }

    /// Adds a receiver to the new database; `name` is nil if it is unknown.
    func addReceiver(_ id: ReceiverID, named name: String?) throws(SQLiteError) {
        let name = name ?? "receiver-\(id.rawValue)"
        try SQLiteSchema.add(name, as: id, to: target.connection)
        receivers[id] = name
    }

    private func readNames(_ source: SQLiteConnection) -> [UInt8: String] {
        var names: [UInt8: String] = [:]
        let hasChecksums = (try? source.prepare("SELECT crc FROM receiver")) != nil
        let checksum = hasChecksums ? "crc" : "\(SQLiteSchema.noChecksum)"
        read("SELECT number, name, \(checksum) FROM receiver", of: source) { row in
            guard let name = row.text(1), let number = UInt8(exactly: row.integer(0)),
                SQLiteJournalStore.verified(row.integer(0), row.integer(2), name: name) != nil,
                !names.values.contains(name)
            else { return }
            names[number] = name
        }
        return names
    }

    // MARK: Rows

    private func copy(_ destination: Destination, from source: SQLiteConnection) throws(SQLiteError) {
        try copy(
            SQLiteSchema.table(destination), "id, group_id, accepted_at, crc, body", from: source,
            read: { row in
                SpoolRow.notification(in: row, of: destination).map(RecoveredRow.intact)
                    ?? .damaged(SpoolRow(row), body: row.blob(4))
            },
            write: { (rows) throws(SQLiteError) in
                for row in rows { try save(row, of: destination) }
            })
    }

    /// A row of a destination's table.
    enum RecoveredRow {
        case intact(StoredNotification)
        case damaged(SpoolRow, body: [UInt8])
    }

    /// Writes an intact row to its table, and a damaged one to the dead letters.
    func save(_ found: RecoveredRow, of destination: Destination) throws(SQLiteError) {
        switch found {
        case .intact(let stored):
            let row = SpoolRow(stored)
            try target.table(destination).salvage
                .bind(row.id, row.group, row.acceptedAt, row.checksum).run(blob: stored.notification.body, at: 5)
            outcome.saved += target.connection.changes
            outcome.highestSequence = max(outcome.highestSequence, stored.id.sequence)
        case .damaged(let row, let body):
            try target.salvageDeadLetter
                .bind(
                    target.damagedID(destination), destination.severity.spoolNumber, now.nanosecondsSince1970,
                    DeadLetter.Reason.damaged.rawValue, 0 as Int64, nil, row.group, row.acceptedAt, row.checksum
                )
                .run(blob: body, at: 10)
            outcome.damaged += 1
        }
    }

    private func copyDeadLetters(from source: SQLiteConnection) throws(SQLiteError) {
        try copy(
            "dead_letter", "id, severity, died_at, reason, attempts, answer, group_id, accepted_at, crc, body",
            from: source, read: { DeadRow($0) },
            write: { (rows) throws(SQLiteError) in
                for row in rows { try save(row) }
            })
    }

    func save(_ row: DeadRow) throws(SQLiteError) {
        try target.salvageDeadLetter
            .bind(
                row.id, row.severity, row.diedAt, row.reason, row.attempts, row.answer, row.group, row.acceptedAt,
                row.checksum
            )
            .run(blob: row.body, at: 10)
        guard target.connection.changes > 0 else { return }
        outcome.deadLetters += 1
        try target.laterStates.add.bind(row.id, row.group).run()
        let sequence = JournalID(rawValue: row.id).sequence
        if JournalID.sequences.contains(sequence) {
            outcome.highestSequence = max(outcome.highestSequence, sequence)
        }
    }

    /// Copies what rooms were shown since the dead letters were accepted. Otherwise the next replays would show resolved
    /// alerts as firing.
    private func copyLaterStates(from source: SQLiteConnection) throws(SQLiteError) {
        try copy(
            "later_states", "id, group_id, accepted_as, states, crc", from: source, read: { LaterStatesRow($0) },
            write: { (rows) throws(SQLiteError) in
                for row in rows where row.isIntact { try target.laterStates.write(row) }
            })
    }

    /// Copies the dedupe keys, so that retries after the repair are duplicates.
    private func copySeen(from source: SQLiteConnection) throws(SQLiteError) {
        try copy(
            "seen", "id, at, key", from: source,
            read: { row in (row.integer(0), row.integer(1), row.blob(2)) },
            write: { (rows) throws(SQLiteError) in
                for (id, at, key) in rows { try target.insertSeen.bind(id, at).run(blob: key, at: 3) }
            })
    }

    private func copyReport(from source: SQLiteConnection) throws(SQLiteError) {
        guard let report = try? SpoolReport.read(source) else { return }
        try report.write(to: target.connection)
    }

    // MARK: Reading damaged tables

    /// Copies a table in transactions of limited size. Reads it from both ends up to the damage. Each direction is one
    /// statement, because a row of a damaged B-tree may not be found by its id.
    func copy<Item>(
        _ table: String, _ columns: String, from source: SQLiteConnection, read: (SQLiteRow) -> Item,
        write: ([Item]) throws(SQLiteError) -> Void
    ) throws(SQLiteError) {
        var recent = RecentIDs()
        for order in ["ASC", "DESC"] {
            let known = recent.ids
            var batch: [Item] = []
            var bytes = 0
            var writeError: SQLiteError?
            var isComplete = true
            do throws(SQLiteError) {
                try source.prepare("SELECT \(columns) FROM \(table) ORDER BY id \(order)").query {
                    (row) throws(SQLiteError) in
                    guard !known.contains(row.integer(0)) else { return false }
                    recent.add(row.integer(0))
                    batch.append(read(row))
                    bytes += row.bytes
                    guard batch.count >= Self.rowsPerCommit || bytes >= Self.bytesPerCommit else { return true }
                    defer { (batch, bytes) = ([], 0) }
                    writeError = flush(batch, write)
                    return writeError == nil
                }
            } catch {
                isComplete = false
                outcome.isPartial = true
            }
            if let error = writeError ?? flush(batch, write) { throw error }
            if isComplete { return }
        }
    }

    /// The ids that were read last before an error. The other direction ends when it reaches one of them.
    private struct RecentIDs {
        private(set) var ids: Set<Int64> = []
        private var order: [Int64] = []

        mutating func add(_ id: Int64) {
            if order.count >= 1024 {
                ids.subtract(order.prefix(512))
                order.removeFirst(512)
            }
            order.append(id)
            ids.insert(id)
        }
    }

    /// Writes a batch. Returns the error, to distinguish it from errors of the source.
    private func flush<Item>(_ batch: [Item], _ write: ([Item]) throws(SQLiteError) -> Void) -> SQLiteError? {
        do throws(SQLiteError) {
            try target.connection.transaction { () throws(SQLiteError) in try write(batch) }
            if target.connection.logFrames >= SpoolSettings.framesPerCheckpoint {
                try target.connection.checkpoint(truncating: false)
            }
            return nil
        } catch {
            return error
        }
    }

    private func read(_ sql: String, of source: SQLiteConnection, _ visit: (SQLiteRow) -> Void) {
        do throws(SQLiteError) {
            try source.prepare(sql).query { (row) throws(SQLiteError) in
                visit(row)
                return true
            }
        } catch {
            outcome.isPartial = true
        }
    }
}
