import Alerts
import ArgumentParser
import Dispatch
import Glibc
import Journaling
import Libevent
import Logging
import Support

/// `relay serve`: runs the relay until a signal ends it.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the server (the default command).",
        discussion: """
            Flags override environment variables, which override defaults. Set at least one of
            ROCKETCHAT_WEBHOOK_CRITICAL, _WARNING, _INFO and _FALLBACK to the URL of an incoming webhook of Rocket.Chat.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let options = options
        try Self.serve { () throws(ConfigurationError) in try options.configuration() }
    }

    /// Serves until a signal ends it. Never returns after the start.
    ///
    /// - Parameter read: reads the configuration, at the start and at each reload.
    static func serve(_ read: @escaping @Sendable () throws(ConfigurationError) -> RelayConfiguration) throws {
        // First, before threads exist: access to the environment is not synchronized.
        ServiceCredentials.take()
        ProcessGuard.ignoreMeaninglessSignals()
        let configuration = try ConfigurationOptions.reporting(read)
        configuration.timezone.apply()
        let metrics = Metrics()
        let sink = LogSink { metrics.logLinesDropped[].increment() }
        let threshold = LogThreshold(configuration.logLevel)
        let logger = Self.makeLogger(configuration, threshold, sink)
        let end = DispatchSemaphore(value: 0)
        let code = Locked<Int32?>(nil)
        let finish: @Sendable (Int32) -> Void = { exitCode in
            code.withLock { $0 = $0 ?? exitCode }
            end.signal()
        }
        Self.exitOnSignals()
        MemoryPolicy.apply()
        // Before the journal opens: a relay that must not serve leaves the spool as it is.
        try Self.probe(logger)
        let sources = ConfigurationSources(
            read: read,
            apply: { new in
                threshold.level = new.logLevel
                Self.describe(new, to: logger)
            })
        Self.describe(configuration, to: logger)
        LoopActor.post {
            do {
                let app = try App(
                    configuration: configuration, sources: sources, metrics: metrics, logger: logger, finish: finish)
                Self.running = app
                try app.start()
            } catch {
                logger.critical("cannot start", metadata: ["err": "\(error)"])
                finish((error as? JournalOpenError)?.needsOperator == true ? ExitCode.needsOperator.rawValue : 1)
            }
        }
        // libcrypto reads its configuration at first use. This thread has time.
        _ = SHA256()
        end.wait()
        sink.flush(timeout: .milliseconds(500))
        // Exit without cleanup: a hanging post or callback must not delay or disturb the exit.
        _exit(code.withLock { $0 } ?? 1)
    }

    /// Until the app handles SIGTERM and SIGINT, they end the process immediately. Nothing is accepted yet, and opening
    /// the spool may be interrupted anywhere. Without a handler the kernel ignores them for process 1 of a container.
    private static func exitOnSignals() {
        // A parent process may have blocked them, as worker threads of Dispatch do.
        var set = sigset_t()
        sigemptyset(&set)
        defer { pthread_sigmask(SIG_UNBLOCK, &set, nil) }
        for number in [SIGTERM, SIGINT] {
            sigaddset(&set, number)
            signal(number) { _ in
                let line: StaticString = "relay: stopped by a signal before the start was complete\n"
                write(STDERR_FILENO, line.utf8Start, line.utf8CodeUnitCount)
                _exit(0)
            }
        }
    }

    /// The app lives as long as the process.
    @LoopActor private static var running: App?

    /// Logs a summary of the configuration, at the start and after each reload.
    private static func describe(_ configuration: RelayConfiguration, to logger: Logger) {
        for warning in configuration.warnings {
            logger.warning("a setting looks wrong", metadata: ["detail": "\(warning)"])
        }
        let summary = ConfigurationSummary(configuration)
        for line in summary.lines {
            logger.info("configuration", metadata: ["item": "\(line.key)", "value": "\(line.text)"])
        }
        if summary.isOpenToAnybody {
            logger.warning("webhooks are accepted from any client; set RELAY_AUTH_TOKEN")
        }
    }

    private static func makeLogger(
        _ configuration: RelayConfiguration, _ threshold: LogThreshold, _ sink: LogSink
    ) -> Logger {
        let format = configuration.logFormat
        let hasPriorities = JournalStream.isStandardError
        let logger = Logger(label: "relay") { _ in
            LineLogHandler(threshold: threshold, format: format, sink: sink, hasPriorities: hasPriorities)
        }
        LibeventLog.setHandler { level, text in
            switch level {
            case .debug, .message: logger.debug("libevent", metadata: ["detail": "\(text)"])
            case .warning: logger.warning("libevent", metadata: ["detail": "\(text)"])
            case .error: logger.error("libevent", metadata: ["detail": "\(text)"])
            }
        }
        return logger
    }

    /// Refuses to serve with a libevent that allows request smuggling. Its package version is not available at run
    /// time, so its behavior is tested.
    private static func probe(_ logger: Logger) throws {
        try judge(SmugglingProbe.run(), logger)
    }

    static func judge(_ verdict: SmugglingProbe.Verdict, _ logger: Logger) throws {
        switch verdict {
        case .safe: break
        case .unknown(let reason): logger.warning("libevent could not be probed", metadata: ["reason": "\(reason)"])
        case .leaking(let request):
            throw ValidationError("requests can be smuggled into the listener: it does not refuse \(request)")
        case .vulnerable:
            StandardStreams.complain(
                "this libevent allows request smuggling (CVE-2026-63379 and others); install "
                    + "2.1.12-stable-8+deb12u1 or later from Debian's security suite")
            throw ExitCode.needsOperator
        }
    }
}

extension ExitCode {
    /// An operator must repair the configuration or the machine. A restart does not help, and the unit does not restart
    /// it (RestartPreventExitStatus).
    static let needsOperator = ExitCode(2)
}
