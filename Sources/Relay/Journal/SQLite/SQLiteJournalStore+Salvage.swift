/// Saving what a damaged database still holds.
extension SQLiteJournalStore {
    /// What came of it, in a sentence.
    struct Salvage: CustomStringConvertible {
        var saved = 0
        /// Rows that were read but do not fit their checksums.
        var damaged = 0
        /// Some part could not be read, or not be written.
        var isPartial = false

        var description: String {
            var text = "\(saved) notifications were recovered from it"
            if damaged > 0 {
                text += ", \(damaged) were damaged"
            }
            return isPartial ? text + ", parts of it cannot be read" : text
        }
    }

    private static let rowsPerCommit = 256

    /// Reads the tables from both ends up to what cannot be read. The file set aside is not changed.
    func salvage(from path: String) -> Salvage {
        var salvage = Salvage()
        guard let source = open(path) else {
            salvage.isPartial = true
            return salvage
        }
        let known = try? meta(Meta.reservedSequence, on: source)
        adoptReceivers(of: source, &salvage)
        for destination in destinations {
            let last = copy(destination, from: source, ascending: true, until: nil, &salvage)
            if let last {
                _ = copy(destination, from: source, ascending: false, until: last, &salvage)
            }
        }
        copyDeadLetters(from: source, &salvage)
        // Without the old count, numbers far behind all that were found.
        nextSequence = max(nextSequence, known ?? nextSequence + 16 * Self.sequenceBlock)
        let empty = JournalTransaction(at: Timestamp(seconds: 0, nanoseconds: 0))
        salvage.isPartial = (try? write(empty, bytes: 0)) == nil || salvage.isPartial
        // What was saved is what is there, whichever write failed.
        if let connection = statements?.connection {
            try? count(connection, trustingMeta: false)
        }
        return salvage
    }

    /// SQLite would delete the log beside an empty database, and there is nothing to read in it.
    private func open(_ path: String) -> SQLiteConnection? {
        guard SpoolFile(path)?.size ?? 0 > 0, let source = try? SQLiteConnection(path: path) else { return nil }
        // A writable schema lets SQLite read a file that is shorter than its header says; nothing is written.
        let pragmas = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON; PRAGMA writable_schema = ON"
        return (try? source.execute(pragmas)) == nil ? nil : source
    }

    /// Returns the last id read before the first part that cannot be read; nil when all was read.
    private func copy(
        _ destination: Destination, from source: SQLiteConnection, ascending: Bool, until end: Int64?,
        _ salvage: inout Salvage
    ) -> Int64? {
        let (sign, order) = ascending ? (">", "ASC") : ("<", "DESC")
        let sql = """
            SELECT id, group_id, accepted_at, crc, body FROM \(SQLiteSchema.table(destination))
            WHERE id \(sign) ? ORDER BY id \(order) LIMIT \(Self.rowsPerCommit)
            """
        var cursor: Int64 = ascending ? .min : .max
        while true {
            var rows: [StoredNotification] = []
            let start = cursor
            var count = 0
            do throws(SQLiteError) {
                try source.prepare(sql).bind(cursor).query { (row) throws(SQLiteError) in
                    if let end, row.integer(0) <= end { return false }
                    cursor = row.integer(0)
                    count += 1
                    if let stored = SpoolRow.notification(in: row, of: destination) {
                        rows.append(stored)
                    } else {
                        salvage.damaged += 1
                    }
                    return true
                }
            } catch {
                salvage.isPartial = true
                save(rows, &salvage)
                return cursor
            }
            save(rows, &salvage)
            guard count == Self.rowsPerCommit, cursor != start else { return nil }
        }
    }

    private func save(_ rows: [StoredNotification], _ salvage: inout Salvage) {
        guard !rows.isEmpty else { return }
        do throws(JournalStoreError) {
            let transaction = JournalTransaction(appends: [rows], at: rows[0].notification.acceptedAt)
            try write(transaction, bytes: Int64(transaction.bytes))
            try maintain()
            salvage.saved += rows.count
        } catch {
            salvage.isPartial = true
        }
    }

    /// Dead letters are few, so one transaction takes them all, up to the first that cannot be read.
    private func copyDeadLetters(from source: SQLiteConnection, _ salvage: inout Salvage) {
        let columns = "id, severity, died_at, reason, attempts, answer, group_id, accepted_at, crc, body"
        do throws(JournalStoreError) {
            try use { (statements) throws(SQLiteError) in
                let insert = try statements.connection.prepare(
                    "INSERT OR REPLACE INTO dead_letter (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                try statements.connection.transaction { () throws(SQLiteError) in
                    let select = try? source.prepare("SELECT \(columns) FROM dead_letter ORDER BY id")
                    let isWhole = select.map { copyDeadLetters($0, insert) } ?? false
                    salvage.isPartial = !isWhole || salvage.isPartial
                }
            }
        } catch {
            salvage.isPartial = true
        }
    }

    private func copyDeadLetters(_ select: SQLiteStatement, _ insert: SQLiteStatement) -> Bool {
        do throws(SQLiteError) {
            try select.query { (row) throws(SQLiteError) in
                try insert
                    .bind(
                        row.integer(0), row.integer(1), row.integer(2), row.text(3) ?? "", row.integer(4), row.text(5),
                        row.integer(6), row.integer(7), row.integer(8)
                    )
                    .run(blob: row.blob(9), at: 10)
                return true
            }
            return true
        } catch {
            return false
        }
    }
}
