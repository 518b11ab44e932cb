/// Label or annotation pairs, sorted by name (bytewise), as Alertmanager sends them.
struct Labels: Sendable, Equatable {
    struct Pair: Sendable, Equatable {
        var name: String
        var value: String
    }

    var pairs: [Pair] = []

    subscript(name: String) -> String? {
        pairs.first { $0.name == name }?.value
    }
}

extension Labels: ExpressibleByDictionaryLiteral {
    init(dictionaryLiteral elements: (String, String)...) {
        pairs = elements.map { Pair(name: $0.0, value: $0.1) }
    }
}

enum AlertStatus: String, Sendable, Equatable {
    case firing
    case resolved
}

/// One labelled condition as Alertmanager reports it (`contracts/alertmanager.md`, "Body").
struct Alert: Sendable, Equatable {
    var status: AlertStatus
    var labels: Labels
    var annotations: Labels
    var startsAt: Timestamp?
    /// When the alert was resolved; nil while it fires (Alertmanager sends the year 1 then).
    var endsAt: Timestamp?
    /// The expression's page in Prometheus; untrusted, may be empty or no URL at all.
    var generatorURL: String
    /// 16 hex digits, the hash of the labels; the identity of the alert.
    var fingerprint: String
}

/// A whole webhook body of version "4", decoded for rendering.
struct Payload: Sendable, Equatable {
    var receiver: String
    /// The status of the group over the alerts that were sent. With `max_alerts` it can say resolved while
    /// truncated alerts still fire.
    var status: AlertStatus
    var groupKey: String
    /// How many alerts `max_alerts` cut from this notification: from 0 to `truncatedLimit`.
    var truncatedAlerts: Int
    var groupLabels: Labels
    var commonLabels: Labels
    var commonAnnotations: Labels
    /// Alertmanager's own address, base of the silence form; untrusted.
    var externalURL: String
    /// Alertmanager >= 0.32: why it sends, for example `first notification`.
    var notificationReason: String?
    var alerts: [Alert]

    /// A sender may state any number. What it states beyond this reads as this, also in a body that an earlier version
    /// stored, so that sums over a backlog cannot overflow.
    static let truncatedLimit = 1_000_000_000

    var firing: [Alert] { alerts.filter { $0.status == .firing } }
    var resolved: [Alert] { alerts.filter { $0.status == .resolved } }

    /// Alertmanager says that nothing has changed, only its repeat interval is over.
    var isRepeat: Bool { notificationReason.map(Self.meansRepeat) ?? false }

    /// Whether a `notification_reason` speaks of a repeat, among the reasons that contract "Body" lists.
    static func meansRepeat(_ reason: String) -> Bool {
        // Asked of every webhook: String's own search takes a thirtieth of all that is done for one.
        let word = "repeat".utf8
        var rest = Substring(reason).utf8
        while rest.count >= word.count {
            if zip(rest, word).allSatisfy({ $0 | 0x20 == $1 }) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}

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
