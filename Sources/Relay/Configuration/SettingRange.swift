import RocketChat

/// The values that a numeric setting accepts, ends included.
///
/// Swift traps when arithmetic overflows. Values outside these ranges are refused while the configuration is read, so
/// that no sum or product of settings can overflow later.
enum SettingRange: Sendable, Equatable {
    case count(ClosedRange<Int>)
    case bytes(ClosedRange<Int>)
    case duration(ClosedRange<Duration>)
    /// `off` is accepted too.
    case rate(posts: ClosedRange<Int>, window: ClosedRange<Duration>)

    /// The range of every numeric setting, by its variable.
    static let all: [String: SettingRange] = [
        "RELAY_FALLBACK_AFTER": upTo(days: 365), "RELAY_FALLBACK_AFTER_CRITICAL": upTo(days: 365),
        "RELAY_FALLBACK_AFTER_WARNING": upTo(days: 365), "RELAY_FALLBACK_AFTER_INFO": upTo(days: 365),
        "RELAY_FALLBACK_AFTER_FALLBACK": upTo(days: 365),
        "RELAY_MAX_AGE": upTo(days: 3650), "RELAY_DEDUPE_WINDOW": upTo(days: 30),
        "RELAY_DRAIN_TIMEOUT": .duration(.zero ... .seconds(3600)),
        "RELAY_RATE_LIMIT": .rate(posts: 1...10_000, window: .milliseconds(1) ... .seconds(7 * 86_400)),
        "RELAY_TEXT_LIMIT": .count(500...1_000_000),
        "RELAY_CONNECT_TIMEOUT": timeout(.seconds(600)), "RELAY_POST_TIMEOUT": timeout(.seconds(3600)),
        "RELAY_JOURNAL_LIMIT": .bytes(1 << 20...1 << 40),
        "RELAY_MAX_BODY_SIZE": .bytes(1 << 10...1 << 30), "RELAY_MAX_HEADER_SIZE": .bytes(1 << 10...1 << 20),
        "RELAY_MAX_HEADER_FIELDS": .count(1...10_000), "RELAY_MAX_CONNECTIONS": .count(1...1_000_000),
        "RELAY_MAX_CONNECTIONS_PER_ADDRESS": .count(1...1_000_000), "RELAY_MEMORY_LIMIT": .bytes(32 << 20...1 << 40),
        "RELAY_IDLE_TIMEOUT": timeout(.seconds(86_400)), "RELAY_REQUEST_TIMEOUT": timeout(.seconds(3600)),
        "RELAY_REPLY_TIMEOUT": timeout(.seconds(3600)),
    ]

    private static func upTo(days: Int) -> SettingRange { .duration(.zero ... .seconds(days * 86_400)) }

    private static func timeout(_ longest: Duration) -> SettingRange { .duration(.milliseconds(10)...longest) }

    /// The range of a variable, which may be a receiver's (`RELAY_RECEIVERS_0_TEXT_LIMIT`); nil if it is no number.
    static func of(_ variable: String) -> SettingRange? {
        let prefix = "RELAY_RECEIVERS_"
        guard variable.hasPrefix(prefix) else { return all[variable] }
        return all["RELAY_" + variable.dropFirst(prefix.count).drop { $0 != "_" }.dropFirst()]
    }

    /// The smallest and the largest value, as they are written in a configuration.
    var ends: (least: String, most: String) {
        switch self {
        case .count(let range): ("\(range.lowerBound)", "\(range.upperBound)")
        case .bytes(let range): (Quantity.text(bytes: range.lowerBound), Quantity.text(bytes: range.upperBound))
        case .duration(let range): (Quantity.text(range.lowerBound), Quantity.text(range.upperBound))
        case .rate(let posts, let window):
            (
                "\(posts.lowerBound)/\(Quantity.text(window.upperBound))",
                "\(posts.upperBound)/\(Quantity.text(window.lowerBound))"
            )
        }
    }

    /// What a value must be, for an error.
    var expectation: String {
        let (least, most) = ends
        switch self {
        case .count: return "a whole number from \(least) to \(most)"
        case .bytes: return "a size from \(least) to \(most), as in 64MiB"
        case .duration: return "a duration from \(least) to \(most), as in 8s, 500ms or 1m30s"
        case .rate: return "posts per time as in 10/60s, from \(least) to \(most), or off"
        }
    }
}

// MARK: Reading

extension SettingRange {
    /// Each returns nil if the text is no such value or the value is outside the range.
    func count(_ text: String) -> Int? {
        guard case .count(let range) = self else { preconditionFailure("the setting is no count") }
        return Int(text).flatMap { range.contains($0) ? $0 : nil }
    }

    func bytes(_ text: String) -> Int? {
        guard case .bytes(let range) = self else { preconditionFailure("the setting is no size") }
        return Quantity.bytes(text).flatMap { range.contains($0) ? $0 : nil }
    }

    func duration(_ text: String) -> Duration? {
        guard case .duration(let range) = self else { preconditionFailure("the setting is no duration") }
        return Quantity.duration(text).flatMap { range.contains($0) ? $0 : nil }
    }

    func rate(_ text: String) -> RateLimit?? {
        guard case .rate(let posts, let window) = self else { preconditionFailure("the setting is no rate") }
        guard let limit = RateLimit.read(text) else { return nil }
        guard let limit else { return .some(nil) }
        // The inner nil is `off`, which a rate out of range must not become.
        guard posts.contains(limit.posts), window.contains(limit.window) else { return nil }
        return .some(limit)
    }
}
