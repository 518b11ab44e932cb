import Support

/// Label or annotation pairs, sorted by name (bytewise), as Alertmanager sends them.
package struct Labels: Sendable, Equatable {
    package struct Pair: Sendable, Equatable {
        package var name: String
        package var value: String
    }

    package var pairs: [Pair] = []

    package subscript(name: String) -> String? {
        pairs.first { $0.name == name }?.value
    }
}

extension Labels: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, String)...) {
        pairs = elements.map { Pair(name: $0.0, value: $0.1) }
    }
}

package enum AlertStatus: String, Sendable, Equatable {
    case firing
    case resolved
}

/// One labelled condition as Alertmanager reports it (docs/alertmanager.md, "Body").
package struct Alert: Sendable, Equatable {
    package var status: AlertStatus
    package var labels: Labels
    package var annotations: Labels
    package var startsAt: Timestamp?
    /// When the alert was resolved; nil while it fires (Alertmanager sends the year 1 then).
    package var endsAt: Timestamp?
    /// The expression's page in Prometheus; untrusted, may be empty or no URL at all.
    package var generatorURL: String
    /// 16 hex digits, the hash of the labels; the identity of the alert.
    package var fingerprint: String

    package init(
        status: AlertStatus, labels: Labels, annotations: Labels, startsAt: Timestamp? = nil, endsAt: Timestamp? = nil,
        generatorURL: String, fingerprint: String
    ) {
        self.status = status
        self.labels = labels
        self.annotations = annotations
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.generatorURL = generatorURL
        self.fingerprint = fingerprint
    }
}

/// A whole webhook body of version "4", decoded for rendering.
package struct Payload: Sendable, Equatable {
    package var receiver: String
    /// The status of the group over the alerts that were sent. With `max_alerts` it can say resolved while
    /// truncated alerts still fire.
    package var status: AlertStatus
    package var groupKey: String
    /// How many alerts `max_alerts` cut from this notification: from 0 to `truncatedLimit`.
    package var truncatedAlerts: Int
    package var groupLabels: Labels
    package var commonLabels: Labels
    package var commonAnnotations: Labels
    /// Alertmanager's own address, base of the silence form; untrusted.
    package var externalURL: String
    /// Alertmanager >= 0.32: why it sends, for example `first notification`.
    package var notificationReason: String?
    package var alerts: [Alert]

    package init(
        receiver: String, status: AlertStatus, groupKey: String, truncatedAlerts: Int, groupLabels: Labels,
        commonLabels: Labels, commonAnnotations: Labels, externalURL: String, notificationReason: String? = nil,
        alerts: [Alert]
    ) {
        self.receiver = receiver
        self.status = status
        self.groupKey = groupKey
        self.truncatedAlerts = truncatedAlerts
        self.groupLabels = groupLabels
        self.commonLabels = commonLabels
        self.commonAnnotations = commonAnnotations
        self.externalURL = externalURL
        self.notificationReason = notificationReason
        self.alerts = alerts
    }

    /// A sender may state any number. What it states beyond this reads as this, also in a body that an earlier version
    /// stored, so that sums over a backlog cannot overflow.
    static let truncatedLimit = 1_000_000_000

    package var firing: [Alert] { alerts.filter { $0.status == .firing } }
    package var resolved: [Alert] { alerts.filter { $0.status == .resolved } }

    /// Alertmanager says that nothing has changed, only its repeat interval is over.
    package var isRepeat: Bool { notificationReason.map(Self.meansRepeat) ?? false }

    /// Whether a `notification_reason` speaks of a repeat, among the reasons that docs/alertmanager.md lists.
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

/// The alerts of one accepted payload for one destination.
///
/// It is the unit of the journal and of the outbound queues: accepted, delivered and settled as a whole.
package struct Notification: Sendable, Equatable {
    package var severity: Severity
    /// Whose room it is for: the severity's own, or a receiver's.
    package var receiver = ReceiverID.severityRooms
    /// The first eight bytes of SHA-256 over receiver and group key, both length-prefixed: notifications of one
    /// group and destination have the same, and are delivered in the order in which they were accepted.
    package var group: UInt64
    /// When the payload was accepted.
    package var acceptedAt: Timestamp
    /// A webhook body of version "4" that holds this destination's alerts and no others. Alertmanager's own bytes where
    /// the whole payload has one destination.
    package var body: [UInt8]
    /// No alert of this notification fires. False where `max_alerts` cut some off: they may still fire.
    package var isResolved = false
    /// Put back from the dead letters.
    package var isReplayed = false

    package init(
        severity: Severity, receiver: ReceiverID = ReceiverID.severityRooms, group: UInt64, acceptedAt: Timestamp,
        body: [UInt8], isResolved: Bool = false, isReplayed: Bool = false
    ) {
        self.severity = severity
        self.receiver = receiver
        self.group = group
        self.acceptedAt = acceptedAt
        self.body = body
        self.isResolved = isResolved
        self.isReplayed = isReplayed
    }

    package var destination: Destination { Destination(receiver: receiver, severity: severity) }
}

/// The identity of a payload's content: SHA-256 over length-prefixed receiver, groupKey, status, truncatedAlerts and
/// the alerts sorted by fingerprint.
package struct DedupeKey: Sendable, Hashable {
    /// 32 bytes.
    package var bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// The alerts of one accepted payload: at most one notification a destination, most urgent first, never empty unless
/// the payload's `alerts` was.
package struct AlertBatch: Sendable, Equatable {
    /// How many alerts of one severity and status a payload held; feeds `relay_alerts_received_total`.
    package struct Count: Sendable, Equatable {
        package var severity: Severity
        package var status: AlertStatus
        package var alerts: Int
    }

    package var dedupeKey: DedupeKey
    /// Alertmanager (>= 0.32) says that it sends this on purpose once more, its repeat interval being over.
    package var isRepeat = false
    package var notifications: [Notification]
    package var counts: [Count]
    /// The number of alerts in the payload.
    package var alerts: Int

    package init(
        dedupeKey: DedupeKey, isRepeat: Bool = false, notifications: [Notification], counts: [Count], alerts: Int
    ) {
        self.dedupeKey = dedupeKey
        self.isRepeat = isRepeat
        self.notifications = notifications
        self.counts = counts
        self.alerts = alerts
    }
}
