package import DeliveryCore

/// The outcome of a post, as a target classifies it.
///
/// Each `detail` is for logs and dead letters: one short line without the hook's secrets.
package enum DeliveryOutcome: Sendable, Equatable {
    /// The server confirmed the message.
    case delivered(DeliveryReceipt)
    /// Not posted. The hook accepts no messages for this long. This is neither an error nor an attempt.
    case rateLimited(wait: Duration)
    /// A temporary failure: retry with backoff.
    case retry(FailureReason, maybeDelivered: Bool, detail: String)
    /// A temporary failure or a misconfigured hook; the response does not distinguish them.
    case suspicious(FailureReason, detail: String)
    /// The server refuses this body and may accept another form of the message.
    case fixable(Fix, detail: String)
    /// The hook accepts no messages until an operator changes the hook, the room or the relay's settings.
    case misconfigured(FailureReason, detail: String)
    /// An unknown response.
    case unknown(FailureReason, maybeDelivered: Bool, detail: String)

    /// The label of the attempt in `relay_notifications_failed_total`; nil if it was delivered.
    package var reason: FailureReason? {
        switch self {
        case .delivered: nil
        case .rateLimited: .rateLimited
        case .fixable: .clientError
        case .retry(let reason, _, _), .suspicious(let reason, _), .misconfigured(let reason, _),
            .unknown(let reason, _, _):
            reason
        }
    }

    /// The server may have posted without confirming it, so a further attempt may produce a duplicate.
    package var isMaybeDelivered: Bool {
        switch self {
        case .retry(_, let maybe, _), .unknown(_, let maybe, _): maybe
        case .delivered, .rateLimited, .suspicious, .fixable, .misconfigured: false
        }
    }

    /// The text for the log; nil if the message was delivered.
    package var detail: String? {
        switch self {
        case .delivered: nil
        case .rateLimited(let wait): "the server requests a pause of \(wait)"
        case .retry(_, _, let detail), .suspicious(_, let detail), .fixable(_, let detail),
            .misconfigured(_, let detail), .unknown(_, _, let detail):
            detail
        }
    }

    /// The result for the delivery machine.
    ///
    /// - Parameter reachedServer: the post may count against the server's rate limit.
    package func result(reachedServer: Bool) -> PostResult {
        switch self {
        // With several rooms, the first ID starts the thread.
        case .delivered(let receipt): .delivered(messageID: receipt.posted.first?.messageID)
        case .rateLimited(let wait): .throttled(Interval(wait))
        case .retry(_, let maybe, _): .failed(maybeDelivered: maybe, reachedServer: reachedServer)
        case .suspicious: .suspicious
        case .misconfigured: .hookBroken
        case .fixable(.resplit, _): .refused(.smaller)
        // Configured mentions are left out first (`PostReport.refused`). Without them the text mentions nobody.
        case .fixable(.neutraliseMentions, _), .fixable(.plainText, _): .refused(.plainText)
        // The server may have posted, and would do so again at each retry.
        case .unknown(_, maybeDelivered: true, _): .failed(maybeDelivered: true, reachedServer: reachedServer)
        case .unknown(_, maybeDelivered: false, _): .refused(nil)
        }
    }
}

/// The change that may make a refused message acceptable.
package enum Fix: String, Sendable, CaseIterable {
    /// Smaller parts.
    case resplit
    /// No mentions.
    case neutraliseMentions
    /// Text only, without attachments and alias.
    case plainText
}

/// Why an attempt failed: the label of the failure metrics, with a bounded number of values.
package enum FailureReason: String, Sendable, CaseIterable {
    case clientError
    case serverError
    case authError
    case rateLimited
    case timeout
    case network
    case badResponse
}

/// What the server returned about a posted message. Empty unless the message requested its ID.
package struct DeliveryReceipt: Sendable, Equatable {
    package struct Posted: Sendable, Equatable {
        package var channel: String?
        package var messageID: String

        package init(channel: String? = nil, messageID: String) {
            self.channel = channel
            self.messageID = messageID
        }
    }
    package struct Refused: Sendable, Equatable {
        package var channel: String?
        package var error: String

        package init(channel: String? = nil, error: String) {
            self.channel = channel
            self.error = error
        }
    }

    package var posted: [Posted] = []
    /// Rooms of the same hook that refused the message while another accepted it. The relay cannot address a single room
    /// of a hook, so it does not retry.
    package var refused: [Refused] = []

    package init(posted: [Posted] = [], refused: [Refused] = []) {
        self.posted = posted
        self.refused = refused
    }
}

/// The classified end of a post.
package struct PostReport: Sendable {
    /// Nil if nothing was sent because the journal gave no permit.
    package var outcome: DeliveryOutcome?
    package var result: PostResult
    /// The server requests no further posts for this long, whatever the outcome.
    package var pause: Duration?
    /// The refusal may concern the channel that the message names, and not the hook.
    package var mayConcernChannel = false
    /// What the next composition leaves out, because the server refused the message for it.
    package var refused: Refused?

    package enum Refused: Sendable, Equatable {
        case mentions([String])
        case channel(String)
    }

    package init(outcome: DeliveryOutcome? = nil, result: PostResult, pause: Duration? = nil) {
        self.outcome = outcome
        self.result = result
        self.pause = pause
    }

    package init(_ outcome: DeliveryOutcome, of result: DeliveryResult) {
        let reachedServer =
            switch result {
            case .success: true
            case .failure(let failure): failure.sentRequest
            }
        self.init(outcome: outcome, result: outcome.result(reachedServer: reachedServer))
    }

    package static let notSent = PostReport(result: .notSent)
}
