import Alerts

/// Duplicates that are not in the history yet, counted by group.
///
/// Members of an Alertmanager cluster send each notification twice, and a broken sender can repeat one thousands of
/// times a second. So duplicates are counted here, and written together: promptly while there are few, at most once a
/// minute in the long run.
struct DuplicateLog {
    private struct Key: Hashable {
        var group: UInt64
        var destination: Destination
        var isFiring: Bool
    }

    /// The maximum number of groups that are counted separately until the next row. Duplicates of further groups are
    /// counted together with the last one.
    static let capacity = 64
    /// The number of rows that can be written at once, and the time for each further one.
    private static let (burst, interval) = (32, Duration.seconds(60))
    /// The maximum size of the bodies that are read for alert names until the next row, in bytes.
    private static let readBytes = 1 << 20

    private var entries: [Key: HistoryEntry] = [:]
    private var order: [Key] = []
    private var read = 0
    private var parser: WebhookParser?
    /// When the rows written so far would have been written at an even pace, as in a leaky bucket.
    private var paidUntil: ContinuousClock.Instant?

    /// The number of duplicates in `entries`.
    private(set) var count = 0

    mutating func note(_ batch: AlertBatch, at now: Timestamp) {
        for notification in batch.notifications {
            let key = Key(
                group: notification.group, destination: notification.destination, isFiring: !notification.isResolved)
            count = count &+ 1
            if entries[key] != nil {
                entries[key]?.count &+= 1
            } else if order.count < Self.capacity {
                // A body that crashed the parser is stored without alerts.
                entries[key] = entry(notification, at: now, isReadable: batch.alerts > 0)
                order.append(key)
            } else if let last = order.last {
                entries[last]?.count &+= 1
            }
        }
    }

    /// The counted duplicates if a row may be written now; empty otherwise.
    ///
    /// - Parameter isLast: whether the journal closes, so that no later call can return them.
    mutating func due(at now: ContinuousClock.Instant, isLast: Bool = false) -> [HistoryEntry] {
        guard !order.isEmpty else { return [] }
        let paid = max(paidUntil ?? now, now)
        guard isLast || now.advanced(by: Self.interval * Self.burst) > paid else { return [] }
        paidUntil = paid.advanced(by: Self.interval)
        defer { (entries, order, count, read, parser) = ([:], [], 0, 0, nil) }
        return order.compactMap { entries[$0] }
    }

    /// Reads alert names with the functions that have just accepted the same body.
    private mutating func entry(
        _ notification: Notification, at now: Timestamp, isReadable: Bool
    ) -> HistoryEntry {
        var entry = HistoryEntry(
            id: .unassigned(notification.destination), group: notification.group, isFiring: !notification.isResolved,
            acceptedAt: now, endedAt: now, outcome: .duplicate)
        guard isReadable, read + notification.body.count <= Self.readBytes else { return entry }
        read += notification.body.count
        let parser = parser ?? WebhookParser()
        self.parser = parser
        guard let alerts = parser.alertSummaries(notification.body, limit: HistoryEntry.maxAlerts) else { return entry }
        entry.alerts = alerts.shown.map { HistoryEntry.Alert($0) }
        entry.omittedAlerts = alerts.omitted
        return entry
    }
}

extension HistoryRecord {
    /// The records of duplicates.
    static func records(of duplicates: [HistoryEntry]) -> [HistoryRecord] {
        var members = HistoryMembers()
        for duplicate in duplicates { members.add(duplicate) }
        let summary = Summary(.duplicate, detail: "identical to the last notification of its group")
        return members.chunks.map { HistoryRecord(summary, $0) }
    }
}
