import Alerts
import Posting
import Support

/// Where alerts go, and whom their messages mention.
extension RelayConfiguration {
    /// The names of the receivers that have a queue.
    var queuedReceivers: [String] { receivers.filter { !$0.drops }.map(\.name) }

    /// Who is mentioned in messages of a severity, for a receiver or the severity's own room.
    func mentions(for severity: Severity, _ receiver: ReceiverConfiguration?) -> [String] {
        receiver?.mentions ?? mentions[severity] ?? []
    }

    /// How messages of a severity select their channel, for a receiver or the severity's own room.
    func channelRule(for severity: Severity, _ receiver: ReceiverConfiguration?) -> ChannelRule {
        let posting = receiver?.posting ?? posting
        return ChannelRule(
            channel: receiver == nil ? channels[severity] : receiver?.channel, label: posting.channelLabel,
            allowed: posting.channelAllow)
    }

    /// Where alerts of a severity go: to its own hook, else to the fallback, else to the nearest hook that is at least
    /// as urgent, else to the nearest below. An accepted alert always has a room.
    func hook(for severity: Severity) -> HookURL {
        guard let hook = rooms(for: severity).first.flatMap({ hooks[$0] }) else {
            bug("the configuration has no hook")
        }
        return hook
    }

    /// The severities that have a hook, in the order in which they are asked to carry this one's alerts.
    func rooms(for severity: Severity) -> [Severity] {
        Self.preference(for: severity).filter { hooks[$0] != nil }
    }

    /// The severity whose room gets this one's alerts if the `hooked` severities have hooks. Without any, its own.
    static func room(for severity: Severity, hooked: Set<Severity>) -> Severity {
        preference(for: severity).first(where: hooked.contains) ?? severity
    }

    private static func preference(for severity: Severity) -> [Severity] {
        switch severity {
        case .critical: [.critical, .fallback, .warning, .info]
        case .warning: [.warning, .fallback, .critical, .info]
        case .info: [.info, .fallback, .warning, .critical]
        case .fallback: [.fallback, .warning, .critical, .info]
        }
    }
}
