import Glibc

/// The wall clock and its text formats.
enum Clock {
    /// Milliseconds since 1970.
    static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    /// For example `2026-11-23T22:09:19.123Z`.
    static func iso8601(milliseconds: Int) -> String {
        let fraction = String(milliseconds % 1000 + 1000).dropFirst()
        return format("%Y-%m-%dT%H:%M:%S", seconds: milliseconds / 1000) + ".\(fraction)Z"
    }

    /// RFC 9110 §5.6.7, for example `Mon, 23 Nov 2026 22:09:19 GMT`.
    static func httpDate(seconds: Int) -> String {
        format("%a, %d %b %Y %H:%M:%S GMT", seconds: seconds)
    }

    /// For example `22:09:19`, in UTC.
    static func time(milliseconds: Int) -> String {
        format("%H:%M:%S", seconds: milliseconds / 1000)
    }

    private static func format(_ format: String, seconds: Int) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        return String(
            unsafeUninitializedCapacity: 64,
            initializingUTF8With: { buffer in
                buffer.withMemoryRebound(to: CChar.self) { strftime($0.baseAddress, 64, format, &parts) }
            })
    }
}
