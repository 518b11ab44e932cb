/// A length of time in nanoseconds. Arithmetic saturates, so that no external value can trap.
public struct Interval: Sendable, Hashable, Comparable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static let zero = Interval(nanoseconds: 0)
    /// Longer than the lifetime of any process.
    public static let unlimited = Interval(nanoseconds: .max)

    public static func milliseconds(_ count: Int64) -> Interval {
        Interval(nanoseconds: saturatingProduct(count, 1_000_000))
    }

    public static func seconds(_ count: Int64) -> Interval {
        Interval(nanoseconds: saturatingProduct(count, 1_000_000_000))
    }

    public static func < (left: Interval, right: Interval) -> Bool { left.nanoseconds < right.nanoseconds }

    public static func + (left: Interval, right: Interval) -> Interval {
        Interval(nanoseconds: saturatingSum(left.nanoseconds, right.nanoseconds))
    }

    public static func * (left: Interval, factor: Int) -> Interval {
        Interval(nanoseconds: saturatingProduct(left.nanoseconds, Int64(factor)))
    }

    public static func / (left: Interval, divisor: Int) -> Interval {
        Interval(nanoseconds: left.nanoseconds / Int64(max(divisor, 1)))
    }

    public func clamped(_ shortest: Interval, _ longest: Interval) -> Interval {
        min(max(self, shortest), longest)
    }
}

/// A point in monotonic time: nanoseconds since an origin that the shell chooses. Arithmetic saturates.
public struct Instant: Sendable, Hashable, Comparable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static let distantPast = Instant(nanoseconds: .min)
    public static let distantFuture = Instant(nanoseconds: .max)

    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    public static func + (left: Instant, right: Interval) -> Instant {
        // The distant past is a sentinel and must not become a date.
        if left == .distantPast { return left }
        return Instant(nanoseconds: saturatingSum(left.nanoseconds, right.nanoseconds))
    }

    public static func - (left: Instant, right: Instant) -> Interval {
        let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        guard overflow else { return Interval(nanoseconds: difference) }
        return Interval(nanoseconds: left < right ? .min : .max)
    }
}

private func saturatingSum(_ left: Int64, _ right: Int64) -> Int64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    guard overflow else { return sum }
    return right < 0 ? .min : .max
}

private func saturatingProduct(_ left: Int64, _ right: Int64) -> Int64 {
    let (product, overflow) = left.multipliedReportingOverflow(by: right)
    guard overflow else { return product }
    return (left < 0) != (right < 0) ? .min : .max
}

extension Interval {
    /// Saturates at what 64 bits of nanoseconds hold.
    public init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isTooLarge) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        self.init(nanoseconds: overflow || isTooLarge ? (seconds < 0 ? .min : .max) : sum)
    }
}

extension Duration {
    public init(_ interval: Interval) { self = .nanoseconds(interval.nanoseconds) }
}
