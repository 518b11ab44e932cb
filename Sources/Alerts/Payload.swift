/// Label or annotation pairs, sorted by name (bytewise), as Alertmanager sends them.
package struct Labels: Sendable, Equatable {
    package struct Pair: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var pairs: [Pair] = []
    /// How many further pairs were not decoded.
    package var omitted = 0
    /// A value was decoded in part.
    package var isCut = false
    /// A hash of all pairs if some were not decoded in full, else 0. Valid within this process.
    package var identity = 0

    /// The value of a label; nil if it does not exist.
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

/// An alert in a webhook body (docs/alertmanager.md, "Body").
package struct Alert: Sendable, Equatable {
    package var status: AlertStatus
    package var labels: Labels
    package var annotations: Labels
    package var startsAt: Timestamp?
    /// When the alert was resolved; nil while it is firing, when Alertmanager sends year 1.
    package var endsAt: Timestamp?
    /// The URL of the rule's expression in Prometheus. Untrusted: it can be empty or not a URL.
    package var generatorURL: String
    /// The identity of the alert: the hash of its labels in 16 hex digits. Empty if it has no labels and the sender set
    /// none.
    package var fingerprint: String
    /// Nil for an alert of Alertmanager.
    package var grafana: GrafanaFields?

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

/// A webhook body, decoded for rendering.
package struct Payload: Sendable, Equatable {
    package var receiver: String
    /// The status of the group, computed from the alerts in the body. With `max_alerts` it can be `resolved` while
    /// truncated alerts are firing.
    package var status: AlertStatus
    package var groupKey: String
    /// The number of alerts that `max_alerts` truncated, clamped to 0...`truncatedLimit`.
    package var truncatedAlerts: Int
    package var groupLabels: Labels
    package var commonLabels: Labels
    package var commonAnnotations: Labels
    /// The URL of Alertmanager, the base of silence links. Untrusted.
    package var externalURL: String
    /// Why Alertmanager >= 0.32 sent the notification, for example `first notification`.
    package var notificationReason: String?
    /// Grafana sent it, so that `externalURL` is Grafana's.
    package var isGrafana = false
    /// Grafana's further fields; empty if Alertmanager sent it.
    package var grafana = GrafanaEnvelope()
    /// The alerts; of a large group those that a message can show.
    package var alerts: [Alert]
    /// By alert name: the other alerts of a large group, which are only counted.
    package var countedAlerts: [String: StatusCounts] = [:]

    /// The number of alerts by status.
    package struct StatusCounts: Sendable, Equatable {
        package var firing = 0
        package var resolved = 0

        package var total: Int { firing + resolved }

        mutating func add(_ status: AlertStatus) {
            if status == .firing { firing += 1 } else { resolved += 1 }
        }
    }

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

    /// The maximum of `truncatedAlerts`. A sender can send any number; sums over a backlog must not overflow.
    static let truncatedLimit = 1_000_000_000

    /// Whether an alert is or may be firing, also one that was not decoded.
    package var mayFire: Bool {
        truncatedAlerts > 0 || alerts.contains { $0.status == .firing }
            || countedAlerts.values.contains { $0.firing > 0 }
    }

    /// The firing alerts.
    package var firing: [Alert] { alerts.filter { $0.status == .firing } }
    /// The resolved alerts.
    package var resolved: [Alert] { alerts.filter { $0.status == .resolved } }

    /// Whether Alertmanager repeats an unchanged notification because `repeat_interval` is over.
    package var isRepeat: Bool { notificationReason.map(Self.isRepeatReason) ?? false }

    /// Whether a `notification_reason` names a repeat (docs/alertmanager.md lists the reasons).
    static func isRepeatReason(_ reason: String) -> Bool {
        // Called for each webhook. String's search would take 3 % of the time for a webhook.
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
    /// The receiver; `.severityRooms` for the room of the severity.
    package var receiver = ReceiverID.severityRooms
    /// The first eight bytes of SHA-256 over the length-prefixed receiver and group key. Notifications with the same
    /// group and destination are delivered in the order of acceptance.
    package var group: UInt64
    /// When the payload was accepted.
    package var acceptedAt: Timestamp
    /// A webhook body with only the alerts of this destination. It is the received body if all alerts
    /// are for this destination.
    package var body: [UInt8]
    /// Whether all alerts are resolved. False if `max_alerts` truncated alerts, which may be firing.
    package var isResolved = false
    /// How often Alertmanager has repeated the unchanged state of the group before and with this notification; nil if
    /// unknown. At most `maxRepeats`.
    package var repeats: Int?
    package static let maxRepeats = 1_000_000
    /// Whether it was replayed from the dead letters.
    package var isReplayed = false
    /// The states in which the room was shown its alerts since it was accepted. Known only if it is replayed.
    package var laterStates = LaterStates()

    package init(
        severity: Severity, receiver: ReceiverID = ReceiverID.severityRooms, group: UInt64, acceptedAt: Timestamp,
        body: [UInt8], isResolved: Bool = false, repeats: Int? = nil, isReplayed: Bool = false,
        laterStates: LaterStates = LaterStates()
    ) {
        self.severity = severity
        self.receiver = receiver
        self.group = group
        self.acceptedAt = acceptedAt
        self.body = body
        self.isResolved = isResolved
        self.repeats = repeats
        self.isReplayed = isReplayed
        self.laterStates = laterStates
    }

    /// The outbound queue of the notification.
    package var destination: Destination { Destination(receiver: receiver, severity: severity) }
}
