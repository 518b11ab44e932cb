package import Alerts
package import Journaling
import Support

extension DatabaseJournal {
    /// Numbers each receiver that has no number. Returns all receivers, also those that this relay does not know.
    package func register(_ names: [String]) throws(PostgreSQLFailure) -> [ReceiverID: String] {
        let rows = try call("register_1", [.texts(names), .bool(requiresStandbys)])
        return try receivers(rows)
    }

    private func receivers(_ rows: PostgreSQLRows) throws(PostgreSQLFailure) -> [ReceiverID: String] {
        var receivers: [ReceiverID: String] = [:]
        for row in 0..<rows.count {
            receivers[ReceiverID(rawValue: UInt8(truncatingIfNeeded: try rows.integer(row, 0, in: 1...255)))] =
                rows.text(row, 1)
        }
        return receivers
    }

    private static let letterColumns =
        "id, queue, group_id, accepted_at, died_at, reason, attempts, answer, octet_length(body), is_resolved"

    /// As `JournalStore.deadLetters`.
    package func deadLetters(after: JournalID?, limit: Int) throws(PostgreSQLFailure) -> [DeadLetter] {
        let rows = try read(
            """
            SELECT \(Self.letterColumns) FROM \(schema.quoted).dead_letter WHERE id > $1 ORDER BY id LIMIT $2
            """, [.integer(after?.rawValue ?? .min), .integer(Int64(clamping: max(limit, 0)))])
        var letters: [DeadLetter] = []
        for row in 0..<rows.count { letters.append(try letter(rows, row)) }
        return letters
    }

    /// Returns nil if the dead letter does not exist.
    package func deadLetter(_ id: JournalID) throws(PostgreSQLFailure) -> DeadLetterContent? {
        let rows = try read(
            "SELECT \(Self.letterColumns), crc, body FROM \(schema.quoted).dead_letter WHERE id = $1",
            [.integer(id.rawValue)])
        guard rows.count > 0 else { return nil }
        let letter = try letter(rows, 0)
        let (isResolved, body) = (try rows.bool(0, 9), rows.bytes(0, 11) ?? [])
        let checksum = BodyChecksum.of(
            queue: try rows.integer(0, 1), group: Int64(bitPattern: letter.group),
            acceptedAt: letter.acceptedAt.nanosecondsSince1970, isResolved: isResolved, body)
        let isIntact = checksum == (try rows.integer(0, 10)) && id.destination == letter.destination
        return DeadLetterContent(letter: letter, body: body, isIntact: isIntact, isResolved: isResolved)
    }

    private func letter(_ rows: PostgreSQLRows, _ row: Int) throws(PostgreSQLFailure) -> DeadLetter {
        let queue = try rows.integer(row, 1, in: Destination.queueNumbers)
        return DeadLetter(
            id: JournalID(rawValue: try rows.integer(row, 0)), severity: Destination(queueNumber: queue).severity,
            group: UInt64(bitPattern: try rows.integer(row, 2)),
            acceptedAt: Timestamp(nanosecondsSince1970: try rows.integer(row, 3)),
            diedAt: Timestamp(nanosecondsSince1970: try rows.integer(row, 4)),
            reason: DeadLetter.Reason(rawValue: rows.text(row, 5) ?? ""),
            attempts: Int(try rows.integer(row, 6, in: Self.counts)), answer: rows.text(row, 7),
            size: Int(try rows.integer(row, 8, in: Self.counts)))
    }

    /// Makes dead letters pending again. Returns the new id of each, without those that do not exist. The caller checks
    /// before that their contents are intact.
    package func replay(
        _ ids: [JournalID], isForced: Bool, history: HistoryNote?, at now: Timestamp
    ) throws(PostgreSQLFailure) -> [JournalID: JournalID] {
        let rows = try call(
            "replay_1",
            [.integers(ids.map(\.rawValue))] + records(of: ids, history)
                + [
                    .bool(isForced), .integer((history?.at ?? now).nanosecondsSince1970), .bool(requiresStandbys),
                ])
        var replayed: [JournalID: JournalID] = [:]
        for row in 0..<rows.count {
            replayed[JournalID(rawValue: try rows.integer(row, 0))] = JournalID(rawValue: try rows.integer(row, 1))
        }
        return replayed
    }

    /// Makes the intact ones pending again. Reads their bodies before.
    package func replay(
        _ ids: [JournalID], isForced: Bool, history: HistoryNote?
    ) throws(PostgreSQLFailure) -> Replay<StoredNotification> {
        var replay = Replay<StoredNotification>()
        var contents: [(id: JournalID, content: DeadLetterContent)] = []
        for id in ids.distinct {
            guard let content = try deadLetter(id) else {
                replay.missing.append(id)
                continue
            }
            if content.isIntact { contents.append((id, content)) } else { replay.damaged.append(id) }
        }
        let newIDs = try self.replay(contents.map(\.id), isForced: isForced, history: history, at: .now())
        let states = try laterStates(of: Array(newIDs.values))
        for (id, content) in contents {
            guard let newID = newIDs[id] else {
                replay.missing.append(id)
                continue
            }
            let letter = content.letter
            let notification = Notification(
                severity: letter.severity, receiver: id.destination.receiver, group: letter.group,
                acceptedAt: letter.acceptedAt, body: content.body, isResolved: content.isResolved, isReplayed: true,
                laterStates: states[newID] ?? LaterStates())
            replay.entries.append(StoredNotification(id: newID, notification: notification))
        }
        return replay
    }

