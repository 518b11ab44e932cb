/// A notification as its row holds it.
struct SpoolRow {
    var id: Int64
    var group: Int64
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    var acceptedAt: Int64
    var checksum: Int64

    init(_ stored: StoredNotification) {
        let notification = stored.notification
        id = stored.id.rawValue
        group = Int64(bitPattern: notification.group)
        acceptedAt = notification.acceptedAt.spoolNanoseconds
        checksum = notification.body.withUnsafeBytes { [id, group, acceptedAt] in
            RowChecksum.of(id: id, group: group, acceptedAt: acceptedAt, body: $0)
        }
    }

    /// Reads the columns id, group_id, accepted_at, crc and body, which begin at `first`.
    ///
    /// Returns nil where the checksum does not fit, or the row stands in another destination's table than its id says.
    static func notification(in row: SQLiteRow, of destination: Destination, from first: Int32 = 0)
        -> StoredNotification?
    {
        let id = row.integer(first)
        guard isIntact(row, from: first), JournalID(rawValue: id).destination == destination else { return nil }
        return StoredNotification(
            id: JournalID(rawValue: id),
            notification: Notification(
                severity: destination.severity, receiver: destination.receiver,
                group: UInt64(bitPattern: row.integer(first + 1)),
                acceptedAt: Timestamp(spoolNanoseconds: row.integer(first + 2)), body: row.blob(first + 4)))
    }

    static func isIntact(_ row: SQLiteRow, from first: Int32 = 0) -> Bool {
        row.withBlob(first + 4) { body in
            RowChecksum.of(
                id: row.integer(first), group: row.integer(first + 1), acceptedAt: row.integer(first + 2), body: body)
        } == row.integer(first + 3)
    }
}

extension Timestamp {
    /// Nanoseconds since 1970-01-01T00:00:00Z; what lies beyond the years 1677 to 2262 becomes their edge.
    var spoolNanoseconds: Int64 {
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, tooLarge) = scaled.addingReportingOverflow(Int64(nanoseconds))
        return tooLarge ? .max : sum
    }

    init(spoolNanoseconds: Int64) {
        let (seconds, nanoseconds) = spoolNanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let borrow: Int64 = nanoseconds < 0 ? 1 : 0
        self.init(seconds: seconds - borrow, nanoseconds: Int32(nanoseconds + borrow * 1_000_000_000))
    }
}
