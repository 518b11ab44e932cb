import Alerts
import CLinux
import Glibc
import Journaling
import Libevent
import Logging
import RocketChat
import SQLiteJournal

/// What the process must not do to itself or let others do, whatever starts it.
enum ProcessGuard {
    /// For every command, since each may read secrets. To be called before there are threads: the environment has no
    /// lock.
    static func begin() {
        // Without it the kernel still asks for the program's own right to dump; nothing better is left to do.
        _ = relay_forbid_core_dumps()
        for name in ConfigurationReader.processEnvironment.keys where isUnwanted(variable: name) { unsetenv(name) }
    }

    /// Whether a library would act on an environment variable in a way that no setting of the relay allows:
    /// `SSLKEYLOGFILE` writes the keys of every TLS connection into a file, `CURL_…` and `EVENT_…` choose TLS libraries
    /// and event mechanisms, `SSL_CERT_…` name other certificates to trust than `RELAY_CA_FILE`.
    private static func isUnwanted(variable name: String) -> Bool {
        name == "SSLKEYLOGFILE" || name == "QLOGDIR"
            || ["CURL_", "EVENT_", "SSL_CERT_"].contains { name.hasPrefix($0) }
    }

    /// Signals that would end or stop a server by default and have no meaning for it. SIGHUP is among them until the
    /// relay is ready for it, since a start may take minutes.
    private static var meaninglessSignals: [Int32] {
        // From the first real-time signal that glibc leaves free to the last (signal(7)).
        [SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGTTIN, SIGTTOU, SIGXFSZ]
            + Array(34...64)
    }

    /// To be called before there are threads and before the loop watches any signal.
    static func ignoreMeaninglessSignals() {
        for number in meaninglessSignals { signal(number, SIG_IGN) }
    }
}

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

/// The program's code in memory: its own and that of the libraries.
enum CodePages {
    /// Lets go of every page of code, so that only what runs from now on is resident: reading the command line and the
    /// configuration touches megabytes that serving never needs.
    ///
    /// The pages are unchanged copies of files; what is needed again is mapped again, from the page cache.
    static func release() {
        guard let maps = fopen("/proc/self/maps", "re") else { return }
        // All is read before anything is let go of: the pages hold the code that reads.
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

    /// The addresses that a line of `/proc/self/maps` (proc(5)) gives, if it maps a file to run and not to write:
    /// relocated data, which no file holds, is never executable.
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
