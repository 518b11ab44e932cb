package import Alerts

/// The waiting notifications of one destination, folded into one message.
///
/// A digest keeps one entry for each alert, and only the latest alerts in full. Beyond `entryLimit` alerts it only
/// counts; the counts are always complete.
package struct Digest: Sendable {
    /// The state of an alert after all waiting notifications.
    package enum State: Sendable, Equatable {
        case firing
        /// The alert started to fire and was resolved while it waited, so the room never showed it.
        case flapped
        case resolved
    }

    /// An alert of a group.
    package struct Entry: Sendable {
        package var name: String
        package var target: String?
        package var state: State
        package var startsAt: Timestamp?
        package var endsAt: Timestamp?
        package var group: Int
        /// The position of the latest notification in the order of acceptance.
        package var sequence: Int
        /// How many notifications held the alert.
        package var notifications = 1
        /// How often the alert started to fire and was resolved while it waited.
        package var flaps = 0

        package init(
            name: String, target: String? = nil, state: State, startsAt: Timestamp? = nil, endsAt: Timestamp? = nil,
            group: Int, sequence: Int, notifications: Int = 1, flaps: Int = 0
        ) {
            self.name = name
            self.target = target
            self.state = state
            self.startsAt = startsAt
            self.endsAt = endsAt
            self.group = group
            self.sequence = sequence
            self.notifications = notifications
            self.flaps = flaps
        }
    }

    /// An alert in full, with the address of the Alertmanager that sent it.
    package struct Detail: Sendable {
        package var alert: Alert
        package var externalURL: String
    }

    package struct Key: Hashable, Sendable {
        package var group: Int
        package var fingerprint: String
    }

    /// The number of alerts with one name.
    package struct Count: Sendable, Equatable {
        package var firing = 0
        package var flapped = 0
        package var resolved = 0

        package init(firing: Int = 0, flapped: Int = 0, resolved: Int = 0) {
            self.firing = firing
            self.flapped = flapped
            self.resolved = resolved
        }

        package var total: Int { firing + flapped + resolved }
    }

    /// The most entries; some 300 bytes each.
    private static let entryLimit = 20_000
    /// The most alerts that are kept in full.
    private static let detailLimit = 64

    package let severity: Severity
    /// How many notifications were added.
    package private(set) var notifications = 0
    /// The number of alerts in all notifications; repeated alerts count each time.
    package private(set) var alerts = 0
    /// The number of alerts that Alertmanager cut (`max_alerts`).
    package private(set) var truncatedAlerts = 0
    package private(set) var entries: [Key: Entry] = [:]
    /// By alert name: the alerts beyond `entryLimit`.
    package private(set) var overflow: [String: Count] = [:]
    package private(set) var details: [Key: Detail] = [:]
    package private(set) var externalURL = ""
    private var detailOrder: [Key] = []
    private var groups: [String: Int] = [:]

    package init(severity: Severity) {
        self.severity = severity
    }

    package var groupCount: Int { groups.count }

    /// Adds a notification. Must be called in the order of acceptance.
    package mutating func add(_ payload: Payload) {
        notifications += 1
        let (sum, isTooLarge) = truncatedAlerts.addingReportingOverflow(payload.truncatedAlerts)
        truncatedAlerts = isTooLarge ? .max : sum
        if !payload.externalURL.isEmpty { externalURL = payload.externalURL }
        let name = "\(payload.receiver)\0\(payload.groupKey)"
        let group = groups[name] ?? groups.count
        groups[name] = group
        for alert in payload.alerts { add(alert, group, payload.externalURL) }
    }

    private mutating func add(_ alert: Alert, _ group: Int, _ externalURL: String) {
        alerts += 1
        let key = Key(group: group, fingerprint: alert.fingerprint)
        if entries[key] != nil {
            entries[key]?.update(alert, sequence: alerts)
        } else if entries.count < Self.entryLimit {
            entries[key] = Entry(alert, group: group, sequence: alerts)
        } else {
            return overflow[alert.displayName, default: Count()].add(alert.status == .firing ? .firing : .resolved)
        }
        keep(Detail(alert: alert, externalURL: externalURL), of: key)
    }

    private mutating func keep(_ detail: Detail, of key: Key) {
        if details.updateValue(detail, forKey: key) == nil { detailOrder.append(key) }
        guard detailOrder.count > Self.detailLimit else { return }
        details[detailOrder.removeFirst()] = nil
    }

    /// The number of alerts by name, for all entries or some of them; alerts without an entry are always included.
    package func counts(where isCounted: (Key) -> Bool = { _ in true }) -> [String: Count] {
        var counts = overflow
        for (key, entry) in entries where isCounted(key) { counts[entry.name, default: Count()].add(entry.state) }
        return counts
    }
}

extension Digest.Entry {
    fileprivate init(_ alert: Alert, group: Int, sequence: Int) {
        name = alert.displayName
        target = alert.labels.visible("alertname") == nil ? nil : AlertLocation(of: [alert]).targets.first
        state = alert.status == .firing ? .firing : .resolved
        startsAt = alert.startsAt
        endsAt = alert.endsAt
        self.group = group
        self.sequence = sequence
    }

    /// Applies the alert's state in a later notification.
    fileprivate mutating func update(_ alert: Alert, sequence: Int) {
        switch (state, alert.status) {
        case (.firing, .resolved):
            state = .flapped
            flaps += 1
        case (.flapped, .firing), (.resolved, .firing): state = .firing
        case (.firing, .firing), (.flapped, .resolved), (.resolved, .resolved): break
        }
        startsAt = alert.startsAt ?? startsAt
        endsAt = alert.endsAt
        notifications += 1
        self.sequence = sequence
    }
}

extension Digest.Count {
    package mutating func add(_ state: Digest.State) {
        switch state {
        case .firing: firing += 1
        case .flapped: flapped += 1
        case .resolved: resolved += 1
        }
    }

    package static func + (left: Self, right: Self) -> Self {
        Self(
            firing: left.firing + right.firing, flapped: left.flapped + right.flapped,
            resolved: left.resolved + right.resolved)
    }
}
