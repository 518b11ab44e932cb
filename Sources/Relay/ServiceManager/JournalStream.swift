import Glibc
import Logging

/// Detects whether standard error is systemd's journal, which reads a priority at the start of each line (sd-daemon(3)).
enum JournalStream {
    /// Whether a descriptor is the stream that the service manager names in `JOURNAL_STREAM` (systemd.exec(5)). It is
    /// not if the program's output was redirected.
    static func isStream(_ descriptor: Int32, environment: [String: String]) -> Bool {
        var status = stat()
        guard let stream = environment["JOURNAL_STREAM"], fstat(descriptor, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }

    static let isStandardError = isStream(STDERR_FILENO, environment: ConfigurationReader.processEnvironment)

    /// The priority of syslog(3) in angle brackets.
    static func prefix(for level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "<7>"
        case .info: "<6>"
        case .notice: "<5>"
        case .warning: "<4>"
        case .error: "<3>"
        case .critical: "<2>"
        }
    }
}
