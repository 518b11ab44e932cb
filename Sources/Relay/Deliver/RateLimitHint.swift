import CLibcurl

/// What an answer says about when the hook may be used again.
struct RateLimitHint {
    static let shortest: Duration = .seconds(1)
    static let longest: Duration = .seconds(120)
    /// The length of Rocket.Chat's default window (contract section 2).
    static let usual: Duration = .seconds(60)

    private let answer: HTTPAnswer
    private let error: String?
    private let now: Timestamp

    /// - Parameter now: stands in for the server's clock where the answer has no `Date`.
    init(_ answer: HTTPAnswer, error: String?, now: Timestamp) {
        self.answer = answer
        self.error = error
        self.now = answer.date.flatMap(Self.date) ?? now
    }

    /// How long to leave the hook alone after a 429: what the most trustworthy hint says, within 1...120 s.
    var wait: Duration {
        let hint = retryAfter ?? errorText ?? untilReset ?? Self.usual
        return min(max(hint, Self.shortest), Self.longest)
    }

    /// How long to leave the hook alone after an answer that used up its budget, or that asks for it in so many words, as
    /// a 503 may; nil for any other.
    var pause: Duration? {
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
