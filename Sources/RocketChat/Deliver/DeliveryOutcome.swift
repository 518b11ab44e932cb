package import Alerts
import CLibcurl
package import DeliveryCore

/// What a delivery attempt came to, in the classes of docs/rocketchat.md section 9.
///
/// Each `detail` is for logs and dead letters: one line, short, without the hook's secrets.
package enum DeliveryOutcome: Sendable, Equatable {
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

    /// Rocket.Chat may have posted, though nothing says so: a further attempt may make a duplicate.
    package var isMaybeDelivered: Bool {
        switch self {
        case .retry(_, let maybe, _), .unknown(_, let maybe, _): maybe
        case .delivered, .rateLimited, .suspicious, .fixable, .misconfigured: false
        }
    }
}

/// Another form of a message that Rocket.Chat refused.
package enum Fix: String, Sendable, CaseIterable {
    /// Into smaller parts.
    case resplit
    /// Without anything that could notify people.
    case neutraliseMentions
    /// Plain text only: no attachments, no alias.
    case plainText
}

/// Why an attempt failed: the bounded label of the failure metrics.
package enum FailureReason: String, Sendable, CaseIterable {
    case clientError
    case serverError
    case authError
    case rateLimited
    case timeout
    case network
    case badResponse
}

/// What Rocket.Chat told of a posted message; empty unless the message asked for `separateResponse` (7.9 and later).
package struct DeliveryReceipt: Sendable, Equatable {
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

extension DeliveryOutcome {
    /// What to log of a failed attempt; nil when it was delivered.
    package var detail: String? {
        switch self {
        case .delivered: nil
        case .rateLimited(let wait): "Rocket.Chat asks to wait \(wait)"
        case .retry(_, _, let detail), .suspicious(_, let detail), .fixable(_, let detail),
            .misconfigured(_, let detail), .unknown(_, _, let detail):
            detail
        }
    }
}

/// One post, as its queue tells of it.
package struct PostReport: Sendable {
    /// Nil where nothing was sent, since the journal takes no more.
    package var outcome: DeliveryOutcome?
    package var result: PostResult
    /// How long the server wants nothing more, whatever became of this one.
    package var pause: Duration?

    package init(outcome: DeliveryOutcome? = nil, result: PostResult, pause: Duration? = nil) {
        self.outcome = outcome
        self.result = result
        self.pause = pause
    }

    package static let notSent = PostReport(result: .notSent)
}

extension DeliveryOutcome {
    /// What the machine goes by.
    ///
    /// - Parameter reachedServer: the server may have counted the post.
    package func result(reachedServer: Bool) -> PostResult {
        switch self {
        // Threads begin where the server told one id: with several rooms nobody knows which is meant.
        case .delivered(let receipt): .delivered(messageID: receipt.posted.first?.messageID)
        case .rateLimited(let wait): .throttled(Interval(wait))
        case .retry(_, let maybe, _): .failed(maybeDelivered: maybe, reachedServer: reachedServer)
        case .suspicious: .suspicious
        case .misconfigured: .hookBroken
        case .fixable(.resplit, _): .refused(.smaller)
        // The text breaks every mention already; what may notify or offend is in the rest.
        case .fixable(.neutraliseMentions, _), .fixable(.plainText, _): .refused(.plainText)
        // It may have said success, and would say it again at each retry.
        case .unknown(_, maybeDelivered: true, _): .failed(maybeDelivered: true, reachedServer: reachedServer)
        case .unknown(_, maybeDelivered: false, _): .refused(nil)
        }
    }
}

/// What an answer says about when the hook may be used again.
package struct RateLimitHint {
    package static let shortest: Duration = .seconds(1)
    package static let longest: Duration = .seconds(120)
    /// The length of Rocket.Chat's default window (docs/rocketchat.md section 2).
    static let usual: Duration = .seconds(60)

    private let answer: HookResponse
    private let error: String?
    private let now: Timestamp

    /// - Parameter now: stands in for the server's clock where the answer has no `Date`.
    package init(_ answer: HookResponse, error: String?, now: Timestamp) {
        self.answer = answer
        self.error = error
        self.now = answer.date.flatMap(Self.date) ?? now
    }

    /// How long to leave the hook alone after a 429: what the most trustworthy hint says, within 1...120 s.
    package var wait: Duration {
        let hint = retryAfter ?? errorText ?? untilReset ?? Self.usual
        return min(max(hint, Self.shortest), Self.longest)
    }

    /// How long to leave the hook alone after an answer that used up its budget, or that asks for it in so many words, as
    /// a 503 may; nil for any other.
    package var pause: Duration? {
        let isSpent = answer.rateLimit.remaining == "0"
        let asked = answer.status >= 400 ? retryAfter : nil
        guard let wait = [isSpent ? untilReset : nil, asked].compactMap({ $0 }).max(), wait > .zero else { return nil }
        return min(wait, Self.longest)
    }

    private var retryAfter: Duration? {
        guard let text = answer.retryAfter else { return nil }
        return Self.seconds(text) ?? Self.date(text).map { $0.since(now) }
    }

    /// Rocket.Chat puts the time into the sentence only: "You must wait 28 seconds before trying …".
    private var errorText: Duration? {
        guard let words = error?.split(separator: " "), let wait = words.firstIndex(of: "wait") else { return nil }
        let after = words[wait...].dropFirst()
        guard let number = after.first, after.dropFirst().first?.hasPrefix("second") == true else { return nil }
        return Self.seconds(String(number))
    }

    private var untilReset: Duration? {
        guard let reset = answer.rateLimit.reset.flatMap({ Int64($0) }) else { return nil }
        // Between 2001 and 2286 when read as milliseconds; others count seconds, which is another header's custom.
        guard (1_000_000_000_000..<10_000_000_000_000).contains(reset) else { return nil }
        let moment = Timestamp(seconds: reset / 1000, nanoseconds: Int32(reset % 1000) * 1_000_000)
        return moment.since(now)
    }

    private static func seconds(_ text: String) -> Duration? {
        let isNumber = !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        // More digits than fit is a very long time; what is longer than a year makes no difference.
        return isNumber ? .seconds(min(Int64(text) ?? .max, 366 * 86_400)) : nil
    }

    /// An HTTP-date in any of the three forms of RFC 9110 section 5.6.7.
    private static func date(_ text: String) -> Timestamp? {
        let seconds = curl_getdate(text, nil)
        return seconds < 0 ? nil : Timestamp(seconds: Int64(seconds), nanoseconds: 0)
    }
}
