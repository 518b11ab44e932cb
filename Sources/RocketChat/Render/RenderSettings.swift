package import Alerts

/// What of the rendering an operator can choose.
package struct RenderSettings: Sendable, Equatable {
    /// Rocket.Chat's `Message_MaxAllowedSize`, in UTF-16 units; the renderer stays a tenth below it.
    package var textLimit: Int
    /// A group of more alerts becomes several numbered messages.
    package var maxAlertsPerMessage: Int
    /// What a larger group has beyond so many messages is counted in the last of them.
    var maxMessagesPerNotification: Int
    /// The JSON body's limit; below 1 MiB, where nginx answers 413 by default.
    package var maxBodyBytes: Int
    /// The labels to show, in this order; all labels when empty.
    package var shownLabels: [String]
    /// Labels that only say which of several Prometheus servers saw the alert.
    package var hiddenLabels: [String]
    /// The avatar as a short name, `:fire:`.
    package var emoji: String?
    /// The name that messages are shown under; the hook's own when nil.
    package var alias: String?

    package init(
        textLimit: Int = 5_000, maxAlertsPerMessage: Int = 50, maxMessagesPerNotification: Int = 5,
        maxBodyBytes: Int = 900_000,
        shownLabels: [String] = [], hiddenLabels: [String] = ["prometheus", "prometheus_replica"],
        emoji: String? = nil, alias: String? = nil
    ) {
        precondition(
            textLimit >= 100 && maxBodyBytes >= 4_096 && maxAlertsPerMessage >= 1, "limits too small to render")
        // No text comes near it, and nine tenths of it do not overflow.
        self.textLimit = min(textLimit, 1 << 30)
        self.maxAlertsPerMessage = maxAlertsPerMessage
        self.maxMessagesPerNotification = max(2, maxMessagesPerNotification)
        self.maxBodyBytes = maxBodyBytes
        self.shownLabels = shownLabels
        self.hiddenLabels = hiddenLabels
        self.emoji = emoji
        self.alias = alias
    }

    /// UTF-16 units a text may have: a tenth below the server's limit, and small beside the body.
    package var textBudget: Int { min(textLimit * 9 / 10, maxBodyBytes / 8) }

    /// No more parts than a room can bear: what they leave out, the last of them counts.
    ///
    /// - Parameters:
    ///   - parts: the alerts in their order, each in whatever it is shown as.
    ///   - rest: makes what is shown for those that are left.
    package func capped<Shown>(
        _ parts: [[Shown]], of alerts: [Alert], rest: (_ left: ArraySlice<Alert>) -> Shown
    ) -> [[Shown]] {
        guard parts.count > maxMessagesPerNotification else { return parts }
        let shown = parts.prefix(maxMessagesPerNotification - 1)
        return shown + [[rest(alerts.dropFirst(shown.reduce(0) { $0 + $1.count }))]]
    }
}
