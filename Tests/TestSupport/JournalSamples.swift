package import Alerts
package import Journaling

extension Timestamp {
    /// The current time of journal tests, in 2026.
    package static let sample = Timestamp(seconds: 1_795_000_000, nanoseconds: 123_456_789)

    package func advanced(bySeconds seconds: Int64) -> Timestamp {
        Timestamp(seconds: self.seconds + seconds, nanoseconds: nanoseconds)
    }

    /// For durations of at most 290 years.
    package func after(_ duration: Duration) -> Timestamp {
        Timestamp(nanosecondsSince1970: nanosecondsSince1970 + Int64(duration / .nanoseconds(1)))
    }
}

/// Values for journal tests, with defaults for properties that do not matter to a test.
package enum JournalSamples {
    package static func notification(
        _ severity: Severity = .warning, group: UInt64 = .max - 7, body: String = "{}", isResolved: Bool = false,
        isReplayed: Bool = false
    ) -> Alerts.Notification {
        Alerts.Notification(
            severity: severity, group: group, acceptedAt: .sample, body: [UInt8](body.utf8), isResolved: isResolved,
            isReplayed: isReplayed)
    }

    /// A batch whose dedupe key is derived from `key`.
    package static func batch(_ key: Int, _ notifications: [Alerts.Notification]? = nil) -> AlertBatch {
        let bytes = (0..<32).map { UInt8(truncatingIfNeeded: key >> ($0 % 8 * 8)) }
        return AlertBatch(
            dedupeKey: DedupeKey(bytes: bytes), notifications: notifications ?? [notification(body: "body \(key)")],
            counts: [], alerts: 1)
    }

    package static func append(_ sequence: Int64, _ notification: Alerts.Notification) -> StoredNotification {
        StoredNotification(
            id: JournalID(sequence: sequence, destination: notification.destination), notification: notification)
    }
}

extension PendingRow {
    /// The row of a notification, without its body.
    package init(_ stored: StoredNotification) {
        self.init(
            id: stored.id, group: stored.notification.group, isResolved: stored.notification.isResolved,
            isReplayed: stored.notification.isReplayed)
    }
}

extension JournalStore {
    package func replay(
        _ ids: [JournalID], firstSequence: Int64, isForced: Bool = false
    ) throws(JournalStoreError) -> Replay<StoredNotification> {
        try replay(ids, firstSequence: firstSequence, isForced: isForced, history: nil)
    }

    package func drop(_ ids: [JournalID]) throws(JournalStoreError) -> Int { try drop(ids, history: nil) }
}
