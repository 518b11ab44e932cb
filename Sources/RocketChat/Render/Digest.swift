package import Alerts

/// What waits for one hook, gathered notification by notification, to become one message.
///
/// Bodies are not kept: an alert is a line here, and only those that came last are known in full. Beyond `entryLimit`
/// alerts only the counts go on; nothing is left out of them.
package struct Digest: Sendable {
    /// What an alert has come to while it waited.
    package enum State: Sendable, Equatable {
        case firing
        /// It began to fire and was resolved, both while it waited: the room never heard of it.
        case flapped
        case resolved
    }

    /// An alert of a group.
    package struct Entry: Sendable {
        package var name: String
        var target: String?
        package var state: State
        package var startsAt: Timestamp?
        package var endsAt: Timestamp?
        package var group: Int
        /// The place in the order of the last news.
        package var sequence: Int
        /// How often it was told of, once for each notification.
        package var notifications = 1
        /// How often it has begun to fire and ended while it waited.
        var flaps = 0

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

    /// An alert as it came, with the address of the Alertmanager that sent it.
    package struct Detail: Sendable {
        var alert: Alert
        var externalURL: String
    }

    package struct Key: Hashable, Sendable {
        package var group: Int
        package var fingerprint: String
    }

    /// How many of one name there are.
    package struct Count: Sendable, Equatable {
        package var firing = 0
        var flapped = 0
        package var resolved = 0

        package var total: Int { firing + flapped + resolved }
    }

    /// Alerts that are told apart; some 300 bytes each.
    private static let entryLimit = 20_000
    /// Alerts that are known in full, the newest.
    private static let detailLimit = 64

    package let severity: Severity
    package private(set) var settings: RenderSettings
    /// How many were added.
    package private(set) var notifications = 0
    /// How many alerts they held, each time counted anew.
    package private(set) var alerts = 0
    /// What Alertmanager itself had cut.
    package private(set) var truncatedAlerts = 0
    package private(set) var entries: [Key: Entry] = [:]
    /// By alert name: what came after `entryLimit` was reached.
    package private(set) var overflow: [String: Count] = [:]
    package private(set) var details: [Key: Detail] = [:]
    package private(set) var externalURL = ""
    private var detailOrder: [Key] = []
    private var groups: [String: Int] = [:]

    package init(settings: RenderSettings, severity: Severity) {
        self.settings = settings
        self.severity = severity
    }

    var groupCount: Int { groups.count }

    /// The same for a room with other limits.
    package func limited(by settings: RenderSettings) -> Digest {
        var digest = self
        digest.settings = settings
        return digest
    }

    /// Adds a notification; they come in the order of their acceptance.
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
            entries[key]?.take(alert, sequence: alerts)
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

    /// A later notification tells of the same alert.
    fileprivate mutating func take(_ alert: Alert, sequence: Int) {
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
