import Glibc
package import Support

/// A wall-clock time in UTC with nanosecond resolution.
package struct Timestamp: Sendable, Hashable, Comparable {
    /// Seconds since 1970-01-01T00:00:00Z; negative before.
    package var seconds: Int64
    /// Nanoseconds after `seconds`: 0..<1_000_000_000.
    package var nanoseconds: Int32

    package init(seconds: Int64, nanoseconds: Int32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// The time from `earlier` to this timestamp; negative if this one is before.
    package func since(_ earlier: Timestamp) -> Duration {
        // The difference of any two fits into a Duration, which has 128 bits.
        .seconds(seconds) - .seconds(earlier.seconds) + .nanoseconds(Int64(nanoseconds) - Int64(earlier.nanoseconds))
    }

    /// The system's wall clock. It can jump, so durations must be measured with a monotonic clock.
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
    }
}

extension Timestamp {
    /// Parses an RFC 3339 date-time, with `T` and `Z` in either case. Returns nil if the text is not one.
    ///
    /// Fraction digits after the ninth are ignored. A leap second becomes the first second of the next minute, because
    /// POSIX time cannot represent it.
    package init?(rfc3339 bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 20, bytes[4] == .hyphen, bytes[7] == .hyphen, bytes[13] == .colon, bytes[16] == .colon,
            bytes[10] | 0x20 == UInt8(ascii: "t"), let date = Self.date(bytes), let time = Self.secondOfDay(bytes)
        else { return nil }
        var position = 19
        guard let nanoseconds = Self.fraction(bytes, &position), let offset = Self.offset(bytes, position) else {
            return nil
        }
        let seconds = date.daysSince1970 * 86_400 + time - offset
        if Self.number(bytes, 17..<19) == 60 && seconds % 86_400 != 0 { return nil }
        self.init(seconds: Int64(seconds), nanoseconds: nanoseconds)
    }

    /// Parses an RFC 3339 date-time. Returns nil if the text is not one.
    package init?(rfc3339 text: String) {
        var text = text
        let parsed = text.withUTF8 { Timestamp(rfc3339: UnsafeRawBufferPointer($0)) }
        guard let parsed else { return nil }
        self = parsed
    }

    /// The RFC 3339 date-time in UTC with `Z`, without trailing zeros in the fraction.
    package var rfc3339: String {
        let second = secondOfDay
        let time = [second / 3600, second / 60 % 60, second % 60].map { $0.padded(to: 2) }.joined(separator: ":")
        return "\(date)T\(time)\(fractionText)Z"
    }

    /// The day in UTC.
    package var date: CalendarDate { CalendarDate(daysSince1970: (Int(seconds) - secondOfDay) / 86_400) }

    /// Seconds since midnight in UTC.
    package var secondOfDay: Int { ((Int(seconds) % 86_400) + 86_400) % 86_400 }

    /// Whether it is Go's zero time, which means "not set": year 1, or the end of year 0 if it has an offset.
    var isUnset: Bool { seconds < -62_104_060_800 }

    private var fractionText: String {
        guard nanoseconds != 0 else { return "" }
        var digits = Int(nanoseconds).padded(to: 9)
        while digits.last == "0" { digits.removeLast() }
        return "." + digits
    }

    private static func date(_ bytes: UnsafeRawBufferPointer) -> CalendarDate? {
        guard let year = number(bytes, 0..<4), let month = number(bytes, 5..<7), let day = number(bytes, 8..<10)
        else { return nil }
        return CalendarDate(year: year, month: month, day: day)
    }

    private static func secondOfDay(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let hour = number(bytes, 11..<13), let minute = number(bytes, 14..<16),
            let second = number(bytes, 17..<19),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    /// Parses a fraction such as `.123` at `position`, in nanoseconds, and moves `position` after it. Returns 0 if
    /// there is no decimal point, and nil if no digit follows it.
    private static func fraction(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Int32? {
        guard bytes[position] == UInt8(ascii: ".") else { return 0 }
        position += 1
        let start = position
        var nanoseconds: Int32 = 0
        var weight: Int32 = 100_000_000
        while position < bytes.count, let digit = digit(bytes[position]) {
            nanoseconds += Int32(digit) * weight
            weight /= 10
            position += 1
        }
        return position > start ? nanoseconds : nil
    }

    /// Parses the UTC offset that ends the text, in seconds east of UTC.
    private static func offset(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> Int? {
        if bytes.count == position + 1 && bytes[position] | 0x20 == UInt8(ascii: "z") { return 0 }
        guard bytes.count == position + 6, bytes[position + 3] == .colon,
            let hours = number(bytes, position + 1..<position + 3), hours < 24,
            let minutes = number(bytes, position + 4..<position + 6), minutes < 60
        else { return nil }
        switch bytes[position] {
        case UInt8(ascii: "+"): return hours * 3600 + minutes * 60
        case .hyphen: return -(hours * 3600 + minutes * 60)
        default: return nil
        }
    }

    // Inlined, because each time of each alert is checked when a webhook arrives.
    @inline(__always)
    private static func number(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
        var result = 0
        for position in range {
            guard let digit = digit(bytes[position]) else { return nil }
            result = result * 10 + digit
        }
        return result
    }

    @inline(__always)
    private static func digit(_ byte: UInt8) -> Int? {
        byte >= 0x30 && byte <= 0x39 ? Int(byte - 0x30) : nil
    }
}

extension Timestamp {
    /// Nanoseconds since 1970-01-01T00:00:00Z, clamped to 64 bits (years 1677 to 2262).
    package var nanosecondsSince1970: Int64 {
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, tooLarge) = scaled.addingReportingOverflow(Int64(nanoseconds))
        return tooLarge ? .max : sum
    }

    /// - Parameter count: Nanoseconds since 1970-01-01T00:00:00Z; negative before.
    package init(nanosecondsSince1970 count: Int64) {
        let (seconds, nanoseconds) = count.quotientAndRemainder(dividingBy: 1_000_000_000)
        let borrow: Int64 = nanoseconds < 0 ? 1 : 0
        self.init(seconds: seconds - borrow, nanoseconds: Int32(nanoseconds + borrow * 1_000_000_000))
    }
}

extension UInt8 {
    fileprivate static var hyphen: UInt8 { UInt8(ascii: "-") }
    fileprivate static var colon: UInt8 { UInt8(ascii: ":") }
}
