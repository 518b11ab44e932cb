package import Alerts
package import Posting

/// When a hook may be used again, according to a response.
package struct RateLimitHint {
    package static let shortest: Duration = .seconds(1)
    package static let longest: Duration = .seconds(120)
    /// The length of Rocket.Chat's default window (docs/rocketchat.md section 2).
    static let usual: Duration = .seconds(60)

    private let response: HookResponse
    private let error: String?
    private let now: Timestamp

    /// - Parameter now: replaces the server's clock if the response has no `Date`.
    package init(_ response: HookResponse, error: String?, now: Timestamp) {
        self.response = response
        self.error = error
        self.now = response.date.flatMap(HTTPDate.parse) ?? now
    }

    /// The pause after a 429, from the most reliable hint, within 1...120 s.
    package var wait: Duration {
        let hint = retryAfter ?? errorText ?? untilReset ?? Self.usual
        return min(max(hint, Self.shortest), Self.longest)
    }

    /// The pause after a response that spent the budget, or that has `Retry-After`, such as a 503; nil after any other.
    package var pause: Duration? {
        let isSpent = response.rateLimit.remaining == "0"
        let requested = response.status >= 400 ? retryAfter : nil
        guard let wait = [isSpent ? untilReset : nil, requested].compactMap({ $0 }).max(), wait > .zero else {
            return nil
        }
        return min(wait, Self.longest)
    }

    private var retryAfter: Duration? {
        guard let text = response.retryAfter else { return nil }
        return Self.seconds(text) ?? HTTPDate.parse(text).map { $0.since(now) }
    }

    /// Rocket.Chat states the time in the error text only: "You must wait 28 seconds before trying …".
    private var errorText: Duration? {
        guard let words = error?.split(separator: " "), let wait = words.firstIndex(of: "wait") else { return nil }
        let after = words[wait...].dropFirst()
        guard let number = after.first, after.dropFirst().first?.hasPrefix("second") == true else { return nil }
        return Self.seconds(String(number))
    }

    private var untilReset: Duration? {
        guard let reset = response.rateLimit.reset.flatMap({ Int64($0) }) else { return nil }
        // Between 2001 and 2286 in milliseconds. Other servers count seconds.
        guard (1_000_000_000_000..<10_000_000_000_000).contains(reset) else { return nil }
        let moment = Timestamp(seconds: reset / 1000, nanoseconds: Int32(reset % 1000) * 1_000_000)
        return moment.since(now)
    }

    private static func seconds(_ text: String) -> Duration? {
        let isNumber = !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        // A number that overflows is a long time; more than a year makes no difference.
        return isNumber ? .seconds(min(Int64(text) ?? .max, 366 * 86_400)) : nil
    }
}

extension RateLimit {
    /// Rocket.Chat's default (docs/rocketchat.md section 2).
    package static let rocketChat = RateLimit(posts: 10, per: .seconds(60))
}
