import Glibc

extension Timestamp {
    /// Reads `2026-01-30T10:00:00.123456789Z` or with an offset (RFC 3339 section 5.6); digits of the fraction beyond
    /// the ninth are cut. nil for what is no date.
    init?(rfc3339 text: String) {
        var text = text
        let parsed = text.withUTF8 { Self.parse($0) }
        guard let parsed else { return nil }
        self = parsed
    }

    /// The same from bytes.
    init?(rfc3339 bytes: UnsafeRawBufferPointer) {
        guard let parsed = bytes.withMemoryRebound(to: UInt8.self, { Self.parse($0) }) else { return nil }
        self = parsed
    }

    /// In UTC, without the fraction where it is zero, else in milliseconds.
    var rfc3339: String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        func padded(_ number: Int32, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
        let clock = "\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))"
        let fraction = nanoseconds == 0 ? "" : "." + padded(nanoseconds / 1_000_000, 3)
        return "\(date)T\(clock)\(fraction)Z"
    }

    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Timestamp? {
        guard bytes.count >= 20, bytes.count <= 64 else { return nil }
        func number(_ range: Range<Int>) -> Int32? {
            var number: Int32 = 0
            for byte in bytes[range] {
                guard byte &- 0x30 < 10 else { return nil }
                number = number * 10 + Int32(byte - 0x30)
            }
            return number
        }
        func isPresent(_ index: Int, _ character: Unicode.Scalar) -> Bool { bytes[index] == UInt8(ascii: character) }
        guard let year = number(0..<4), isPresent(4, "-"), let month = number(5..<7), isPresent(7, "-"),
            let day = number(8..<10), isPresent(10, "T") || isPresent(10, "t") || isPresent(10, " "),
            let hour = number(11..<13), isPresent(13, ":"), let minute = number(14..<16), isPresent(16, ":"),
            let second = number(17..<19), (1...12).contains(month), day >= 1, day <= days(in: month, of: year),
            hour < 24, minute < 60, second <= 60
        else { return nil }

        var index = 19
        var nanoseconds: Int32 = 0
        if isPresent(index, ".") {
            var scale: Int32 = 100_000_000
            index += 1
            let first = index
            while index < bytes.count, bytes[index] &- 0x30 < 10 {
                nanoseconds += Int32(bytes[index] - 0x30) * scale
                scale /= 10
                index += 1
            }
            guard index > first else { return nil }
        }
        guard let offset = offset(bytes, from: index) else { return nil }
        // A leap second counts as the one before it, as everywhere in Unix time.
        let clock = Int64(hour) * 3600 + Int64(minute) * 60 + Int64(min(second, 59))
        return Timestamp(seconds: daysSinceEpoch(year, month, day) * 86_400 + clock - offset, nanoseconds: nanoseconds)
    }

    /// Seconds east of UTC of `Z` or `+hh:mm`, which must be all that is left.
    private static func offset(_ bytes: UnsafeBufferPointer<UInt8>, from index: Int) -> Int64? {
        let rest = bytes[index...]
        if rest.count == 1, rest.first == UInt8(ascii: "Z") || rest.first == UInt8(ascii: "z") { return 0 }
        guard rest.count == 6, rest[index + 3] == UInt8(ascii: ":") else { return nil }
        let digits = [1, 2, 4, 5].map { Int64(rest[index + $0]) - 0x30 }
        guard digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
        let seconds = (digits[0] * 10 + digits[1]) * 3600 + (digits[2] * 10 + digits[3]) * 60
        switch rest.first {
        case UInt8(ascii: "+"): return seconds
        case UInt8(ascii: "-"): return -seconds
        default: return nil
        }
    }

    private static func days(in month: Int32, of year: Int32) -> Int32 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Counted in years that begin in March, so that a leap day is the last day of its year.
    private static func daysSinceEpoch(_ year: Int32, _ month: Int32, _ day: Int32) -> Int64 {
        let shifted = Int64(month <= 2 ? year - 1 : year)
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * Int64(month > 2 ? month - 3 : month + 9) + 2) / 5 + Int64(day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
