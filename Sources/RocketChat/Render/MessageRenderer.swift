package import Alerts
package import Posting

/// Renders the alerts of one severity as Rocket.Chat messages: usually one, several numbered ones if there are too many
/// alerts or bytes. The same input gives the same messages.
package struct MessageRenderer: Sendable {
    package let settings: RenderSettings

    package init(settings: RenderSettings) {
        self.settings = settings
    }

    /// The messages in the order in which to post them, at least one. Firing alerts precede resolved ones, otherwise the
    /// payload's order applies. Each alert is in exactly one message or counted in the last one.
    package func render(
        _ payload: Payload, severity: Severity, now: Timestamp, banner: MessageBanner = MessageBanner()
    ) -> [Message] {
        let alerts = payload.firing + payload.resolved
        let labels = LabelTable(alerts: alerts, severity: severity, settings: settings)
        let headline = Headline(
            payload: payload, severity: severity, labels: labels, banner: banner, now: now, limit: settings.textBudget)
        let blocks = AttachmentRenderer(
            severity: severity, labels: labels, externalURL: payload.externalURL, now: now)
        let capacity = settings.maxBodyBytes - frameSize(headline)
        let limits = AttachmentLimits(text: settings.textBudget)
        let parts = alerts.map { blocks.render($0, limits: limits, size: capacity) }
            .packed(capacity: capacity, most: settings.maxAlertsPerMessage, size: \.jsonSize)
        let capped = settings.capped(parts, of: alerts) { left in
            DigestText.rest(
                left.count, DigestText.counts(of: left), externalURL: payload.externalURL, limit: settings.textBudget)
        }
        return headline.messages(capped, empty: [], message)
    }

    /// The same without attachments.
    package func renderPlain(
        _ payload: Payload, severity: Severity, now: Timestamp, banner: MessageBanner = MessageBanner()
    ) -> [Message] {
        PlainMessages(payload: payload, severity: severity, settings: settings, banner: banner, now: now).render()
    }

    private func message(_ text: String, _ attachments: [Message.Attachment]) -> Message {
        Message(text: text, attachments: attachments, emoji: settings.emoji, alias: settings.alias)
    }

    /// The bytes of a message without attachments, with the longest part number.
    private func frameSize(_ headline: Headline) -> Int {
        message(headline.text(part: .init(number: 1, count: 99_999)), []).json().count + 64
    }

}

/// Renders a notification without attachments, for a room that refuses the full message.
struct PlainMessages {
    let payload: Payload
    let severity: Severity
    let settings: RenderSettings
    let banner: MessageBanner
    let now: Timestamp

    /// The most UTF-16 units of one alert.
    private static let alertLimit = 1_200

    func render() -> [Message] {
        let alerts = payload.firing + payload.resolved
        let labels = LabelTable(alerts: alerts, severity: severity, settings: settings)
        let headline = Headline(
            payload: payload, severity: severity, labels: labels, banner: banner, now: now,
            limit: settings.textBudget / 2
        )
        let parts = alerts.map { paragraph($0, labels) }.packed(capacity: capacity - 1) { $0.utf16.count + 1 }
        let capped = settings.capped(parts, of: alerts) { left in
            let kinds = DigestText.list(DigestText.counts(of: left), Escape.text, limit: capacity - 80)
            return "\(DigestText.restTitle(left.count)): \(kinds)"
        }
        return headline.messages(capped, empty: []) { text, paragraphs in
            Message(text: ([text] + paragraphs).joined(separator: "\n"))
        }
    }

    /// The UTF-16 units for alerts; the headline has the other half.
    private var capacity: Int { settings.textBudget - settings.textBudget / 2 }

    /// `HighCPUUsage on web-1:9100, firing since …: CPU above 90 % (job = node)`, on one line.
    private func paragraph(_ alert: Alert, _ labels: LabelTable) -> String {
        let limit = min(Self.alertLimit, capacity - 2)
        var text = Escape.text(alert.displayName, limit: limit / 4).string
        text += AlertLocation(of: [alert]).phrase { Escape.text($0, limit: limit / 12).string }
        text += ". " + alert.history(now: now)
        var pieces: [String] = []
        if let summary = alert.summary { pieces.append(Escape.text(summary, limit: limit / 4).string) }
        pieces += labels.own(of: alert).map {
            Escape.text($0.name, limit: 60).string + " = " + Escape.text($0.value, limit: 120).string
        }
        for piece in pieces where text.utf16.count + piece.utf16.count + 3 <= limit { text += " - " + piece }
        return text
    }
}
