extension Timestamp {
    /// Nil for what no person would believe: before 1970, as the zero time `0001-01-01` is, or after the year 9999.
    var plausible: Timestamp? {
        (1..<253_402_300_800).contains(seconds) ? self : nil
    }

    /// `2026-11-23`, in UTC.
    var day: String { "\(date)" }

    /// `17:04`, in UTC. Without seconds, since `:04:` is the form of an emoji.
    var clock: String {
        let minute = secondOfDay / 60
        return "\((minute / 60).padded(to: 2)):\((minute % 60).padded(to: 2))"
    }

    /// The time from a start to an end; nil where either is not told or the end comes first.
    static func span(from start: Timestamp?, to end: Timestamp?) -> Duration? {
        guard let start = start?.plausible, let end = end?.plausible, end >= start else { return nil }
        return end.since(start)
    }
}

extension Duration {
    /// Its two largest units, as a person says it: `3 d 4 h`, `2 h 13 m`, `12 m`, `45 s`.
    var spoken: String {
        let seconds = components.seconds
        switch seconds {
        case ..<60: return "\(max(0, seconds)) s"
        case ..<3_600: return "\(seconds / 60) m"
        case ..<86_400: return Self.pair(seconds / 3_600, "h", seconds % 3_600 / 60, "m")
        default: return Self.pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h")
        }
    }

    private static func pair(_ large: Int64, _ unit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large) \(unit)" : "\(large) \(unit) \(small) \(smallUnit)"
    }
}
