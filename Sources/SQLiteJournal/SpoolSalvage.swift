import Alerts
import Journaling
import Support

/// Copies what a damaged database still holds into a fresh one. The damaged file is not changed.
///
/// What cannot be read is left out and said; what cannot be written ends the salvage, to be begun anew.
package final class SpoolSalvage {
    /// What came of it, in a sentence.
    package struct Outcome: CustomStringConvertible {
        var saved = 0
        /// Rows that do not fit their checksums; they are among the dead letters.
        var damaged = 0
        /// Some part could not be read.
        var isPartial = false
        var deadLetters = 0
        /// The highest sequence number of what was saved.
        var highestSequence: Int64 = 0

        package var description: String {
            var text = "\(saved) notifications were recovered from it"
            if damaged > 0 {
                text += ", \(damaged) are damaged and in the dead letters"
            }
            return isPartial ? text + ", parts of it cannot be read" : text
        }
    }

    private static let rowsPerCommit = 256
    private static let bytesPerCommit = 8 << 20

    /// Nil where SQLite cannot open it.
    private let source: SQLiteConnection?
    /// For what the trees do not lead to.
    let pages: SpoolPages
    let target: SpoolStatements
    private let now: Timestamp
    private(set) var outcome = Outcome()
    var receivers: [ReceiverID: String] = [:]

    /// - Parameters:
    ///   - path: The damaged database, whose log is beside it.
    ///   - pages: Its pages, to be read without SQLite.
    ///   - target: A fresh database of the current schema.
    init(from path: String, pages: SpoolPages, to target: SpoolStatements, at now: Timestamp) {
        source = Self.open(path)
        self.pages = pages
        self.target = target
        self.now = now
        outcome.isPartial = source == nil
    }

    /// SQLite would delete the log beside an empty database, and there is nothing to read in it.
    private static func open(_ path: String) -> SQLiteConnection? {
        guard SpoolFile(path)?.size ?? 0 > 0, let source = try? SQLiteConnection(path: path) else { return nil }
        // A writable schema lets SQLite read a file that is shorter than its header says; nothing is written.
        let pragmas = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON; PRAGMA writable_schema = ON"
        return (try? source.execute(pragmas)) == nil ? nil : source
    }

    func run() throws(SQLiteError) {
        if let source {
            try adoptReceivers(of: source)
            for destination in Destination.all(with: receivers.keys) {
                try copy(destination, from: source)
            }
            try copyDeadLetters(from: source)
            let isPartial = outcome.isPartial
            try copySeen(from: source)
            try copyReport(from: source)
            outcome.isPartial = isPartial
        }
        if outcome.isPartial { try copyPages() }
    }

    /// What the damaged database says of the numbers given so far; nil where that cannot be read.
    var reservedSequence: Int64? {
        guard let source else { return nil }
        let key = SQLiteJournalStore.Meta.reservedSequence
        var value: Int64?
        // A database of an earlier schema has no checksums there.
        for checksum in ["crc", "\(SQLiteSchema.unsealed)"] where value == nil {
            try? source.prepare("SELECT value, \(checksum) FROM meta WHERE key = ?").bind(key).query {
                (row) throws(SQLiteError) in
                value = SQLiteJournalStore.sealed(row.integer(0), row.integer(1), name: key)
                return false
            }
            if (try? source.prepare("SELECT crc FROM meta")) != nil { break }
        }
        return value
    }

    // MARK: Receivers

    /// Makes the tables of the receivers in the fresh database, under the same numbers: they are in the ids. Goes by
    /// the tables that there are, since the list of names may be what is damaged.
    private func adoptReceivers(of source: SQLiteConnection) throws(SQLiteError) {
        let names = readNames(source)
        var found: Set<UInt8> = []
        read("SELECT name FROM sqlite_master WHERE name GLOB 'notification_[0-9]*'", of: source) { row in
            let parts = (row.text(0) ?? "").split(separator: "_")
            if parts.count == 3, let number = UInt8(parts[1]), number > 0 { found.insert(number) }
        }
        try target.connection.transaction { () throws(SQLiteError) in
            for number in found {
                try adopt(ReceiverID(rawValue: number), named: names[number])
            }
        }
    }

    func adopt(_ id: ReceiverID, named name: String?) throws(SQLiteError) {
        let name = name ?? "receiver-\(id.rawValue)"
        try SQLiteSchema.add(name, as: id, to: target.connection)
        receivers[id] = name
    }

    private func readNames(_ source: SQLiteConnection) -> [UInt8: String] {
        var names: [UInt8: String] = [:]
        let hasChecksums = (try? source.prepare("SELECT crc FROM receiver")) != nil
        let checksum = hasChecksums ? "crc" : "\(SQLiteSchema.unsealed)"
        read("SELECT number, name, \(checksum) FROM receiver", of: source) { row in
            guard let name = row.text(1), let number = UInt8(exactly: row.integer(0)),
                SQLiteJournalStore.sealed(row.integer(0), row.integer(2), name: name) != nil,
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
                SpoolRow.notification(in: row, of: destination).map(Found.whole)
                    ?? .damaged(SpoolRow(row), body: row.blob(4))
            },
            write: { (rows) throws(SQLiteError) in
                for row in rows { try save(row, of: destination) }
            })
    }

    enum Found {
        case whole(StoredNotification)
        case damaged(SpoolRow, body: [UInt8])
    }

    func save(_ found: Found, of destination: Destination) throws(SQLiteError) {
        switch found {
        case .whole(let stored):
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
        let sequence = JournalID(rawValue: row.id).sequence
        if JournalID.sequences.contains(sequence) {
            outcome.highestSequence = max(outcome.highestSequence, sequence)
        }
    }

    /// So that what senders post again after the repair is known as a duplicate.
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

    // MARK: Reading past damage

    /// Reads a table from both ends up to what cannot be read, and writes it in transactions of a bounded size. Each end
    /// is one statement: in a damaged tree a row may not be found again by its id.
    private func copy<Item>(
        _ table: String, _ columns: String, from source: SQLiteConnection, read: (SQLiteRow) -> Item,
        write: ([Item]) throws(SQLiteError) -> Void
    ) throws(SQLiteError) {
        var recent = RecentIDs()
        for order in ["ASC", "DESC"] {
            let known = recent.ids
            var batch: [Item] = []
            var bytes = 0
            var writeError: SQLiteError?
            var isWhole = true
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
                isWhole = false
                outcome.isPartial = true
            }
            if let error = writeError ?? flush(batch, write) { throw error }
            if isWhole { return }
        }
    }

    /// The ids read last before a failure: where the other end meets one of them, all is read.
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

    /// Returns the error, so that it can be told from one of the source.
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
