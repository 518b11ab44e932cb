package import Alerts
import Support

/// The limits and options of rendering.
package struct RenderSettings: Sendable, Equatable {
    /// Rocket.Chat's `Message_MaxAllowedSize`, in UTF-16 units; the renderer stays a tenth below it.
    package var textLimit: Int
    /// A group with more alerts becomes several numbered messages.
    package var maxAlertsPerMessage: Int
    /// The last of these messages counts the alerts beyond them.
    var maxMessagesPerNotification: Int
    /// The limit of a request body. Less than 1 MiB, above which nginx responds with 413 by default.
    package var maxBodyBytes: Int
    /// The labels to show, in this order; all labels if empty.
    package var shownLabels: [String]
    /// Labels to hide. The defaults only identify one of several Prometheus servers.
    package var hiddenLabels: [String]
    /// The avatar as a short name, `:fire:`.
    package var emoji: String?
    /// The sender's name; nil uses that of the integration.
    package var alias: String?

    package init(
        textLimit: Int = 5_000, maxAlertsPerMessage: Int = 50, maxMessagesPerNotification: Int = 5,
        maxBodyBytes: Int = 900_000,
        shownLabels: [String] = [], hiddenLabels: [String] = ["prometheus", "prometheus_replica"],
        emoji: String? = nil, alias: String? = nil
    ) {
        expect(
            textLimit >= 100 && maxBodyBytes >= 4_096 && maxAlertsPerMessage >= 1, "the render limits are too small")
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

    /// The most UTF-16 units of a text: a tenth below the server's limit, and at most an eighth of the body.
    package var textBudget: Int { min(textLimit * 9 / 10, maxBodyBytes / 8) }

    /// Limits the number of parts. The last one counts the alerts of the omitted parts.
    ///
    /// - Parameters:
    ///   - parts: the rendered alerts in order.
    ///   - rest: renders the counts of the omitted alerts.
    package func capped<Shown>(
        _ parts: [[Shown]], of alerts: [Alert], rest: (_ left: ArraySlice<Alert>) -> Shown
    ) -> [[Shown]] {
        guard parts.count > maxMessagesPerNotification else { return parts }
        let shown = parts.prefix(maxMessagesPerNotification - 1)
        return shown + [[rest(alerts.dropFirst(shown.reduce(0) { $0 + $1.count }))]]
    }
}
