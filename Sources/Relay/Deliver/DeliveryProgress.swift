/// How far one message has come: takes the outcome of each attempt and says what to do next.
///
/// It knows neither time nor age: a message that has become too old is its queue's affair.
struct DeliveryProgress: Sendable {
    enum Action: Sendable, Equatable {
        /// Done: write it into the journal.
        case settle(DeliveryReceipt)
        /// The same body again after this wait.
        case retry(after: Duration)
        /// As `retry`, and say loudly that the hook is broken by configuration; the fallback may take over.
        case alarm(retryAfter: Duration)
        /// The same body again, and nothing to this hook for this long, from any message.
        case pause(Duration)
        /// Another form of the message, at once.
        case resend(Fix)
        case deadLetter(DeadLetterReason)
    }

    enum DeadLetterReason: String, Sendable, CaseIterable {
        /// Refused in every form.
        case refused
        /// Answered several times with what nobody understands.
        case unknownAnswer
    }

    let policy: RetryPolicy
    /// The number of the attempt that is under way or comes next, from 1.
    private(set) var attempt = 1
    /// How many attempts may have been posted although nothing said so; each but the last may be a duplicate.
    private(set) var maybeDelivered = 0

    private var backoffs = 0
    private var unknownAnswers = 0
    private var suspiciousInARow = 0
    private var fixesTried: Set<Fix> = []

    init(policy: RetryPolicy) {
        self.policy = policy
    }

    /// All failures so far were the hook's, not the message's, and none of the attempts can have been posted.
    var concernsHookOnly: Bool { maybeDelivered == 0 && unknownAnswers == 0 && fixesTried.isEmpty }

    mutating func take(
        _ outcome: DeliveryOutcome, using random: inout some RandomNumberGenerator
    ) -> Action {
        if case .delivered(let receipt) = outcome { return .settle(receipt) }
        if case .rateLimited(let wait) = outcome { return .pause(wait) }
        attempt += 1
        if outcome.isMaybeDelivered { maybeDelivered += 1 }
        return failed(outcome, using: &random)
    }

    private mutating func failed(
        _ outcome: DeliveryOutcome, using random: inout some RandomNumberGenerator
    ) -> Action {
        if case .suspicious = outcome { suspiciousInARow += 1 } else { suspiciousInARow = 0 }
        switch outcome {
        case .delivered, .rateLimited: preconditionFailure("not a failure")
        case .retry: return backOff(using: &random)
        case .suspicious:
            let isBroken = suspiciousInARow >= policy.suspiciousAttempts
            return isBroken ? .alarm(retryAfter: policy.slowInterval) : backOff(using: &random)
        case .fixable(let fix, _): return resend(fix)
        case .misconfigured: return .alarm(retryAfter: policy.slowInterval)
        case .unknown:
            unknownAnswers += 1
            let isHopeless = unknownAnswers >= policy.unknownAttempts
            return isHopeless ? .deadLetter(.unknownAnswer) : backOff(using: &random)
        }
    }

    private mutating func backOff(using random: inout some RandomNumberGenerator) -> Action {
        backoffs += 1
        return .retry(after: policy.backoff(beforeRetry: backoffs, using: &random))
    }

    /// Each form is sent once; plain text is the last resort of the others.
    private mutating func resend(_ fix: Fix) -> Action {
        let next = fixesTried.contains(fix) ? .plainText : fix
        let isNew = fixesTried.insert(next).inserted
        return isNew ? .resend(next) : .deadLetter(.refused)
    }
}

extension DeliveryProgress.Action {
    /// The same message again, sooner or later.
    var isRetry: Bool {
        switch self {
        case .retry, .alarm, .pause: true
        case .settle, .resend, .deadLetter: false
        }
    }
}
