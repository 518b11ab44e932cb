package import Alerts

/// The alerts of one message: those of one notification, or of several that are folded.
///
/// A digest keeps one entry for each alert, and some alerts in full: the worst and newest of each name first. Beyond
/// `entryLimit` alerts it only counts; the counts are always complete.
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
        /// Labels that may distinguish the alert from others of its name.
        package var labels: [Labels.Pair] = []
        package var state: State
        package var startsAt: Timestamp?
        package var endsAt: Timestamp?
        package var group: Int
        /// The number of the latest notification with the alert, in the order of acceptance.
        package var sequence: Int
        /// The position among the alerts in the order in which the digest first saw them.
        package var position = 0
        /// How many notifications held the alert.
        package var notifications = 1
        /// How often the alert started to fire and was resolved while it waited.
        package var flaps = 0

        package init(
            name: String, target: String? = nil, state: State, startsAt: Timestamp? = nil, endsAt: Timestamp? = nil,
            group: Int, sequence: Int, position: Int = 0, notifications: Int = 1, flaps: Int = 0
        ) {
            self.name = name
            self.target = target
            self.state = state
            self.startsAt = startsAt
            self.endsAt = endsAt
            self.group = group
            self.sequence = sequence
            self.position = position
            self.notifications = notifications
            self.flaps = flaps
        }
    }

    /// An alert in full, with the address of the Alertmanager that sent it.
    package struct Detail: Sendable {
        package var alert: Alert
        package var externalURL: String
    }

    /// The identity of an alert: its group and its labels. Not the fingerprint, which not all senders set.
    package struct Key: Hashable, Sendable {
        var group: Int
        var labels: Int

        init(_ alert: Alert, group: Int) {
            self.group = group
            var hasher = Hasher()
            hasher.combine(alert.labels.identity)
            for pair in alert.labels.pairs {
                hasher.combine(pair.name)
                hasher.combine(pair.value)
            }
            labels = hasher.finalize()
        }
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
    /// The most alerts that are kept in full. More are dropped at once, when there are twice as many.
    private static let detailLimit = 64

    package let severity: Severity
    /// How many notifications were added.
    package private(set) var notifications = 0
    /// The number of alerts in all notifications; repeated alerts count each time.
    package private(set) var alerts = 0
    /// The number of alerts that Alertmanager cut (`max_alerts`).
    package private(set) var truncatedAlerts = 0
    package private(set) var entries: [Key: Entry] = [:]
    /// By alert name: the alerts beyond `entryLimit`, and those that were not decoded.
    package private(set) var overflow: [String: Count] = [:]
    package private(set) var details: [Key: Detail] = [:]
    package private(set) var externalURL = ""
    /// `externalURL` is that of Grafana.
    package private(set) var isGrafana = false
    package private(set) var envelope = DigestEnvelope()
    /// The labels with the same value in all alerts; empty if some alerts are only counted.
    package var commonLabels: [Labels.Pair] { overflow.isEmpty ? sharedLabels : [] }
    /// The summary of all alerts, if they have the same and none is only counted.
    package var commonSummary: String? { overflow.isEmpty ? sharedSummary : nil }
    /// The same for the alerts that were added in full.
    private var sharedLabels: [Labels.Pair] = []
    private var sharedSummary: String?
    /// Whether Alertmanager only repeats what the room knows.
    package private(set) var isRepeat = true
    private var groups: [String: Int] = [:]

    package init(severity: Severity) {
        self.severity = severity
    }

    package var groupCount: Int { groups.count }

    /// Adds a notification. Must be called in the order of acceptance.
    package mutating func add(_ payload: Payload) {
        envelope.add(payload, isFirst: notifications == 0)
        notifications += 1
        let (sum, isTooLarge) = truncatedAlerts.addingReportingOverflow(payload.truncatedAlerts)
        truncatedAlerts = isTooLarge ? .max : sum
        if !payload.externalURL.isEmpty { (externalURL, isGrafana) = (payload.externalURL, payload.isGrafana) }
        isRepeat = isRepeat && payload.isRepeat
        let name = "\(payload.receiver)\0\(payload.groupKey)"
        let group = groups[name] ?? groups.count
        groups[name] = group
        for alert in payload.alerts { add(alert, group, payload.externalURL) }
        for (name, count) in payload.countedAlerts {
            alerts += count.total
            overflow[name, default: Count()] =
                overflow[name, default: Count()]
                + Count(firing: count.firing, resolved: count.resolved)
        }
    }

    private mutating func add(_ alert: Alert, _ group: Int, _ externalURL: String) {
        addToCommon(alert)
        alerts += 1
        let key = Key(alert, group: group)
        if entries[key] != nil {
            entries[key]?.update(alert, sequence: notifications)
        } else if entries.count < Self.entryLimit {
            entries[key] = Entry(alert, group: group, sequence: notifications, position: entries.count)
        } else {
            return overflow[alert.displayName, default: Count()].add(alert.status == .firing ? .firing : .resolved)
        }
        details[key] = Detail(alert: alert, externalURL: externalURL)
        if details.count >= 2 * Self.detailLimit { dropDetails() }
    }

    private mutating func addToCommon(_ alert: Alert) {
        guard alerts > 0 else {
            sharedLabels = alert.labels.pairs
            sharedSummary = alert.summary
            return
        }
        if !sharedLabels.isEmpty { sharedLabels.removeAll { alert.labels[$0.name] != $0.value } }
        if sharedSummary != nil, sharedSummary != alert.summary { sharedSummary = nil }
    }

    /// Keeps the first detail of each name, then the first others.
    private mutating func dropDetails() {
        let ranked = ranked(details.keys)
        var names: Set<String> = []
        let first = ranked.filter { names.insert($0.entry.name).inserted }
        let leading = Set(first.map(\.key))
        let others = ranked.filter { !leading.contains($0.key) }
        let kept = Set((first + others).prefix(Self.detailLimit).map(\.key))
        details = details.filter { kept.contains($0.key) }
    }

    /// The entries of some keys: firing ones first, then the newest.
    package func ranked(_ keys: some Sequence<Key>) -> [(key: Key, entry: Entry)] {
        keys.compactMap { key in entries[key].map { (key: key, entry: $0) } }
            .map { (order: $0.entry.order, ranked: $0) }
            .sorted { $0.order < $1.order }.map(\.ranked)
    }

    /// The number of alerts by name, for all entries or some of them; alerts without an entry are always included.
    package func counts(where isCounted: (Key) -> Bool = { _ in true }) -> [String: Count] {
        var counts = overflow
        for (key, entry) in entries where isCounted(key) { counts[entry.name, default: Count()].add(entry.state) }
        return counts
    }
}

extension Digest.Entry {
    fileprivate init(_ alert: Alert, group: Int, sequence: Int, position: Int) {
        name = alert.displayName
        target = alert.target
        let (target, ignored) = (target, ["alertname", "severity"])
        let pairs = alert.labels.pairs.lazy.filter { pair in
            pair.value != target && !ignored.contains(pair.name) && pair.value.utf8.count <= 100
        }
        labels = Array(pairs.prefix(Self.labelLimit))
        state = alert.status == .firing ? .firing : .resolved
        startsAt = alert.startsAt
        endsAt = alert.endsAt
        self.group = group
        self.sequence = sequence
        self.position = position
    }

    private static let labelLimit = 12

    /// The order of importance: the worst state first, then the latest notification, then the latest start.
    fileprivate var order: (Int, Int, Int64, Int) {
        let rank =
            switch state {
            case .firing: 0
            case .flapped: 1
            case .resolved: 2
            }
        return (rank, -sequence, -(startsAt?.validated?.seconds ?? 0), position)
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
