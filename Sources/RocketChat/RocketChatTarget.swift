package import Alerts
import ChatMarkup
import DeliveryCore
package import Posting

/// Rocket.Chat's incoming webhooks (docs/rocketchat.md).
package struct RocketChatTarget: Target {
    private let hook: HookURL
    private let settings: RenderSettings

    package init(hook: HookURL, settings: RenderSettings) {
        self.hook = hook
        self.settings = settings
    }

    // MARK: Messages

    package func render(_ batch: RenderBatch) -> RenderedBatch {
        var (message, failures) = Self.message(of: batch, settings)
        var copies: [Message] = []
        switch batch.thread {
        case .none: break
        case .start: message.wantsID = true
        case .reply(let thread):
            copies = [message]
            copies[0].threadID = thread
        }
        message.mention(batch.form == .notice ? [] : batch.mentions)
        let faults = failures.map { RenderFault(part: $0.part.rawValue, reason: $0.reason.rawValue) }
        return RenderedBatch(
            bodies: ([message] + copies).map { $0.json() }, copies: copies.count, faults: Set(faults))
    }

    /// The message of a batch without its mentions, for which it leaves space, and the templates that are not used in it.
    package static func message(
        of batch: RenderBatch, _ settings: RenderSettings
    ) -> (message: Message, failures: Set<TemplateFailure>) {
        let (severity, now, banner) = (batch.severity, batch.now, batch.banner)
        if batch.form == .notice { return (RoomNotes.refused(batch.firstID, severity: severity), []) }
        var settings = batch.form == .reduced ? settings.reduced : settings
        settings.reserve(Message.mentionUnits(of: batch.mentions))
        let composer =
            switch batch.content {
            case .fold(let digest): MessageComposer(digest, settings: settings, now: now, banner: banner)
            case .single(let payload):
                MessageComposer(
                    payload, severity: severity, settings: settings, now: now, banner: banner, repeats: batch.repeats)
            }
        var (message, failures) = batch.form == .plain ? (composer.plainMessage(), []) : composer.composed()
        message.channel = batch.channel
        return (message, failures)
    }

    package func subject(of alerts: [Alert]) -> String { AlertNames.subject(of: alerts) }

    package func followUp(_ subjects: [String], count: Int, channel: String?) -> [UInt8] {
        var message = RoomNotes.resolvedElsewhere(subjects, of: count, limit: settings.textBudget)
        message.channel = channel
        return message.json()
    }

    package func html(of body: [UInt8], in room: String) -> String {
        MessageHTML.article(ChatMessage(body, room: room))
    }

    // MARK: Responses

    package func classify(_ result: DeliveryResult, now: Timestamp) -> PostReport {
        let outcome = ResponseClassifier(hook: hook).outcome(of: result, now: now)
        var report = PostReport(outcome, of: result)
        // The wait of a 429 is part of its outcome.
        if case .rateLimited = outcome { return report }
        if case .success(let response) = result {
            report.pause = RateLimitHint(response, error: nil, now: now).pause
            report.mayConcernChannel = ServerRejection.concernsChannel(ParsedResponse(response).error)
        }
        return report
    }

    package func advice(for outcome: DeliveryOutcome) -> String { DeliveryAdvice.sentence(for: outcome) }
}

extension Message {
    /// Puts mentions before the text. They are configured, so they are not escaped.
    package mutating func mention(_ names: [String]) {
        if !names.isEmpty { text = names.joined(separator: " ") + " " + text }
    }

    /// The UTF-16 units of mentions before a text.
    fileprivate static func mentionUnits(of names: [String]) -> Int {
        names.reduce(0) { $0 + $1.utf16.count + 1 }
    }
}

extension RenderSettings {
    /// Keeps units of the text free.
    fileprivate mutating func reserve(_ units: Int) {
        // A tenth is free anyway.
        if units > 0 { textLimit = max(100, textLimit - units * 10 / 9 - 1) }
    }

    /// Half the text and a quarter of the rest.
    fileprivate var reduced: RenderSettings {
        var smaller = self
        smaller.textLimit = max(500, textLimit / 2)
        smaller.maxBodyBytes = max(16_384, maxBodyBytes / 4)
        return smaller
    }
}
