import Glibc

/// A moment of wall-clock time, as RFC 3339 writes it, to the nanosecond.
struct Timestamp: Sendable, Hashable, Comparable {
    /// Seconds since 1970-01-01T00:00:00Z; negative before.
    var seconds: Int64
    /// 0..<1_000_000_000, always counted forward from `seconds`.
    var nanoseconds: Int32

    static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// How long after `earlier` this moment is; negative when it is before.
    func since(_ earlier: Timestamp) -> Duration {
        // A Duration holds the difference of any two: it counts in 128 bits.
        .seconds(seconds) - .seconds(earlier.seconds) + .nanoseconds(Int64(nanoseconds) - Int64(earlier.nanoseconds))
    }

    /// The system's wall clock. It can jump: measure spans with a monotonic clock instead.
    static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
    }
}
