import DeliveryCore

/// What one delivery carries: one notification, or all that waited, folded into one message.
enum Cargo: Sendable {
    case single(Journaled<Notification>, Payload)
    case fold(Fold)

    struct Fold: Sendable {
        var digest: Digest
        /// In the order of acceptance, never empty.
        var entries: [Entry] = []
    }

    /// What settling needs of a notification.
    struct Entry: Sendable, Equatable {
        var id: JournalID
        var acceptedAt: Timestamp

        init(_ notification: Journaled<Notification>) {
            id = notification.id
            acceptedAt = notification.value.acceptedAt
        }
    }

    var entries: [Entry] {
        switch self {
        case .single(let notification, _): [Entry(notification)]
        case .fold(let fold): fold.entries
        }
    }

    /// How many alerts were folded; none for a notification that has a message of its own.
    var foldedAlerts: Int {
        if case .fold(let fold) = self { fold.digest.alerts } else { 0 }
    }

    /// The messages to post, in their order.
    func messages(
        in form: Form, severity: Severity, renderer: MessageRenderer, marks: MessageMarks, now: Timestamp
    ) -> [Message] {
        switch (self, form) {
        case (.single(_, let payload), .full):
            renderer.render(payload, severity: severity, now: now, marks: marks)
        case (.single(_, let payload), .reduced):
            MessageRenderer(settings: renderer.settings.halved)
                .render(payload, severity: severity, now: now, marks: marks)
        case (.single(_, let payload), .plain):
            renderer.renderPlain(payload, severity: severity, now: now, marks: marks)
        case (.fold(let fold), .full): [fold.digest.message(now: now, marks: marks)]
        case (.fold(let fold), .reduced):
            [fold.digest.limited(by: renderer.settings.halved).message(now: now, marks: marks)]
        case (.fold(let fold), .plain): [fold.digest.plainMessage(now: now, marks: marks)]
        case (_, .notice): [RoomNotes.refused(entries.first.map { "\($0.id)" } ?? "", severity: severity)]
        }
    }
}

extension RenderSettings {
    /// Half the text and a quarter of the rest.
    fileprivate var halved: RenderSettings {
        var smaller = self
        smaller.textLimit = max(500, textLimit / 2)
        smaller.maxAlertsPerMessage = max(1, maxAlertsPerMessage / 4)
        smaller.maxBodyBytes = max(16_384, maxBodyBytes / 4)
        return smaller
    }
}
