import Glibc

/// Tells systemd how the service is (sd_notify(3)): a datagram to the socket that it names, or nothing where it names
/// none.
struct ServiceNotifier: Sendable {
    enum State: Sendable, Equatable {
        case ready
        case reloading(monotonicMicroseconds: UInt64)
        case stopping
        case watchdog
        /// One line for `systemctl status`.
        case status(String)

        var text: String {
            switch self {
            case .ready: "READY=1"
            case .reloading(let now): "RELOADING=1\nMONOTONIC_USEC=\(now)"
            case .stopping: "STOPPING=1"
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
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil }
        watchdogInterval = isWatched && socketName != nil ? microseconds.map { .microseconds($0) } : nil
    }

    /// Never blocks; a lost datagram is no error, since systemd's own time-outs are.
    func notify(_ states: State...) {
        guard let socketName else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let text = states.map(\.text).joined(separator: "\n")
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(socketName.utf8)
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        // An abstract name ends with the address, not with a NUL.
        let size = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
                _ = text.utf8.withContiguousStorageIfAvailable {
                    sendto(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL), target, size)
                }
            }
        }
    }

    /// The clock that `RELOADING=1` is told by.
    static var monotonicMicroseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}
