extension Timestamp {
    /// Nil for what no person would believe: before 1970, as the zero time `0001-01-01` is, or after the year 9999.
    var plausible: Timestamp? {
        (1..<253_402_300_800).contains(seconds) ? self : nil
    }

    /// `2026-11-23`, in UTC.
    var day: String {
        let (year, month, day) = civilDay
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
    }

    /// `17:04`, in UTC. Without seconds, since `:04:` is the form of an emoji.
    var clock: String {
        let minute = Int(seconds - 86_400 * Self.floorDivided(seconds, 86_400)) / 60
        return "\(Self.padded(minute / 60, 2)):\(Self.padded(minute % 60, 2))"
    }

    /// Days since 1970 turned into a date of the Gregorian calendar, counted from 1 March of the year 0 so that the
    /// leap day ends a year.
    private var civilDay: (year: Int, month: Int, day: Int) {
        let days = Int(Self.floorDivided(seconds, 86_400)) + 719_468
        let era = Int(Self.floorDivided(Int64(days), 146_097))
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func floorDivided(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
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
