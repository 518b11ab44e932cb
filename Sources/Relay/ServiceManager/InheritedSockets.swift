import Glibc

/// Listening sockets inherited from a service manager (sd_listen_fds(3)). They outlive the process, so no connection is
/// refused during a restart.
enum InheritedSockets {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// The first inherited descriptor.
    static let first: Int32 = 3

    /// Returns the descriptors for this process; empty without a service manager. Removes the variables from the
    /// environment, so that child processes do not use them.
    static func take(environment: [String: String], process: Int32 = getpid()) throws(Failure) -> [Int32] {
        defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) } }
        guard environment["LISTEN_PID"] == String(process), let text = environment["LISTEN_FDS"] else { return [] }
        guard let count = Int32(text), (0...64).contains(count) else {
            throw Failure(description: "LISTEN_FDS=\(text) is not a valid number of sockets")
        }
        let descriptors = Array(first..<(first + count))
        for descriptor in descriptors { try check(descriptor) }
        return descriptors
    }

    private static func check(_ descriptor: Int32) throws(Failure) {
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
            throw Failure(description: "descriptor \(descriptor) was announced but is not open")
        }
        let isStream = option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue)
        guard isStream, option(SO_ACCEPTCONN, of: descriptor) == 1 else {
            throw Failure(
                description: "descriptor \(descriptor) is no listening stream socket; the unit needs ListenStream=")
        }
        // accept must not block in libevent, whatever the unit sets.
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(4)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }
}
