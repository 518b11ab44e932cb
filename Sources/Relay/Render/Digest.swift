/// What waits for one hook, gathered notification by notification, to become one message.
///
/// Bodies are not kept: an alert is a line here, and only those that came last are known in full. Beyond `entryLimit`
/// alerts only the counts go on; nothing is left out of them.
struct Digest: Sendable {
    /// What an alert has come to while it waited.
    enum State: Sendable, Equatable {
        case firing
        /// It began to fire and was resolved, both while it waited: the room never heard of it.
        case flapped
        case resolved
    }

    /// An alert of a group.
    struct Entry: Sendable {
        var name: String
        var thing: String?
        var state: State
        var startsAt: Timestamp?
        var endsAt: Timestamp?
        var group: Int
        /// The place in the order of the last news.
        var sequence: Int
        /// How often it was told of, once for each notification.
        var notifications = 1
        /// How often it has begun to fire and ended while it waited.
        var flaps = 0
    }

    /// An alert as it came, with the address of the Alertmanager that sent it.
    struct Detail: Sendable {
        var alert: Alert
        var externalURL: String
    }

    struct Key: Hashable, Sendable {
        var group: Int
        var fingerprint: String
    }

    /// How many of one name there are.
    struct Count: Sendable, Equatable {
        var firing = 0
        var flapped = 0
        var resolved = 0

        var total: Int { firing + flapped + resolved }
    }

    /// Alerts that are told apart; some 300 bytes each.
    private static let entryLimit = 20_000
    /// Alerts that are known in full, the newest.
    private static let detailLimit = 64

    let severity: Severity
    private(set) var settings: RenderSettings
    /// How many were added.
    private(set) var notifications = 0
    /// How many alerts they held, each time counted anew.
    private(set) var alerts = 0
    /// What Alertmanager itself had cut.
    private(set) var truncatedAlerts = 0
    private(set) var entries: [Key: Entry] = [:]
    /// By alert name: what came after `entryLimit` was reached.
    private(set) var overflow: [String: Count] = [:]
    private(set) var details: [Key: Detail] = [:]
    private(set) var externalURL = ""
    private var detailOrder: [Key] = []
    private var groups: [String: Int] = [:]

    init(settings: RenderSettings, severity: Severity) {
        self.settings = settings
        self.severity = severity
    }

    var groupCount: Int { groups.count }

    /// The same for a room with other limits.
    func limited(by settings: RenderSettings) -> Digest {
        var digest = self
        digest.settings = settings
        return digest
    }

    /// Adds a notification; they come in the order of their acceptance.
    mutating func add(_ payload: Payload) {
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
        thing = alert.labels.visible("alertname") == nil ? nil : AlertPlace(of: [alert]).things.first
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
    mutating func add(_ state: Digest.State) {
        switch state {
        case .firing: firing += 1
        case .flapped: flapped += 1
        case .resolved: resolved += 1
        }
    }

    static func + (left: Self, right: Self) -> Self {
        Self(
            firing: left.firing + right.firing, flapped: left.flapped + right.flapped,
            resolved: left.resolved + right.resolved)
    }
}

extension Array where Element: Hashable {
    /// Each value once, in the order of first appearance.
    var distinct: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
