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

    /// How a message is put, from the fullest form to the one that is hardest to refuse.
    enum Form: Sendable, Equatable {
        case full
        /// For a room whose limits are lower than the relay was told.
        case small
        /// Text only.
        case plain
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
        _ form: Form, severity: Severity, renderer: MessageRenderer, marks: MessageMarks, now: Timestamp
    ) -> [Message] {
        switch (self, form) {
        case (.single(_, let payload), .full):
            renderer.render(payload, severity: severity, now: now, marks: marks)
        case (.single(_, let payload), .small):
            MessageRenderer(settings: renderer.settings.halved)
                .render(payload, severity: severity, now: now, marks: marks)
        case (.single(_, let payload), .plain):
            renderer.renderPlain(payload, severity: severity, now: now, marks: marks)
        case (.fold(let fold), .full): [fold.digest.message(now: now, marks: marks)]
        case (.fold(let fold), .small):
            [fold.digest.limited(by: renderer.settings.halved).message(now: now, marks: marks)]
        case (.fold(let fold), .plain): [fold.digest.plainMessage(now: now, marks: marks)]
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
