import Glibc
import Libevent
import Logging

/// How many descriptors the process may have open: the system's limit, of which connections get all but a reserve.
///
/// A listener that uses up every descriptor takes them from the journal, the hooks, the control socket and whoever probes
/// the program's health.
struct DescriptorLimit: Equatable {
    /// For the journal, hooks, the control socket, files that are read, and the listener's own.
    static let reserve = 64

    var descriptors: Int

    /// Raises the soft limit to the hard one, which any process may do (setrlimit(2)), and says what it is then.
    static func raise() -> DescriptorLimit {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return DescriptorLimit(descriptors: 1024)
        }
        if limit.rlim_cur < limit.rlim_max {
            var raised = rlimit(rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max)
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        return DescriptorLimit(descriptors: Int(clamping: limit.rlim_cur))
    }

    /// - Parameter setting: the connections that are asked for.
    /// - Returns: as many of them as leave the reserve; at least one.
    func connections(_ setting: Int) -> Int {
        // Where there are too few for the reserve, half is for connections.
        max(1, min(setting, max(descriptors - Self.reserve, descriptors / 2)))
    }

    /// Limits whose connections leave the reserve; says how many there may be.
    func applied(to configured: HTTPLimits, _ logger: Logger) -> HTTPLimits {
        var limits = configured
        limits.connections = connections(configured.connections)
        let metadata: Logger.Metadata = ["connections": "\(limits.connections)", "descriptors": "\(descriptors)"]
        if limits.connections < configured.connections {
            logger.warning(
                "fewer connections than configured: the process may open too few descriptors", metadata: metadata)
        } else {
            logger.info("connections limited", metadata: metadata)
        }
        return limits
    }
}
