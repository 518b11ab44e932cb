import Alerts
import DeliveryCore
import Journaling
import Posting

/// The content of one delivery: one notification, or several waiting ones folded into one message.
enum DeliveryBatch: Sendable {
    case single(Journaled<Notification>, Payload)
    case fold(Fold)

    struct Fold: Sendable {
        var digest: Digest
        /// In the order of acceptance, never empty.
        var entries: [Entry] = []
    }

    /// The fields of a notification that settling needs.
    struct Entry: Sendable, Equatable {
        var id: JournalID
        var acceptedAt: Timestamp

        init(_ notification: Journaled<Notification>) {
            id = notification.id
            acceptedAt = notification.value.acceptedAt
        }
    }

    var entries: [Entry] {
        switch self {
        case .single(let notification, _): [Entry(notification)]
        case .fold(let fold): fold.entries
        }
    }

    /// The number of folded alerts; 0 for a notification with its own message.
    var foldedAlerts: Int {
        if case .fold(let fold) = self { fold.digest.alerts } else { 0 }
    }

    /// How often Alertmanager has repeated a single notification; nil if unknown.
    var repeats: Int? {
        if case .single(let notification, _) = self { notification.value.repeats } else { nil }
    }

    var content: RenderBatch.Content {
        switch self {
        case .single(_, let payload): .single(payload)
        case .fold(let fold): .fold(fold.digest)
        }
    }
}

/// The result of a composition, with the data for log lines and metrics.
struct Manifest: Sendable {
    var parts = 0
    /// The number of trailing parts that are copies for a thread.
    var copies = 0
    /// The notifications in the messages, in order of acceptance.
    var entries: [DeliveryBatch.Entry] = []
    /// The parse errors of unreadable notifications.
    var unreadable: [EntryID: String] = [:]
    /// Firing notifications that are too old and already resolved.
    var expired: [EntryID] = []
    /// What the history keeps of `entries`, and of `expired`.
    var members = HistoryMembers()
    var expiredMembers = HistoryMembers()
    /// No longer in the journal.
    var gone: [EntryID] = []
    /// Replayed notifications whose firing alerts are all shown as resolved.
    var over: [EntryID] = []
    /// Whether an alert is shown as firing, or may be firing because Alertmanager left it out.
    var isFiring = false
    var foldedAlerts = 0
    /// The templates that could not be used.
    var faults: Set<RenderFault> = []
    /// The first distinct alert names.
    var names: [String] = []
    var hasMoreNames = false
    /// How many alerts name each channel that `channel_allow` does not have.
    var refusedChannels: [String: Int] = [:]
    /// The subjects of resolved groups, for follow-ups.
    var resolved: [EntryID: String] = [:]

    func event(of queue: QueueID) -> Event {
        .composed(
            queue, parts: parts, copies: copies, unreadable: Array(unreadable.keys), expired: expired + gone, over: over
        )
    }

    mutating func addExpired(_ notification: Journaled<Notification>, _ payload: Payload) {
        expired.append(EntryID(notification.id))
        expiredMembers.add(notification, payload)
    }

    private static let namesLimit = 5
    private static let resolvedLimit = 256

    mutating func add(_ notification: Journaled<Notification>, _ payload: Payload, _ target: any Target) {
        entries.append(DeliveryBatch.Entry(notification))
        members.add(notification, payload)
        isFiring = isFiring || payload.mayFire
        for alert in payload.alerts where !hasMoreNames {
            let name = alert.displayName
            if names.contains(name) { continue }
            if names.count < Self.namesLimit { names.append(name) } else { hasMoreNames = true }
        }
        guard payload.status == .resolved, resolved.count < Self.resolvedLimit else { return }
        resolved[EntryID(notification.id)] = target.subject(of: payload.alerts)
    }
}

extension HistoryMembers {
    fileprivate mutating func add(_ notification: Journaled<Notification>, _ payload: Payload) {
        let alerts = payload.alerts.prefix(HistoryEntry.maxAlerts).map { alert in
            HistoryEntry.Alert(
                name: alert.labels["alertname"] ?? "", fingerprint: alert.fingerprint,
                isFiring: alert.status == .firing)
        }
        let counted = payload.countedAlerts.values.reduce(0) { $0 + $1.total }
        add(
            id: notification.id, group: notification.value.group, acceptedAt: notification.value.acceptedAt,
            isFiring: payload.mayFire, alerts: alerts,
            omitted: payload.alerts.count - alerts.count + counted + payload.truncatedAlerts)
    }
}

extension Payload {
    /// Shows the firing alerts as resolved whose last state in the room was resolved. Returns whether there were such
    /// alerts and no alert is firing any more.
    mutating func resolve(by later: LaterStates) -> Bool {
        guard !later.isEmpty else { return false }
        var isChanged = false
        for (index, state) in zip(alerts.indices, later.states(of: alerts)) {
            guard alerts[index].status == .firing, case .resolved(let end) = state else { continue }
            alerts[index].status = .resolved
            alerts[index].endsAt = end
            isChanged = true
        }
        guard isChanged else { return false }
        notificationReason = nil
        guard firing.isEmpty, !countedAlerts.values.contains(where: { $0.firing > 0 }) else { return false }
        status = .resolved
        return truncatedAlerts == 0
    }
}

/// The alerts that a later notification in the backlog resolves.
///
/// An old firing alert that has been resolved is no news and would hide other alerts.
struct ResolutionScan {
    private struct Key: Hashable {
        var group: UInt64
        var fingerprint: String
    }

    /// The last notification that resolves the alert.
    private var last: [Key: JournalID] = [:]

    mutating func add(_ notification: Journaled<Notification>, _ payload: Payload) {
        for alert in payload.alerts where alert.status == .resolved && !alert.fingerprint.isEmpty {
            last[Key(group: notification.value.group, fingerprint: alert.fingerprint)] = notification.id
        }
    }

    /// Whether all alerts of the notification are firing and each is resolved by a later one.
    func outdates(_ notification: Journaled<Notification>, _ payload: Payload) -> Bool {
        payload.truncatedAlerts == 0 && !payload.alerts.isEmpty && payload.countedAlerts.isEmpty
            && payload.alerts.allSatisfy { alert in
                guard alert.status == .firing else { return false }
                let key = Key(group: notification.value.group, fingerprint: alert.fingerprint)
                return last[key].map { $0 > notification.id } ?? false
            }
    }
}
