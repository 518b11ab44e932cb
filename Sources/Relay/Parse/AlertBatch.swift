/// What we owe to one room of Rocket.Chat about the alerts of one severity in one accepted payload.
///
/// It is the unit of the journal and of the outbound queues: accepted, delivered and settled as a whole.
struct Notification: Sendable, Equatable {
    var severity: Severity
    /// Whose room it is for: the severity's own, or a receiver's.
    var receiver = ReceiverID.tiers
    /// The first eight bytes of SHA-256 over receiver and group key, both length-prefixed: notifications of one
    /// group and destination have the same, and are delivered in the order in which they were accepted.
    var group: UInt64
    /// When the payload was accepted.
    var acceptedAt: Timestamp
    /// A webhook body of version "4" that holds this destination's alerts and no others. Alertmanager's own bytes where
    /// the whole payload has one destination.
    var body: [UInt8]
    /// No alert of this notification fires. False where `max_alerts` cut some off: they may still fire.
    var isResolved = false
    /// Put back from the dead letters.
    var isReplayed = false

    var destination: Destination { Destination(receiver: receiver, severity: severity) }
}

/// The identity of a payload's content: SHA-256 over length-prefixed receiver, groupKey, status, truncatedAlerts and
/// the alerts sorted by fingerprint.
struct DedupeKey: Sendable, Hashable {
    /// 32 bytes.
    var bytes: [UInt8]
}

/// The alerts of one accepted payload: at most one notification a destination, most urgent first, never empty unless
/// the payload's `alerts` was.
struct AlertBatch: Sendable, Equatable {
    /// How many alerts of one severity and status a payload held; feeds `relay_alerts_received_total`.
    struct Count: Sendable, Equatable {
        var severity: Severity
        var status: AlertStatus
        var alerts: Int
    }

    var dedupeKey: DedupeKey
    /// Alertmanager (>= 0.32) says that it sends this on purpose once more, its repeat interval being over.
    var isRepeat = false
    var notifications: [Notification]
    var counts: [Count]
    /// The number of alerts in the payload.
    var alerts: Int
}
