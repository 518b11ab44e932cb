import Posting

/// Readers of the quantities that settings hold: durations, sizes, rates.
enum Quantity {
    /// A duration as Prometheus writes it: `8s`, `1m30s`, `250ms`, `0s`; also a bare `0`.
    ///
    /// At most `longest`: a text that says more, however long it is, reads as that.
    static func duration(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        var total = Duration.zero
        var rest = text[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int64(digits), number < 1_000_000_000 else { return nil }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(letters.count)
            guard let unit = durationUnits[String(letters)] else { return nil }
            // Each summand is below 10^15 seconds, a Duration holds 10^20.
            total = min(total + unit * number, longest)
        }
        return total
    }

    /// A hundred thousand years, beyond the range of every setting.
    static let longest = Duration.seconds(100_000 * 366 * 86_400)

    private static let durationUnits: [String: Duration] = [
        "ms": .milliseconds(1), "s": .seconds(1), "m": .seconds(60), "h": .seconds(3600), "d": .seconds(86_400),
        "w": .seconds(604_800),
    ]

    /// A number of bytes: `1GiB`, `64MiB`, `500MB`, `4096`.
    static func bytes(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), let unit = byteUnits[String(text.dropFirst(digits.count))] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : bytes
    }

    private static let byteUnits: [String: Int] = [
        "": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
        "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    ]

    // MARK: Writing

    /// The duration in the largest unit that leaves no fraction, `1h` or `90s`; below a millisecond it is cut.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        guard attoseconds == 0 else { return "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms" }
        let units: [(Int64, String)] = [(86_400, "d"), (3600, "h"), (60, "m")]
        let fitting = units.first { seconds > 0 && seconds % $0.0 == 0 }
        return fitting.map { "\(seconds / $0.0)\($0.1)" } ?? "\(seconds)s"
    }

    /// The size in the largest binary unit that leaves no fraction: `64MiB`, `1000B`.
    static func text(bytes: Int) -> String {
        let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        let fitting = units.first { bytes > 0 && bytes % $0.0 == 0 }
        return fitting.map { "\(bytes / $0.0)\($0.1)" } ?? "\(bytes)B"
    }
}

extension RateLimit {
    /// Reads `10/60s`; `off` is nil in the inner optional, what cannot be read in the outer one.
    static func read(_ text: String) -> RateLimit?? {
        if text == "off" { return .some(nil) }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let posts = Int(parts[0]), posts > 0, let window = Quantity.duration(String(parts[1])),
            window > .zero
        else { return nil }
        return RateLimit(posts: posts, per: window)
    }
}
