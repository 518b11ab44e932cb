/// Readers of the quantities that settings hold: durations, sizes, rates.
enum Quantity {
    /// A duration as Prometheus writes it: `8s`, `1m30s`, `250ms`, `0s`; also a bare `0`.
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
            total += unit * Double(number)
        }
        return total
    }

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
}

extension PostLimit {
    /// Reads `10/60s`; `off` is nil in the inner optional, what cannot be read in the outer one.
    static func read(_ text: String) -> PostLimit?? {
        if text == "off" { return .some(nil) }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let posts = Int(parts[0]), posts > 0, let window = Quantity.duration(String(parts[1])),
            window > .zero
        else { return nil }
        return PostLimit(posts: posts, per: window)
    }
}
