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

/// The code pages of the program and its libraries.
enum CodePages {
    /// Drops all code pages (MADV_DONTNEED) so that only pages used while serving stay resident. Parsing the command
    /// line and the configuration touches megabytes that serving never needs.
    ///
    /// The pages are unmodified file pages; the kernel maps them again from the page cache on access.
    static func release() {
        guard let maps = fopen("/proc/self/maps", "re") else { return }
        // Read everything first: the dropped pages include the code that reads.
        var ranges: [(start: UInt, end: UInt)] = []
        var line: UnsafeMutablePointer<CChar>?
        var size = 0
        while getline(&line, &size, maps) > 0 {
            if let line, let range = codeRange(String(cString: line)) { ranges.append(range) }
        }
        free(line)
        fclose(maps)
        for range in ranges {
            guard let start = UnsafeMutableRawPointer(bitPattern: range.start) else { continue }
            madvise(start, Int(range.end - range.start), MADV_DONTNEED)
        }
    }

    /// Returns the address range of a line in `/proc/self/maps` (proc(5)) if it maps a file as executable and not
    /// writable. Relocated data, which no file holds, is never executable.
    static func codeRange(_ line: String) -> (start: UInt, end: UInt)? {
        let fields = line.split(maxSplits: 5, whereSeparator: { $0 == " " || $0 == "\n" })
        guard fields.count == 6, fields[1] == "r-xp", fields[5].drop(while: { $0 == " " }).hasPrefix("/") else {
            return nil
        }
        let ends = fields[0].split(separator: "-").map { UInt($0, radix: 16) }
        guard ends.count == 2, let start = ends[0], let end = ends[1], start < end else { return nil }
        return (start, end)
    }
}
