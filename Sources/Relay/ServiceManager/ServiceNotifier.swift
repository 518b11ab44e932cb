import Alerts
import Glibc
import Journaling
import Libevent

/// Notifies systemd of the service state (sd_notify(3)), by a datagram to its socket. Does nothing if there is no
/// socket.
struct ServiceNotifier: Sendable {
    enum State: Sendable, Equatable {
        case ready
        case reloading(monotonicMicroseconds: UInt64)
        /// Shutdown has started and takes at most this long. systemd then waits longer than TimeoutStopSec of the unit.
        case stopping(within: Duration)
        case watchdog
        /// One line for `systemctl status`.
        case status(String)

        var text: String {
            switch self {
            case .ready: "READY=1"
            case .reloading(let now): "RELOADING=1\nMONOTONIC_USEC=\(now)"
            case .stopping(let limit):
                // One year exceeds every drain and does not overflow.
                "STOPPING=1\nEXTEND_TIMEOUT_USEC=\(min(limit, .seconds(366 * 86_400)).components.seconds * 1_000_000)"
            case .watchdog: "WATCHDOG=1"
            case .status(let line): "STATUS=" + line.split(separator: "\n").joined(separator: " ")
            }
        }
    }

    /// A path, or an abstract name with `@` in place of the NUL.
    private let socketName: String?
    /// The watchdog timeout of systemd; nil if it does not watch this process.
    let watchdogInterval: Duration?

    init(environment: [String: String], process: Int32 = getpid()) {
        socketName = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isWatched = environment["WATCHDOG_PID"].map { $0 == String(process) } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { UInt64($0) }.flatMap { $0 > 0 ? $0 : nil }
        watchdogInterval = isWatched && socketName != nil ? microseconds.map(Self.interval) : nil
    }

    /// Clamps to 10 ms, so that pings do not overload the loop, and to one day, so that sums do not overflow.
    private static func interval(microseconds: UInt64) -> Duration {
        min(max(.microseconds(Int64(clamping: microseconds)), .milliseconds(10)), .seconds(86_400))
    }

    /// Never blocks. A lost datagram is not an error, because systemd has its own timeouts.
    func notify(_ states: State...) {
        guard let socketName else { return }
        UnixSocket.send(Array(states.map(\.text).joined(separator: "\n").utf8), to: socketName)
    }

    /// The clock of `RELOADING=1`.
    static var monotonicMicroseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}

/// The status line of `systemctl status`.
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
