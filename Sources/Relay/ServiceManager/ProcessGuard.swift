import CLinux
import Glibc

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
    static func isUnwanted(variable name: String) -> Bool {
        name == "SSLKEYLOGFILE" || name == "QLOGDIR"
            || ["CURL_", "EVENT_", "SSL_CERT_"].contains { name.hasPrefix($0) }
    }

    /// Signals that would end or stop a server by default and have no meaning for it. SIGHUP is among them until the
    /// relay is ready for it, since a start may take minutes.
    static var meaninglessSignals: [Int32] {
        // From the first real-time signal that glibc leaves free to the last (signal(7)).
        [SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGTTIN, SIGTTOU, SIGXFSZ]
            + Array(34...64)
    }

    /// To be called before there are threads and before the loop watches any signal.
    static func ignoreMeaninglessSignals() {
        for number in meaninglessSignals { signal(number, SIG_IGN) }
    }
}
