/// Says what an answer, or the lack of one, means for the message: the table of contract section 9.
struct AnswerClassifier: Sendable {
    /// Whose secrets are kept out of details.
    let hook: HookURL

    /// - Parameter now: the wall clock, against which a server's dates are read that sends none of its own clock.
    func outcome(of result: DeliveryAnswer, now: Timestamp) -> DeliveryOutcome {
        switch result {
        case .success(let answer): outcome(of: Evidence(answer), now: now)
        case .failure(let failure): outcome(of: failure)
        }
    }

    // MARK: - Without an answer

    private func outcome(of failure: TransportFailure) -> DeliveryOutcome {
        // The connection may break after all was said.
        if let partial = failure.partialAnswer.map(Evidence.init), partial.isSuccess {
            return .delivered(partial.receipt)
        }
        let detail = line(failure.message)
        let maybe = failure.sentRequest
        switch failure.kind {
        case .resolve, .connect, .handshake, .reset, .aborted, .other:
            return .retry(.network, maybeDelivered: maybe, detail: detail)
        case .timeout: return .retry(.timeout, maybeDelivered: maybe, detail: detail)
        case .badAnswer: return .retry(.badResponse, maybeDelivered: maybe, detail: detail)
        case .proxy: return .misconfigured(.authError, detail: detail)
        case .certificate: return .misconfigured(.network, detail: detail)
        case .url: return .misconfigured(.clientError, detail: detail)
        }
    }

    // MARK: - With an answer

    private func outcome(of evidence: Evidence, now: Timestamp) -> DeliveryOutcome {
        let detail = detail(of: evidence)
        switch evidence.answer.status {
        case 200...299: return success(evidence, detail, now)
        case 408: return .retry(.timeout, maybeDelivered: false, detail: detail)
        case 413: return .fixable(.resplit, detail: detail)
        case 425: return .retry(.clientError, maybeDelivered: false, detail: detail)
        case 429: return .rateLimited(wait: RateLimitHint(evidence.answer, error: evidence.error, now: now).wait)
        case 400...499: return refusal(evidence, detail, now) ?? clientError(evidence, detail)
        case 500...599: return serverError(evidence, detail)
        // A redirect leads nowhere a POST survives, and nothing else below 200 is a final answer.
        default: return .misconfigured(.badResponse, detail: detail)
        }
    }

    /// A 2xx is a delivery only if Rocket.Chat itself says so.
    private func success(_ evidence: Evidence, _ detail: String, _ now: Timestamp) -> DeliveryOutcome {
        if evidence.isSuccess { return .delivered(evidence.receipt) }
        if let refusal = refusal(evidence, detail, now) { return refusal }
        let speaksForRocketChat = evidence.isRocketChats || evidence.isBrokenObject
        guard speaksForRocketChat else { return .misconfigured(.badResponse, detail: detail) }
        // An object that breaks off may have said success, and would say it again at each retry.
        return .unknown(.badResponse, maybeDelivered: evidence.isBrokenObject, detail: detail)
    }

    private func refusal(_ evidence: Evidence, _ detail: String, _ now: Timestamp) -> DeliveryOutcome? {
        switch evidence.error.flatMap(Refusal.init) {
        case .rateLimited:
            .rateLimited(wait: RateLimitHint(evidence.answer, error: evidence.error, now: now).wait)
        case .fixable(let fix): .fixable(fix, detail: detail)
        case .misconfigured(let reason): .misconfigured(reason, detail: detail)
        // The database may have taken the message before it went away.
        case .databaseAway: .retry(.serverError, maybeDelivered: true, detail: detail)
        case nil: nil
        }
    }

    /// What is not Rocket.Chat's own answer is about the hook and never about the message: a proxy's or a firewall's
    /// page, which the next message would get as well.
    private func clientError(_ evidence: Evidence, _ detail: String) -> DeliveryOutcome {
        switch evidence.answer.status {
        case 401, 403, 407: .misconfigured(.authError, detail: detail)
        case 404, 405, 410: .misconfigured(.clientError, detail: detail)
        case _ where evidence.isRocketChats: .unknown(.clientError, maybeDelivered: false, detail: detail)
        default: .misconfigured(.clientError, detail: detail)
        }
    }

    private func serverError(_ evidence: Evidence, _ detail: String) -> DeliveryOutcome {
        switch evidence.answer.status {
        case 500 where evidence.isBareInternalError: .suspicious(.serverError, detail: detail)
        case 503 where evidence.saysDisabled: .misconfigured(.serverError, detail: detail)
        case 500, 503: .retry(.serverError, maybeDelivered: false, detail: detail)
        // Gateways in front of Rocket.Chat speak, who do not know what became of the request.
        default: .retry(.serverError, maybeDelivered: true, detail: detail)
        }
    }

    private func detail(of evidence: Evidence) -> String {
        let answer = evidence.answer
        if let error = evidence.error { return line("HTTP \(answer.status): \(error)") }
        let size = answer.isBodyCut ? "over \(answer.body.count)" : "\(answer.body.count)"
        return line("HTTP \(answer.status), \(answer.contentType ?? "no content type"), \(size) bytes")
    }

    /// What a stranger wrote, fit for a log.
    private func line(_ text: String) -> String {
        let plain = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
        let redacted = hook.redacting(plain)
        return redacted.count > 200 ? redacted.prefix(200) + "…" : redacted
    }
}
