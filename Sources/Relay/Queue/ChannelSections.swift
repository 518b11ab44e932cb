import Alerts
import DeliveryCore
import Posting

/// What one composition posts: a message for each channel.
struct ChannelSections {
    /// The alerts for one channel.
    struct Section {
        /// Nil for the hook's own room.
        var channel: String?
        var content: RenderBatch.Content
        var news = ShownAlerts.News()
    }

    /// Alerts for more channels share the message for the default one.
    static let limit = 32

    private let rule: ChannelRule
    private let severity: Severity
    /// Whether the composition has several notifications.
    private let isFold: Bool
    private let tracksNews: Bool
    /// In the order of first appearance.
    private(set) var sections: [Section] = []
    /// How many alerts name each channel that the rule does not allow.
    private(set) var refused: [String: Int] = [:]

    /// - Parameters:
    ///   - isFold: whether there will be several notifications.
    ///   - tracksNews: whether `news` of the sections is needed.
    init(_ rule: ChannelRule, severity: Severity, isFold: Bool, tracksNews: Bool) {
        (self.rule, self.severity, self.isFold, self.tracksNews) = (rule, severity, isFold, tracksNews)
    }

    init(_ composition: Composition, _ settings: QueueSettings, _ destination: Destination) {
        // Another room's integration may not allow the channel.
        let rule = composition.marks.contains(.rerouted) ? ChannelRule() : settings.channels
        self.init(
            rule, severity: destination.severity, isFold: composition.ids.count > 1,
            tracksNews: !settings.mentions.isEmpty)
    }

    /// Adds a notification. Must be called in the order of acceptance.
    mutating func add(
        _ notification: Notification, _ payload: Payload, at hook: HookID, since shown: ShownAlerts
    ) {
        for (channel, part) in parts(of: payload) {
            let index = section(for: channel)
            if tracksNews {
                sections[index].news.add(
                    part, of: notification.group, repeats: notification.repeats,
                    laterStates: notification.laterStates, in: hook, since: shown)
            }
            // With one channel for all, the content is that of the composition.
            if rule.label != nil { add(part, to: index) }
        }
    }

    private mutating func add(_ part: Payload, to index: Int) {
        guard case .fold(var digest) = sections[index].content else {
            sections[index].content = .single(part)
            return
        }
        // Without a second reference, so that the digest is not copied.
        sections[index].content = .fold(Digest(severity: severity))
        digest.add(part)
        sections[index].content = .fold(digest)
    }

    private mutating func section(for channel: String?) -> Int {
        if let index = sections.firstIndex(where: { $0.channel == channel }) { return index }
        let others = sections.count { $0.channel != rule.channel }
        if channel != rule.channel, others >= Self.limit { return section(for: rule.channel) }
        let content = isFold ? RenderBatch.Content.fold(Digest(severity: severity)) : .single(Payload.none)
        sections.append(Section(channel: channel, content: content))
        return sections.count - 1
    }

    /// The payload split by channel. Alerts that are only counted go with the others if all of these have one channel.
    private mutating func parts(of payload: Payload) -> [(channel: String?, payload: Payload)] {
        guard let label = rule.label else { return [(rule.channel, payload)] }
        var order: [String?] = []
        var members: [String?: [Alert]] = [:]
        for alert in payload.alerts {
            var channel = channel(of: alert, label)
            if members[channel] == nil, order.count >= Self.limit { channel = rule.channel }
            if members[channel] == nil { order.append(channel) }
            members[channel, default: []].append(alert)
        }
        if order.count < 2 { return [(order.first ?? rule.channel, payload)] }
        var rest = payload.countedAlerts
        if !rest.isEmpty, members[rule.channel] == nil { order.append(rule.channel) }
        return order.enumerated().map { index, channel in
            var part = payload
            part.alerts = members[channel] ?? []
            part.countedAlerts = channel == rule.channel ? rest : [:]
            if channel == rule.channel { rest = [:] }
            // Each message would count them again.
            if index > 0 { part.truncatedAlerts = 0 }
            let isFiring = !part.firing.isEmpty || part.countedAlerts.values.contains { $0.firing > 0 }
            part.status = isFiring ? .firing : .resolved
            return (channel, part)
        }
    }

    private mutating func channel(of alert: Alert, _ label: String) -> String? {
        switch rule.choice(for: alert.labels[label]) {
        case .none: return rule.channel
        case .channel(let channel): return channel
        case .refused(let value):
            if refused.count < Self.limit || refused[value] != nil { refused[value, default: 0] += 1 }
            return rule.channel
        }
    }
}

extension Payload {
    fileprivate static let none = Payload(
        receiver: "", status: .resolved, groupKey: "", truncatedAlerts: 0, groupLabels: [:], commonLabels: [:],
        commonAnnotations: [:], externalURL: "", alerts: [])
}
