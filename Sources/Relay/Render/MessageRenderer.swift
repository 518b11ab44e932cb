/// Turns the alerts of one severity into Rocket.Chat messages: usually one, several numbered ones when there are too
/// many alerts or too many bytes. Pure: the same input gives the same messages.
struct MessageRenderer: Sendable {
    let settings: RenderSettings

    init(settings: RenderSettings) {
        self.settings = settings
    }

    /// The messages in the order in which to post them, never none; firing alerts before resolved ones, else in the
    /// payload's order, each in exactly one message or counted in the last one.
    func render(
        _ payload: Payload, severity: Severity, now: Timestamp, marks: MessageMarks = MessageMarks()
    ) -> [Message] {
        let alerts = payload.firing + payload.resolved
        let labels = LabelTable(alerts: alerts, severity: severity, settings: settings)
        let headline = Headline(
            payload: payload, severity: severity, labels: labels, marks: marks, now: now, limit: settings.textBudget)
        let blocks = AttachmentRenderer(
            severity: severity, labels: labels, externalURL: payload.externalURL, now: now)
        let room = settings.maxBodyBytes - frameSize(headline)
        let limits = AttachmentLimits(text: settings.textBudget)
        let parts = alerts.map { blocks.render($0, limits: limits, size: room) }
            .packed(room: room, most: settings.maxAlertsPerMessage, size: \.jsonSize)
        let capped = settings.capped(parts, of: alerts) { left in
            DigestText.rest(
                left.count, DigestText.counts(of: left), externalURL: payload.externalURL, limit: settings.textBudget)
        }
        return headline.messages(capped, empty: [], message)
    }

    /// The same as text alone.
    func renderPlain(
        _ payload: Payload, severity: Severity, now: Timestamp, marks: MessageMarks = MessageMarks()
    ) -> [Message] {
        PlainMessages(payload: payload, severity: severity, settings: settings, marks: marks, now: now).render()
    }

    private func message(_ text: String, _ attachments: [Message.Attachment]) -> Message {
        Message(text: text, attachments: attachments, emoji: settings.emoji, alias: settings.alias)
    }

    /// The bytes of a message before its first attachment, with the longest part number and the keys around.
    private func frameSize(_ headline: Headline) -> Int {
        message(headline.text(part: .init(number: 1, count: 99_999)), []).json().count + 64
    }

}
