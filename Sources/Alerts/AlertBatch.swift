/// The notifications of one accepted payload.
package struct AlertBatch: Sendable, Equatable {
    /// The number of alerts with one severity and status in a payload, for `relay_alerts_received_total`.
    package struct Count: Sendable, Equatable {
        package var severity: Severity
        package var status: AlertStatus
        package var alerts: Int
    }

    /// Why Alertmanager sent the payload.
    package enum Reason: Sendable, Equatable {
        /// Versions before 0.32 state none.
        case unknown
        case news
        /// `repeat_interval` is over.
        case repetition

        /// - Parameter text: `notification_reason`; empty if there is none.
        init(_ text: String) {
            self = text.isEmpty ? .unknown : Payload.isRepeatReason(text) ? .repetition : .news
        }
    }

    package var dedupeKey: DedupeKey
    package var reason = Reason.unknown
    /// At most one notification for each destination, most urgent first. Empty only if the payload has no alerts, or
    /// only those of watchdogs and those that receivers drop.
    package var notifications: [Notification]
    /// The counts that are not zero, without the alerts of watchdogs.
    package var counts: [Count]
    /// The number of alerts in the payload.
    package var alerts: Int
    /// How many values of each kind the payload has that are not as documented. Without kinds that it does not have.
    package var oddities: [PayloadOddity: Int] = [:]
    /// The alerts of watchdogs, which are in no notification.
    package var watchdogs: [WatchdogSignal] = []
    /// By the names of receivers: the alerts that they drop, which no notification has for the remaining rooms.
    package var dropped: [String: Int] = [:]

    package var isRepeat: Bool { reason == .repetition }

    package init(
        dedupeKey: DedupeKey, reason: Reason = .unknown, notifications: [Notification], counts: [Count], alerts: Int
    ) {
        self.dedupeKey = dedupeKey
        self.reason = reason
        self.notifications = notifications
        self.counts = counts
        self.alerts = alerts
    }
}

/// The identity of a payload: SHA-256 over the length-prefixed receiver, groupKey, status, truncatedAlerts and the
/// alerts sorted by fingerprint.
package struct DedupeKey: Sendable, Hashable {
    // The digest as big-endian numbers. An array would need an allocation for each webhook.
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// - Parameter bytes: 32 bytes. Missing ones count as zero.
    package init(bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { DedupeKey(bytes: $0) }
    }

    init(bytes: UnsafeRawBufferPointer) {
        withUnsafeMutableBytes(of: &words) { words in
            words.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(words.count)))
        }
        words = (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
    }

    /// 32 bytes.
    package var bytes: [UInt8] {
        let sent = (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
        return withUnsafeBytes(of: sent) { Array($0) }
    }

    /// The first 16 bytes as big-endian numbers.
    package var prefix: (UInt64, UInt64) { (words.0, words.1) }

    package static func == (left: DedupeKey, right: DedupeKey) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
