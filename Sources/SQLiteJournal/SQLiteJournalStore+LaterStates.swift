import Alerts
import Journaling

/// The table `later_states`: what rooms were shown of the groups of dead letters, after these were accepted.
extension SQLiteJournalStore {
    /// Notifications of a group with more dead letters update only those of the newest ones. The others lose their
    /// states, so that their replays show the alerts as accepted.
    static let lettersPerGroup = 64

    /// Applies settlements in their order. Must be called before their rows are moved or deleted.
    func noteShown(_ settlements: [JournalTransaction.Settled], _ statements: SpoolStatements) throws(SQLiteError) {
        for settled in settlements {
            switch settled.settlement {
            case .dead:
                guard let group = try group(of: settled.id, statements) else { continue }
                try addLaterStates(settled.id, group: group, statements)
            case .delivered where laterStatesCount > 0:
                try noteDelivered(settled.id, statements)
                try removeLaterStates(settled.id, statements)
            case .expired where laterStatesCount > 0: try removeLaterStates(settled.id, statements)
            case .delivered, .expired: break
            }
        }
    }

    /// Starts to keep states for a dead letter. Continues those of a replayed notification.
    private func addLaterStates(_ id: JournalID, group: Int64, _ statements: SpoolStatements) throws(SQLiteError) {
        try statements.laterStates.add.bind(id.rawValue, group).run()
        laterStatesCount += statements.connection.changes
    }

    func removeLaterStates(_ id: JournalID, _ statements: SpoolStatements) throws(SQLiteError) {
        guard laterStatesCount > 0 else { return }
        try statements.laterStates.remove.bind(id.rawValue).run()
        laterStatesCount -= statements.connection.changes
    }

    /// Moves the states of a replayed dead letter to its new id, or removes them if it is replayed as accepted.
    func moveLaterStates(
        of letter: JournalID, to id: JournalID, isForced: Bool, _ statements: SpoolStatements
    ) throws(SQLiteError) {
        let row = try laterStatesRow(letter, statements)
        try removeLaterStates(letter, statements)
        guard var row, !isForced else { return }
        row.id = id.rawValue
        try statements.laterStates.write(row)
        laterStatesCount += 1
    }

    /// The states for a replayed notification; empty if nothing is known.
    func laterStates(of id: JournalID, _ statements: SpoolStatements) throws(SQLiteError) -> LaterStates {
        guard laterStatesCount > 0 else { return LaterStates() }
        return try laterStatesRow(id, statements)?.states ?? LaterStates()
    }

    /// Adds the alerts of a delivered notification to the states of its group's dead letters.
    private func noteDelivered(_ id: JournalID, _ statements: SpoolStatements) throws(SQLiteError) {
        guard let group = try group(of: id, statements) else { return }
        let position = try laterStatesRow(id, statements)?.acceptedAs ?? id.rawValue
        var rows: [LaterStatesRow] = []
        try statements.laterStates.ofGroup.bind(group).query { (row) throws(SQLiteError) in
            let row = LaterStatesRow(row)
            if JournalID(rawValue: row.id).destination == id.destination, row.acceptedAs < position { rows.append(row) }
            return true
        }
        guard !rows.isEmpty, let alerts = try alerts(of: id, statements) else { return }
        for (index, var row) in rows.enumerated() {
            if index < Self.lettersPerGroup {
                row.states.add(alerts, at: position)
            } else if row.states.isEmpty {
                continue
            } else {
                row.states = LaterStates()
            }
            try statements.laterStates.write(row)
        }
    }

    private func laterStatesRow(_ id: JournalID, _ statements: SpoolStatements) throws(SQLiteError) -> LaterStatesRow? {
        var found: LaterStatesRow?
        try statements.laterStates.ofLetter.bind(id.rawValue).query { (row) throws(SQLiteError) in
            found = LaterStatesRow(row)
            return false
        }
        return found
    }

    /// The group of a pending notification; nil if it is not pending. Does not read the body.
    private func group(of id: JournalID, _ statements: SpoolStatements) throws(SQLiteError) -> Int64? {
        var group: Int64?
        try statements.table(id.destination).rows.bind(id.rawValue).query { (row) throws(SQLiteError) in
            if row.integer(0) == id.rawValue { group = row.integer(1) }
            return false
        }
        return group
    }

    /// The alerts of a delivered notification, which was decoded before; nil if its row is damaged.
    private func alerts(of id: JournalID, _ statements: SpoolStatements) throws(SQLiteError) -> [Alert]? {
        var body: [UInt8]?
        try statements.table(id.destination).pending.bind(id.rawValue).query { (row) throws(SQLiteError) in
            body = SpoolRow.notification(in: row, of: id.destination)?.notification.body
            return false
        }
        return body.flatMap { try? WebhookParser().decode($0).alerts }
    }
}

/// A row of `later_states`.
struct LaterStatesRow {
    var id: Int64
    var group: Int64
    var acceptedAs: Int64
    /// Empty unless the row is intact.
    var states = LaterStates()
    /// Whether the checksum matches. New rows have none.
    private(set) var isIntact = false

    /// Reads the columns id, group_id, accepted_as, states and crc.
    init(_ row: SQLiteRow) {
        (id, group, acceptedAs) = (row.integer(0), row.integer(1), row.integer(2))
        let bytes = row.blob(3)
        guard checksum(of: bytes) == row.integer(4), let found = LaterStates(bytes: bytes) else { return }
        (states, isIntact) = (found, true)
    }

    func checksum(of bytes: [UInt8]) -> Int64 {
        let columns = [id, group, acceptedAs].flatMap { value in
            withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) }
        }
        return RowChecksum.of(key: columns, value: bytes)
    }
}

/// The statements for `later_states`.
struct LaterStatesStatements {
    /// Adds an empty row unless the id has one. Without states there is nothing that a checksum could protect.
    let add: SQLiteStatement
    let remove: SQLiteStatement
    let ofLetter: SQLiteStatement
    /// Selects the rows of a group, those of the newest letters first.
    let ofGroup: SQLiteStatement
    private let replace: SQLiteStatement

    init(_ connection: SQLiteConnection) throws(SQLiteError) {
        add = try connection.prepare(
            """
            INSERT OR IGNORE INTO later_states (id, group_id, accepted_as, states, crc)
            VALUES (?1, ?2, ?1, x'', \(SQLiteSchema.noChecksum))
            """)
        remove = try connection.prepare("DELETE FROM later_states WHERE id = ?")
        let columns = "id, group_id, accepted_as, states, crc"
        ofLetter = try connection.prepare("SELECT \(columns) FROM later_states WHERE id = ?")
        ofGroup = try connection.prepare("SELECT \(columns) FROM later_states WHERE group_id = ? ORDER BY id DESC")
        replace = try connection.prepare(
            """
            INSERT OR REPLACE INTO later_states (id, group_id, accepted_as, crc, states) VALUES (?, ?, ?, ?, ?)
            """)
    }

    func write(_ row: LaterStatesRow) throws(SQLiteError) {
        let bytes = row.states.bytes
        try replace.bind(row.id, row.group, row.acceptedAs, row.checksum(of: bytes)).run(blob: bytes, at: 5)
    }
}
