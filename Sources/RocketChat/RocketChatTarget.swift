package import Alerts
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
        var message = message(of: batch)
        var copies: [Message] = []
        switch batch.thread {
        case .none: break
        case .start: message.wantsID = true
        case .reply(let thread):
            copies = [message]
            copies[0].threadID = thread
        }
        return RenderedBatch(bodies: ([message] + copies).map { $0.json() }, copies: copies.count)
    }

    private func message(of batch: RenderBatch) -> Message {
        let (severity, now, banner) = (batch.severity, batch.now, batch.banner)
        let settings = batch.form == .reduced ? settings.reduced : settings
        if batch.form == .notice { return RoomNotes.refused(batch.firstID, severity: severity) }
        let composer =
            switch batch.content {
            case .fold(let digest): MessageComposer(digest, settings: settings, now: now, banner: banner)
            case .single(let payload):
                MessageComposer(
                    payload, severity: severity, settings: settings, now: now, banner: banner, repeats: batch.repeats)
            }
        return batch.form == .plain ? composer.plainMessage() : composer.message()
    }

    package func subject(of alerts: [Alert]) -> String { AlertNames.subject(of: alerts) }

    package func followUp(_ subjects: [String], count: Int) -> [UInt8] {
        RoomNotes.resolvedElsewhere(subjects, of: count, limit: settings.textBudget).json()
    }

    // MARK: Responses

    package func classify(_ result: DeliveryResult, now: Timestamp) -> PostReport {
        let outcome = ResponseClassifier(hook: hook).outcome(of: result, now: now)
        var report = PostReport(outcome, of: result)
        // The wait of a 429 is part of its outcome.
        if case .rateLimited = outcome { return report }
        if case .success(let response) = result {
            report.pause = RateLimitHint(response, error: nil, now: now).pause
        }
        return report
    }

    package func advice(for outcome: DeliveryOutcome) -> String { DeliveryAdvice.sentence(for: outcome) }
}

extension RenderSettings {
    /// Half the text and a quarter of the rest.
    fileprivate var reduced: RenderSettings {
        var smaller = self
        smaller.textLimit = max(500, textLimit / 2)
        smaller.maxBodyBytes = max(16_384, maxBodyBytes / 4)
        return smaller
    }
}