    /// Adds the missing history of dead letters, from their rows.
    func completed(
        _ settlements: [JournalTransaction.Settled]
    ) throws(PostgreSQLFailure) -> [JournalTransaction.Settled] {
        let missing = settlements.filter { $0.history == nil && !$0.settlement.isFinal }
        guard !missing.isEmpty else { return settlements }
        let rows = try read(
            """
            SELECT n.id, n.group_id, n.accepted_at, n.is_resolved FROM \(schema.quoted).notification n
            JOIN unnest($1::smallint[], $2::bigint[]) AS w (queue, id) USING (queue, id)
            """,
            [.smallIntegers(missing.map { $0.id.destination.queueNumber }), .integers(missing.map(\.id.rawValue))])
        var found: [JournalID: Int] = [:]
        for row in 0..<rows.count { found[JournalID(rawValue: try rows.integer(row, 0))] = row }
        var completed = settlements
        for index in completed.indices {
            guard completed[index].history == nil, let row = found[completed[index].id],
                case .dead(let reason, let attempts, let answer) = completed[index].settlement
            else { continue }
            var summary = HistoryRecord.Summary(.deadLetter, detail: answer ?? reason.rawValue)
            summary.attempts = attempts
            completed[index].history = HistoryRecord(
                summary, id: completed[index].id, group: UInt64(bitPattern: try rows.integer(row, 1)),
                acceptedAt: Timestamp(nanosecondsSince1970: try rows.integer(row, 2)),
                isFiring: !(try rows.bool(row, 3)))
        }
        return completed
    }

    /// Deletes dead letters. Returns the number of deleted ones.
    package func drop(
        _ ids: [JournalID], history: HistoryNote?, at now: Timestamp
    ) throws(PostgreSQLFailure) -> Int {
        let rows = try call(
            "drop_1",
            [.integers(ids.map(\.rawValue))] + records(of: ids, history)
                + [.integer((history?.at ?? now).nanosecondsSince1970), .bool(requiresStandbys)])
        return Int(try rows.integer(0, 0, in: Self.counts))
    }

    private func records(of ids: [JournalID], _ history: HistoryNote?) -> [PostgreSQLValue] {
        [
            .byteArrays(ids.map { history?.records[$0]?.bytes }),
            .integers(ids.map { Int64(history?.records[$0]?.entries ?? 0) }),
        ]
    }

    // MARK: History

    /// Writes records without a settlement.
    package func note(_ records: [HistoryRecord], at now: Timestamp) throws(PostgreSQLFailure) {
        _ = try call(
            "note_1",
            [
                .byteArrays(records.map(\.bytes)), .integers(records.map { Int64($0.entries) }),
                .integer(now.nanosecondsSince1970), .bool(requiresStandbys),
            ])
    }

    /// As `JournalStore.history`.
    package func history(before: Int64?, limit: Int, byteLimit: Int) throws(PostgreSQLFailure) -> StoredHistory {
        let rows = try read(
            """
            SELECT number, at, entries, body FROM (
                SELECT p.*, sum(octet_length(body)) OVER (ORDER BY number DESC) - octet_length(body) AS before
                FROM (
                    SELECT * FROM \(schema.quoted).history WHERE number < $1 ORDER BY number DESC LIMIT $2
                ) AS p
            ) AS page WHERE before < $3 ORDER BY number DESC
            """,
            [.integer(before ?? .max), .integer(Int64(clamping: max(limit, 0))), .integer(Int64(clamping: byteLimit))])
        var page = StoredHistory()
        for row in 0..<rows.count {
            let number = try rows.integer(row, 0, in: Self.counts)
            let record = HistoryRecord(
                entries: Int(try rows.integer(row, 2, in: Self.counts)), bytes: rows.bytes(row, 3) ?? [])
            let at = Timestamp(nanosecondsSince1970: try rows.integer(row, 1))
            page.rows.append(StoredHistory.Row(number: number, at: at, record: record))
            page.cursor = number
        }
        return page
    }

    /// Deletes states of groups that are older than `stateAge`, and history above the limits: at most `most` rows each.
    package func prune(
        stateAge: Duration, _ limits: HistoryLimits, at now: Timestamp, most: Int = 4096
    ) throws(PostgreSQLFailure) {
        let seconds = limits.maxAge.components.seconds
        let (oldest, overflows) = now.seconds.subtractingReportingOverflow(limits.isOff ? 0 : seconds)
        let moment = overflows ? Int64.min : Timestamp(seconds: oldest, nanoseconds: 0).nanosecondsSince1970
        _ = try call(
            "prune_1",
            [
                .integer(stateAge.microseconds), .integer(limits.isOff ? 0 : Int64(limits.maxEntries)),
                .integer(moment), .integer(Int64(clamping: most)), .bool(requiresStandbys),
            ])
    }
}
