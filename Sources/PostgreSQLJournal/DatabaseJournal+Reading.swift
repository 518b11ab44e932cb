package import Alerts
package import Journaling

/// Reads, which do not wait for standbys. A row that they return is committed, and so has reached the standbys.
extension DatabaseJournal {
    /// As `JournalStore.pending`. Does not move damaged rows, but returns their ids.
    package func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int
    ) throws(PostgreSQLFailure) -> (window: StoredWindow, damaged: [JournalID]) {
        let rows = try read(
            """
            SELECT id, group_id, accepted_at, is_resolved, is_replayed, repeats, crc,
                CASE WHEN place <= $3 AND before < $4 THEN body END
            FROM (
                SELECT p.*, row_number() OVER (ORDER BY id) AS place,
                    sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before
                FROM (
                    SELECT * FROM \(schema.quoted).notification WHERE queue = $1::smallint AND id > $2
                    ORDER BY id LIMIT $3 + 1
                ) AS p
            ) AS page ORDER BY id
            """,
            [
                .integer(Int64(destination.queueNumber)), .integer(after?.rawValue ?? 0),
                .integer(Int64(clamping: min(limit, 1 << 20))), .integer(Int64(clamping: byteLimit)),
            ])
        var window = StoredWindow()
        var damaged: [JournalID] = []
        for row in 0..<rows.count {
            guard let body = rows.bytes(row, 7) else {
                window.isLast = false
                break
            }
            let id = JournalID(rawValue: try rows.integer(row, 0))
            window.cursor = id
            let (group, acceptedAt) = (try rows.integer(row, 1), try rows.integer(row, 2))
            let isResolved = try rows.bool(row, 3)
            let checksum = BodyChecksum.of(
                queue: Int64(destination.queueNumber), group: group, acceptedAt: acceptedAt, isResolved: isResolved,
                body)
            guard checksum == (try rows.integer(row, 6)), id.destination == destination else {
                damaged.append(id)
                continue
            }
            let notification = Notification(
                severity: destination.severity, receiver: destination.receiver, group: UInt64(bitPattern: group),
                acceptedAt: Timestamp(nanosecondsSince1970: acceptedAt), body: body, isResolved: isResolved,
                repeats: try rows.integerIfAny(row, 5, in: 0...Int64(Notification.maxRepeats)).map { Int($0) },
                isReplayed: try rows.bool(row, 4))
            window.notifications.append(StoredNotification(id: id, notification: notification))
        }
        return (window, damaged)
    }

    /// As `JournalStore.rows`.
    package func rows(
        _ destination: Destination, after: JournalID?, limit: Int
    ) throws(PostgreSQLFailure) -> PendingRows {
        let limit = min(max(limit, 1), 1 << 20)
        let rows = try read(
            """
            SELECT id, group_id, is_resolved, is_replayed FROM \(schema.quoted).notification
            WHERE queue = $1::smallint AND id > $2 ORDER BY id LIMIT $3
            """,
            [
                .integer(Int64(destination.queueNumber)), .integer(after?.rawValue ?? 0), .integer(Int64(limit + 1)),
            ])
        var page = PendingRows(isLast: rows.count <= limit)
        for row in 0..<min(rows.count, limit) {
            let id = JournalID(rawValue: try rows.integer(row, 0))
            page.cursor = id
            page.rows.append(
                PendingRow(
                    id: id, group: UInt64(bitPattern: try rows.integer(row, 1)), isResolved: try rows.bool(row, 2),
                    isReplayed: try rows.bool(row, 3)))
        }
        return page
    }

    /// The newest pending id of each destination, if it is newer than the given one. Destinations without a given one
    /// count from the beginning.
    package func newest(
        behind known: [Destination: JournalID]
    ) throws(PostgreSQLFailure) -> [Destination: JournalID] {
        let queues = known.map { ($0.key, $0.value) }
        // The destinations that have entries, found by skipping from one to the next in the index.
        let rows = try read(
            """
            WITH RECURSIVE queues AS (
                (SELECT queue FROM \(schema.quoted).notification ORDER BY queue LIMIT 1)
                UNION ALL
                SELECT (SELECT n.queue FROM \(schema.quoted).notification n WHERE n.queue > q.queue
                    ORDER BY n.queue LIMIT 1)
                FROM queues q WHERE q.queue IS NOT NULL
            )
            SELECT q.queue, n.id FROM queues q
            LEFT JOIN unnest($1::smallint[], $2::bigint[]) AS k (queue, id) ON k.queue = q.queue,
            LATERAL (
                SELECT id FROM \(schema.quoted).notification WHERE queue = q.queue AND id > coalesce(k.id, 0)
                ORDER BY id DESC LIMIT 1
            ) AS n
            """,
            [.smallIntegers(queues.map(\.0.queueNumber)), .integers(queues.map(\.1.rawValue))])
        var newest: [Destination: JournalID] = [:]
        for row in 0..<rows.count {
            let destination = Destination(queueNumber: try rows.integer(row, 0, in: Destination.queueNumbers))
            newest[destination] = JournalID(rawValue: try rows.integer(row, 1))
        }
        return newest
    }
}
