import CLinux
import Glibc
import Libevent
import Logging

/// Protects the secrets of the process, and ignores signals without a meaning for it.
enum ProcessGuard {
    /// Called by every command, because each may read secrets. Must be called before threads exist: access to the
    /// environment is not synchronized.
    static func begin() {
        // Ignore a failure: nothing better is available.
        _ = relay_forbid_core_dumps()
        for name in ConfigurationReader.processEnvironment.keys where isUnwanted(variable: name) { unsetenv(name) }
    }

    /// Whether an environment variable changes a library in a way that no setting of the relay allows. `SSLKEYLOGFILE`
    /// and `QLOGDIR` write connection data to files. `CURL_…` and `EVENT_…` select TLS libraries and event mechanisms.
    /// `SSL_CERT_…` replace the trusted certificates of `RELAY_CA_FILE`.
    private static func isUnwanted(variable name: String) -> Bool {
        name == "SSLKEYLOGFILE" || name == "QLOGDIR"
            || ["CURL_", "EVENT_", "SSL_CERT_"].contains { name.hasPrefix($0) }
    }

    /// Signals that end or stop a process by default and have no meaning for the relay. SIGHUP is ignored until the
    /// relay handles it, because the start can take minutes.
    private static var meaninglessSignals: [Int32] {
        // Real-time signals, from the first that glibc leaves free to the last (signal(7)).
        [SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGTTIN, SIGTTOU, SIGXFSZ]
            + Array(34...64)
    }

    /// Must be called before threads exist and before the loop handles signals.
    static func ignoreMeaninglessSignals() {
        for number in meaninglessSignals { signal(number, SIG_IGN) }
    }
}

/// The limit of open descriptors. Connections may use all but a reserve.
///
/// Without a reserve, connections could use the descriptors of the journal, the hooks, the control socket and health
/// probes.
struct DescriptorLimit: Equatable {
    /// For the journal, hooks, the control socket, files, and the listener itself.
    static let reserve = 64

    var descriptors: Int

    /// Raises the soft limit to the hard limit (setrlimit(2)) and returns the result.
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

    /// - Parameter setting: the configured number of connections.
    /// - Returns: at most that number, so that the reserve is left; at least one.
    func connections(_ setting: Int) -> Int {
        // If there are too few descriptors for the reserve, connections get half.
        max(1, min(setting, max(descriptors - Self.reserve, descriptors / 2)))
    }

    /// Returns limits that leave the reserve, and logs the number of connections.
    func applied(to configured: HTTPLimits, _ logger: Logger) -> HTTPLimits {
        var limits = configured
        limits.connections = connections(configured.connections)
        let metadata: Logger.Metadata = ["connections": "\(limits.connections)", "descriptors": "\(descriptors)"]
        if limits.connections < configured.connections {
            logger.warning(
                "connection limit reduced: too few file descriptors", metadata: metadata)
        } else {
            logger.info("connection limit set", metadata: metadata)
        }
        return limits
    }
}

/// The pages of the program and its libraries that hold a file's bytes unchanged: code, symbol tables, constants.
enum ReadOnlyPages {
    /// Drops all of them (MADV_DONTNEED) so that only pages used while serving stay resident. Linking, parsing the
    /// command line and reading the configuration touch megabytes that serving never needs.
    ///
    /// The kernel maps a dropped page again from the page cache when it is accessed.
    static func drop() { relay_drop_read_only_pages() }
}
