/// What a delivery attempt came to, in the classes of contract section 9.
///
/// Each `detail` is for logs and dead letters: one line, short, without the hook's secrets.
enum DeliveryOutcome: Sendable, Equatable {
    /// Rocket.Chat has said that it posted.
    case delivered(DeliveryReceipt)
    /// Not posted; the hook takes nothing, from any message, for this long. No error, and no attempt.
    case rateLimited(wait: Duration)
    /// It passes by itself; back off.
    case retry(FailureReason, maybeDelivered: Bool, detail: String)
    /// It passes by itself, unless it stays: Rocket.Chat 7.7 and later answer a wrong id or token with the same
    /// 500 as a database outage.
    case suspicious(FailureReason, detail: String)
    /// This body will never be taken, another form of it will.
    case fixable(Fix, detail: String)
    /// A person must change the hook, the room or the relay's settings; no message gets through until then.
    case misconfigured(FailureReason, detail: String)
    /// Not understood: a few retries, then a dead letter.
    case unknown(FailureReason, maybeDelivered: Bool, detail: String)

    /// The label of the attempt in `relay_notifications_failed_total`; nil when it was delivered.
    var reason: FailureReason? {
        switch self {
        case .delivered: nil
        case .rateLimited: .rateLimited
        case .fixable: .clientError
        case .retry(let reason, _, _), .suspicious(let reason, _), .misconfigured(let reason, _),
            .unknown(let reason, _, _):
            reason
        }
    }

    /// Rocket.Chat may have posted, though nothing says so: a further attempt may make a duplicate.
    var isMaybeDelivered: Bool {
        switch self {
        case .retry(_, let maybe, _), .unknown(_, let maybe, _): maybe
        case .delivered, .rateLimited, .suspicious, .fixable, .misconfigured: false
        }
    }
}

/// Another form of a message that Rocket.Chat refused.
enum Fix: String, Sendable, CaseIterable {
    /// Into smaller parts.
    case resplit
    /// Without anything that could notify people.
    case neutraliseMentions
    /// Plain text only: no attachments, no alias.
    case plainText
}

/// Why an attempt failed: the bounded label of the failure metrics.
enum FailureReason: String, Sendable, CaseIterable {
    case clientError
    case serverError
    case authError
    case rateLimited
    case timeout
    case network
    case badResponse
}

/// What Rocket.Chat told of a posted message; empty unless the message asked for `separateResponse` (7.9 and later).
struct DeliveryReceipt: Sendable, Equatable {
    struct Posted: Sendable, Equatable {
        var channel: String?
        var messageID: String
    }
    struct Refused: Sendable, Equatable {
        var channel: String?
        var error: String
    }

    var posted: [Posted] = []
    /// Rooms of the same hook that did not take the message while another did. The relay cannot address one of a
    /// hook's rooms, so this is for a warning, not for a retry.
    var refused: [Refused] = []
}
