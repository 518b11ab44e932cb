/// A notification on its way out: its messages that are not yet posted, and how the current one fares.
struct OutboundDelivery {
    let notification: Journaled<Notification>
    private let payload: Payload
    private let renderer: MessageRenderer
    private var parts: [[UInt8]]
    private(set) var progress: DeliveryProgress
    private let policy: RetryPolicy

    init(
        _ notification: Journaled<Notification>, payload: Payload, renderer: MessageRenderer, policy: RetryPolicy,
        now: Timestamp
    ) {
        self.notification = notification
        self.payload = payload
        self.renderer = renderer
        self.policy = policy
        parts = renderer.render(payload, severity: notification.value.severity, now: now).map { $0.json() }
        progress = DeliveryProgress(policy: policy)
    }

    /// The message to post next; nil when all are posted.
    var current: [UInt8]? { parts.first }

    mutating func take(_ outcome: DeliveryOutcome) -> DeliveryProgress.Action {
        var random = SystemRandomNumberGenerator()
        return progress.take(outcome, using: &random)
    }

    /// The current message is in the room.
    mutating func advance() {
        parts.removeFirst()
        progress = DeliveryProgress(policy: policy)
    }

    /// Renders the notification anew in a form that Rocket.Chat may take; what of it was posted before comes again.
    mutating func apply(_ fix: Fix, now: Timestamp) {
        let severity = notification.value.severity
        switch fix {
        case .resplit:
            let smaller = MessageRenderer(settings: renderer.settings.halved)
            parts = smaller.render(payload, severity: severity, now: now).map { $0.json() }
        case .neutraliseMentions, .plainText:
            // The text breaks every mention already; what may notify or offend is in the rest.
            let messages = renderer.render(payload, severity: severity, now: now)
            parts = messages.map { Message(text: $0.text + Self.plainTextNote).json() }
        }
    }

    private static let plainTextNote = "\n(details left out: Rocket.Chat refused the full message)"
}

extension RenderSettings {
    /// For a room whose limits are lower than the relay was told.
    fileprivate var halved: RenderSettings {
        RenderSettings(
            textLimit: max(500, textLimit / 2), maxAlertsPerMessage: max(1, maxAlertsPerMessage / 4),
            maxBodyBytes: max(16_384, maxBodyBytes / 4), shownLabels: shownLabels, hiddenLabels: hiddenLabels,
            emoji: emoji)
    }
}
