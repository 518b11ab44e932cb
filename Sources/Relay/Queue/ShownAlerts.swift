import Alerts
import DeliveryCore

/// The alerts that rooms were shown as firing, so that only news mentions people. In memory, with fixed capacities.
struct ShownAlerts: Sendable {
    private struct AlertKey: Hashable {
        var hook: HookID
        var group: UInt64
        var fingerprint: String
        /// An alert that fires again has another start.
        var start: Timestamp?
    }

    private struct GroupKey: Hashable {
        var hook: HookID
        var group: UInt64
    }

    /// Whether the alert was firing when it was shown last.
    private var alerts = GenerationalCache<AlertKey, Bool>(capacity: 16_384)
    /// How many alerts of the group were firing when it was shown last.
    private var groups = GenerationalCache<GroupKey, Int>(capacity: 4_096)

    /// What a message would show, and whether that is news to a room.
    struct News: Sendable {
        private struct Change {
            var key: AlertKey
            var isFiring: Bool
        }

        private var changes: [Change] = []
        private var firing: [GroupKey: Int] = [:]
        /// The groups with news, each with the fingerprints of the alerts that are new and still firing. The empty
        /// fingerprint is for alerts that were only counted.
        private var new: [GroupKey: Set<String>] = [:]

        /// An alert fires that the room was not shown as firing.
        var isNew: Bool { !new.isEmpty }

        /// Adds a notification for a room. Must be called in the order of acceptance.
        mutating func add(
            _ payload: Payload, of group: UInt64, repeats: Int?, laterStates: LaterStates = LaterStates(),
            in hook: HookID, since shown: ShownAlerts
        ) {
            let key = GroupKey(hook: hook, group: group)
            let counted = payload.countedAlerts.values.reduce(0) { $0 + $1.firing }
            let total = payload.firing.count + counted
            let before = firing[key] ?? shown.groups[key]
            firing[key] = total
            let mayBeNew = !payload.isRepeat && (repeats ?? 0) == 0
            // Without memory of the group, Alertmanager's reason decides.
            let isKnown = before != nil
            let saysNew = isKnown || payload.notificationReason?.lowercased().contains("resolved") != true
            for (alert, later) in zip(payload.alerts, laterStates.states(of: payload.alerts)) {
                let alertKey = AlertKey(
                    hook: hook, group: group, fingerprint: alert.fingerprint, start: alert.startsAt)
                changes.append(Change(key: alertKey, isFiring: alert.status == .firing))
                guard alert.status == .firing else {
                    new[key]?.remove(alert.fingerprint)
                    continue
                }
                guard mayBeNew, saysNew, later != .firing, counted == 0 || !isKnown else { continue }
                if shown.alerts[alertKey] != true { new[key, default: []].insert(alert.fingerprint) }
            }
            // Of a large group another part is decoded each time, so that only its number tells.
            if counted > 0, mayBeNew, saysNew, total > before ?? 0 { new[key, default: []].insert("") }
            if total == 0 || new[key]?.isEmpty == true { new[key] = nil }
        }

        fileprivate func record(in shown: inout ShownAlerts) {
            for change in changes { shown.alerts.remember(change.key, change.isFiring) }
            for (key, count) in firing { shown.groups.remember(key, count) }
        }
    }

    /// Called when the room has accepted the message.
    mutating func record(_ news: News) { news.record(in: &self) }
}
