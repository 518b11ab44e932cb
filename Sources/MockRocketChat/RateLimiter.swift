/// Meteor's fixed-window rate limiter, as Rocket.Chat puts it before each hook (docs/rocketchat.md
/// section 2).
///
/// There is one rule per method and URL with query; it counts calls per client. All clients of a rule share its window,
/// which starts with the first call after the previous window. Refused calls count but do not extend the window. Unlike
/// on the real server, a changed limit applies at once, without a restart.
struct RateLimiter: Sendable {
    enum Mode: String, Sendable, CaseIterable {
        /// Calls above the limit are refused: 5.x to 6.1.
        case enforced
        /// Calls are not counted, and responses have no headers.
        case off
        /// Headers state an infinite budget; no call is refused: 7.7 and later.
        case infinite
    }

    struct Limit: Equatable, Sendable {
        var calls = 10
        var window = 60_000
        var mode: Mode
    }

    struct Verdict: Equatable, Sendable {
        var headers: [HookReply.Header]
        /// The reply to a refused call; nil if the call is accepted.
        var refusal: HookReply?
    }

    private struct Rule {
        var limit: Limit
        var start: Int
        var counts: [String: Int] = [:]
    }

    private var rules: [String: Rule] = [:]

    /// Counts one call.
    ///
    /// - Parameter now: milliseconds since 1970.
    mutating func take(_ key: String, client: String, limit: Limit, now: Int) -> Verdict {
        switch limit.mode {
        case .off: return Verdict(headers: [])
        case .infinite: return Verdict(headers: Self.headers(limit, remaining: "Infinity", reset: now))
        case .enforced: break
        }
        var rule = rules[key].flatMap { $0.limit == limit ? $0 : nil } ?? Rule(limit: limit, start: now)
        if now - rule.start > limit.window { rule = Rule(limit: limit, start: now) }
        let count = rule.counts[client, default: 0] + 1
        rule.counts[client] = count
        rules[key] = rule
        let reset = rule.start + limit.window
        let headers = Self.headers(limit, remaining: String(max(0, limit.calls - count)), reset: reset)
        return Verdict(
            headers: headers, refusal: count > limit.calls ? Self.refusal(after: reset - now, headers) : nil)
    }

    mutating func reset() {
        rules = [:]
    }

    private static func headers(_ limit: Limit, remaining: String, reset: Int) -> [HookReply.Header] {
        [
            .init(name: "X-RateLimit-Limit", value: String(limit.calls)),
            .init(name: "X-RateLimit-Remaining", value: remaining),
            .init(name: "X-RateLimit-Reset", value: String(reset)),
        ]
    }

    private static func refusal(after wait: Int, _ headers: [HookReply.Header]) -> HookReply {
        let seconds = (wait + 999) / 1000
        let error =
            "Error, too many requests. Please slow down. You must wait \(seconds) seconds before trying this endpoint "
            + "again. [error-too-many-requests]"
        return HookReply.failure(error, status: 429).adding(headers)
    }
}

extension RateLimiter.Limit {
    /// Parses `10/60s`, `10/500ms` or `10/1m`. Returns nil if the text is malformed.
    init?(_ text: String, mode: RateLimiter.Mode) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let calls = Int(parts[0]), (1...Self.mostCalls).contains(calls) else { return nil }
        let digits = parts[1].prefix { $0.isASCII && $0.isNumber }
        let units = ["ms": 1, "s": 1000, "m": 60_000]
        guard let number = Int(digits), let unit = units[String(parts[1].dropFirst(digits.count))] else { return nil }
        let (window, isTooLong) = number.multipliedReportingOverflow(by: unit)
        guard !isTooLong, (1...Self.longestWindow).contains(window) else { return nil }
        self.init(calls: calls, window: window, mode: mode)
    }

    static let mostCalls = 1_000_000_000
    /// Milliseconds in a year.
    static let longestWindow = 366 * 86_400_000
}
