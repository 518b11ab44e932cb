import Logging
import Posting

/// Log lines and metrics of mentions and channels that messages were posted without.
struct RefusalLog {
    let metrics: Metrics
    let logger: Logger

    /// Called when the message will be posted without what the server refused.
    ///
    /// - Parameter receiver: empty for the room of a severity.
    func note(
        _ refused: PostReport.Refused, _ severity: String, _ receiver: String, room: String, detail: String
    ) {
        switch refused {
        case .mentions(let names):
            metrics.mentionsRefused[severity, receiver].increment()
            warn(
                "room refuses the mentions, posting without them", severity, receiver,
                [
                    "room": room, "mentions": names.joined(separator: " "), "detail": detail,
                    "advice": "give the role of the integration's user the permissions mention-all and mention-here",
                ])
        case .channel(let channel):
            metrics.channelsRefused[severity, "server", receiver].increment()
            warn(
                "channel refused, posting to the hook's own room", severity, receiver,
                ["room": room, "channel": channel, "detail": detail])
        }
    }

    /// Called when alerts were posted whose label names a channel that the settings do not allow.
    ///
    /// - Parameter channels: how many alerts name each of them.
    func note(_ channels: [String: Int], _ severity: String, _ receiver: String) {
        for (channel, alerts) in channels.sorted(by: { $0.key < $1.key }) {
            metrics.channelsRefused[severity, "notAllowed", receiver].increment(by: alerts)
            warn(
                "channel is not allowed, posted to the hook's own room", severity, receiver,
                ["channel": String(channel.prefix(100)), "alerts": "\(alerts)"])
        }
    }

    private func warn(_ message: Logger.Message, _ severity: String, _ receiver: String, _ keys: [String: String]) {
        var keys = keys
        keys["severity"] = severity
        if !receiver.isEmpty { keys["receiver"] = receiver }
        logger.log(level: .warning, message, metadata: keys.mapValues { "\($0)" })
    }
}
