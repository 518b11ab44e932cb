import Alerts
import Glibc
import Journaling
import Libevent
import RocketChat
import SQLiteJournal

/// Tells systemd how the service is (sd_notify(3)): a datagram to the socket that it names, or nothing where it names
/// none.
struct ServiceNotifier: Sendable {
    enum State: Sendable, Equatable {
        case ready
        case reloading(monotonicMicroseconds: UInt64)
        /// The end has begun, and takes no longer than this: systemd waits for it beyond the unit's TimeoutStopSec.
        case stopping(within: Duration)
        case watchdog
        /// One line for `systemctl status`.
        case status(String)

        var text: String {
            switch self {
            case .ready: "READY=1"
            case .reloading(let now): "RELOADING=1\nMONOTONIC_USEC=\(now)"
            case .stopping(let limit):
                // A year is longer than any drain, and fits.
                "STOPPING=1\nEXTEND_TIMEOUT_USEC=\(min(limit, .seconds(366 * 86_400)).components.seconds * 1_000_000)"
            case .watchdog: "WATCHDOG=1"
            case .status(let line): "STATUS=" + line.split(separator: "\n").joined(separator: " ")
            }
        }
    }

    /// A path, or a name in the abstract namespace with `@` in place of its NUL.
    private let socketName: String?
    /// How long systemd waits for a sign of life; nil where it does not watch this process.
    let watchdogInterval: Duration?

    init(environment: [String: String], process: Int32 = getpid()) {
        socketName = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isWatched = environment["WATCHDOG_PID"].map { $0 == String(process) } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { UInt64($0) }.flatMap { $0 > 0 ? $0 : nil }
        watchdogInterval = isWatched && socketName != nil ? microseconds.map(Self.interval) : nil
    }

    /// Within 10 ms, so that signs of life do not take the loop's time, and a day, so that no sum with it overflows.
    private static func interval(microseconds: UInt64) -> Duration {
        min(max(.microseconds(Int64(clamping: microseconds)), .milliseconds(10)), .seconds(86_400))
    }

    /// Never blocks; a lost datagram is no error, since systemd's own time-outs are.
    func notify(_ states: State...) {
        guard let socketName else { return }
        UnixSocket.send(Array(states.map(\.text).joined(separator: "\n").utf8), to: socketName)
    }

    /// The clock that `RELOADING=1` is told by.
    static var monotonicMicroseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}

/// The line that `systemctl status` shows.
enum ServiceStatus {
    static func line(_ snapshot: JournalSnapshot) -> String {
        let waiting = Severity.allCases.compactMap { severity -> String? in
            let count = snapshot.pending.reduce(0) { $0 + ($1.key.severity == severity ? $1.value : 0) }
            guard count > 0 else { return nil }
            return "\(count) \(severity.rawValue)"
        }
        let pending = waiting.isEmpty ? "nothing pending" : "pending: \(waiting.joined(separator: ", "))"
        return "\(condition(snapshot)); \(pending)"
    }

    private static func condition(_ snapshot: JournalSnapshot) -> String {
        if let refusal = snapshot.state.refusal { return "refusing webhooks, \(refusal.explanation)" }
        if !snapshot.reserved.isEmpty { return "relaying, journal refuses \(Severity.list(snapshot.reserved))" }
        return snapshot.degraded == nil ? "relaying" : "relaying, journal degraded"
    }
}
