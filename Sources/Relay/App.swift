import Alerts
import Dispatch
import Glibc
import Journaling
import Libevent
import Logging
import Posting
import SQLiteJournal

/// The running program: creates all stages, connects them, and stops them in reverse order. The only file that depends
/// on all of them.
@LoopActor
final class App {
    private var configuration: RelayConfiguration
    /// The configuration at the start, for settings that need a restart.
    private let initial: RelayConfiguration
    private let sources: ConfigurationSources
    private let logger: Logger
    private let lastReload = LastReload()
    private let intake: Intake
    private var journal: Intake.AlertJournal { intake.journal }
    private let dispatcher: Dispatcher
    private let watchdogs: WatchdogKeeper
    private let lastResort: LastResortKeeper
    private let abort = DeliveryAbort()
    private let server: HTTPServer
    private let listener: WebhookListener
    private let status: StatusListener
    private let crashGuard: CrashGuard
    private var control: ControlListener?
    private let finish: @Sendable (Int32) -> Void
    private var signals: [LoopEvent] = []
    private var deadline: LoopEvent?
    private var reloads: ReloadQueue<OutboundPlan>?
    /// Retries the registration of receivers for which the journal had no space.
    private var registrationRetry: LoopEvent?
    private let notifier: ServiceNotifier
    private var watchdog: LoopEvent?
    private var pageDrop: LoopEvent?
    private var drain: Drain?
    private var isDraining: Bool { drain != nil }

    /// Opens the journal and creates the stages.
    ///
    /// - Parameter finish: called with the exit code when everything has stopped.
    init(
        configuration: RelayConfiguration, sources: ConfigurationSources, metrics: Metrics, logger: Logger,
        finish: @escaping @Sendable (Int32) -> Void
    ) throws {
        self.configuration = configuration
        initial = configuration
        self.sources = sources
        notifier = ServiceNotifier(environment: ConfigurationReader.processEnvironment)
        self.logger = logger
        lastReload.register(in: metrics)
        metrics.register("relay_build_info", "The running version and revision. Always 1.") {
            let labels = [("version", Version.current), ("revision", Version.revision)]
            return [Gauge.Sample(labels: labels, value: 1)]
        }
        self.finish = finish
        let opened = try Intake.open(
            SQLiteJournalStore(
                SpoolSettings(folder: configuration.storagePath, limitBytes: Int64(configuration.journalLimit))),
            settings: JournalSettings(dedupeWindow: configuration.dedupeWindow, history: configuration.history),
            observer: JournalMetrics(metrics: metrics, logger: logger))
        let journal = opened.0
        let receivers = try journal.register(configuration.queuedReceivers, forgettingOthers: true).get()
        let plan = OutboundPlan(configuration: configuration, receivers: receivers)
        // After the journal, which acquires the lock of the folder.
        crashGuard = CrashGuard(HandlingFile(folder: configuration.storagePath))
        crashGuard.report(to: logger)
        dispatcher = Dispatcher(
            plan, services: .init(journal: journal, crashGuard: crashGuard, abort: abort), metrics: metrics,
            logger: logger)
        let bodyGuard = BodyGuard(folder: configuration.storagePath, logger: logger)
        intake = Intake(opened, bodyGuard: bodyGuard, dispatcher: dispatcher, metrics: metrics, logger: logger)
        watchdogs = WatchdogKeeper(
            plan, rows: journal.recovery.hooks, intake: intake, metrics: metrics, logger: logger)
        status = StatusListener(dispatcher, intake, zone: configuration.posting.zone, metrics: metrics, logger: logger)
        lastResort = LastResortKeeper(
            plan, rows: journal.recovery.hooks,
            services: .init(journal: journal, crashGuard: crashGuard, abort: abort),
            snapshot: { [journal] in journal.snapshot }, cutOff: { [dispatcher] in dispatcher.cutOff },
            metrics: metrics, logger: logger)
        listener = WebhookListener(
            configuration: configuration, router: AlertRouter(configuration.receivers, numbers: receivers),
            bodyGuard: bodyGuard, intake: intake, status: status, metrics: metrics, logger: logger)
        listener.chatOps = ChatOpsEndpoint(
            configuration: configuration, screener: listener.screener, abort: abort, metrics: metrics, logger: logger)
        let listener = listener
        let limits = DescriptorLimit.raise().applied(to: configuration.limits, logger)
        server = HTTPServer(limits: limits) { listener.handle($0) }
        listener.screener.attach(to: server)
        server.onReplyOverdue = { listener.replyOverdue($0) }
        server.tls = configuration.tls
        listener.onReload = { [unowned self] in reload(then: $0) }
        intake.onFailure = { [unowned self] in journalFailed($0) }
        metrics.register("relay_tls_handshakes_failed_total", "Failed TLS handshakes.", type: "counter") { [server] in
            Double(server.failedHandshakes)
        }
        reloads = ReloadQueue(
            read: { Result { () throws(ConfigurationError) in try Self.plan(sources.read(), journal) } },
            apply: { [unowned self] in reloaded($0) })
        retryRegistration(plan)
        if let degraded = journal.recovery.degraded {
            let missing = journal.recovery.missing
            logger.error("journal is degraded", metadata: ["reason": "\(degraded)", "missing": "\(missing)"])
        }
    }

    // MARK: Start

    func start() throws {
        signals = [SIGTERM, SIGINT, SIGHUP].map { signal in
            LoopEvent.signal(signal) { [unowned self] in receive(signal) }
        }
        try listen()
        startControl()
        dispatcher.start(journal.recovery.hooks)
        logger.info(
            "started", metadata: ["version": "\(Version.current)", "pending": "\(journal.snapshot.totalPending)"])
        notifier.notify(.ready, .status(ServiceStatus.line(journal.snapshot)))
        watchdog = notifier.watchdogInterval.map { interval in
            LoopEvent.timer(after: interval / 3, repeats: true) { [unowned self] in reportAlive() }
        }
        // Later: the first requests must not wait for pages, and the journal releases its cache after two seconds.
        pageDrop = LoopEvent.timer(after: .seconds(3)) { ReadOnlyPages.drop() }
    }

    /// The watchdog ping passes the loop and the journal queue. If either hangs, no ping is sent and the service
    /// manager restarts the program.
    private func reportAlive() {
        journal.ping { [weak self] in
            LoopActor.post {
                guard let self else { return }
                self.notifier.notify(.watchdog, .status(self.statusLine))
            }
        }
    }

    private var statusLine: String {
        isDraining ? "draining" : ServiceStatus.line(journal.snapshot)
    }

    /// Listens on inherited sockets if there are any, otherwise on the configured addresses.
    private func listen() throws {
        let inherited = try InheritedSockets.take(environment: ConfigurationReader.processEnvironment)
        guard inherited.isEmpty else {
            for descriptor in inherited { try server.listen(adopting: descriptor) }
            return logger.info("listening", metadata: ["sockets": "\(inherited.count) inherited"])
        }
        let ports = configuration.listen.filter { $0.isWildcard && !$0.isIPv6 && !$0.host.isEmpty }.map(\.port)
        for address in configuration.listen {
            // If 0.0.0.0 has the same port, [::] must not accept IPv4.
            let bound = try server.listen(on: address, acceptsIPv4: !ports.contains(address.port))
            logger.info("listening", metadata: ["address": "\(bound)"])
        }
    }

    /// Opens the control socket. Without it the relay works, but commands on its spool fail until it stops.
    private func startControl() {
        let services = ControlListener.services(intake, status: status, crashGuard: crashGuard)
        do {
            control = try ControlListener(folder: configuration.storagePath, services: services)
        } catch {
            logger.error("cannot open the control socket", metadata: ["err": "\(error)"])
        }
    }

    // MARK: Reload

    /// Reads the configuration off the loop and applies it. An invalid configuration changes nothing.
    ///
    /// - Parameter done: called with the errors, or nil if the new configuration is applied.
    func reload(then done: @escaping @LoopActor @Sendable (ConfigurationError?) -> Void = { _ in }) {
        // READY=1 after STOPPING=1 would revoke the stop.
        if !isDraining {
            notifier.notify(.reloading(monotonicMicroseconds: ServiceNotifier.monotonicMicroseconds))
        }
        reloads?.request { [weak self] error in
            if self?.isDraining == false { self?.notifier.notify(.ready) }
            done(error)
        }
    }

    /// Registers the receivers of the configuration in the journal. Blocks, so it must not be called on the loop.
    private nonisolated static func plan(
        _ configuration: RelayConfiguration, _ journal: Intake.AlertJournal
    ) throws(ConfigurationError) -> OutboundPlan {
        switch journal.register(configuration.queuedReceivers) {
        case .success(let receivers): return OutboundPlan(configuration: configuration, receivers: receivers)
        case .failure(let refusal):
            let problem = ConfigurationProblem(key: "receivers", message: refusal.explanation)
            throw ConfigurationError(problems: [problem])
        }
    }

    /// Retries regularly if the journal could not store some receivers. Until then their alerts go to the rooms of
    /// their severities. A full disk must block neither the start nor a reload.
    private func retryRegistration(_ plan: OutboundPlan) {
        let missing = plan.unregistered
        guard !missing.isEmpty else {
            registrationRetry = nil
            return
        }
        if registrationRetry == nil {
            logger.error(
                "receivers have no queue: the journal has no space",
                metadata: ["receivers": "\(missing.joined(separator: ","))"])
        }
        guard registrationRetry == nil else { return }
        let journal = journal
        registrationRetry = LoopEvent.timer(after: .seconds(5), repeats: true) { [unowned self] in
            let configuration = configuration
            reloads?.runIfIdle {
                Result { () throws(ConfigurationError) in try Self.plan(configuration, journal) }
            } apply: { [unowned self] result in
                if case .success(let plan) = result { adopt(plan) }
            }
        }
    }

    /// Creates queues for the receivers of the plan, then routes to them.
    private func adopt(_ plan: OutboundPlan) {
        // First, before the listener accepts alerts for them.
        dispatcher.reconfigure(plan)
        let new = plan.configuration
        journal.keepHistory(new.history)
        listener.reconfigure(new, router: AlertRouter(new.receivers, numbers: plan.receivers))
        watchdogs.reconfigure(plan)
        lastResort.reconfigure(plan)
        retryRegistration(plan)
    }

    private func reloaded(_ result: Result<OutboundPlan, ConfigurationError>) {
        switch result {
        case .failure(let error):
            lastReload.failed()
            for problem in error.problems {
                logger.error("configuration rejected", metadata: ["err": "\(problem)"])
            }
        case .success(let plan):
            let new = plan.configuration
            adopt(plan)
            // Open connections keep their TLS context.
            server.tls = new.tls
            sources.apply(new)
            configuration = new
            lastReload.succeeded(at: .now())
            logger.notice("configuration reloaded")
            let pending = new.needingRestart(since: initial)
            if !pending.isEmpty {
                logger.warning(
                    "some settings need a restart", metadata: ["settings": "\(pending.joined(separator: ", "))"])
            }
        }
    }

    // MARK: End

    private func receive(_ signal: Int32) {
        if signal == SIGHUP { return reload() }
        guard !isDraining else {
            logger.warning("second signal, exiting immediately")
            return finish(1)
        }
        logger.info("draining", metadata: ["signal": "\(signal == SIGTERM ? "SIGTERM" : "SIGINT")"])
        startDrain()
    }

    /// The extra stop time that is requested from the service manager. Longer than `Drain.closingTime`, for a busy
    /// machine.
    private static let stopExtension = Duration.seconds(10)

    /// Refuses new requests, answers accepted ones, and waits for posts in flight. Undelivered notifications stay in
    /// the journal.
    private func startDrain() {
        let drain = Drain(
            timeout: configuration.drainTimeout, journal: journal, abort: abort, logger: logger, finish: finish)
        self.drain = drain
        listener.isDraining = true
        watchdogs.stop()
        lastResort.stop()
        notifier.notify(.stopping(within: configuration.drainTimeout + Self.stopExtension), .status(statusLine))
        server.stopListening()
        drain.begin(server, dispatcher)
        // Last, because removing the file can block on a hanging disk.
        control?.stop()
    }

    /// Exits after a storage failure that must not be retried. The next start recovers the data on disk.
    private func journalFailed(_ reason: String) {
        notifier.notify(.stopping(within: Self.stopExtension), .status("storage failed: \(reason)"))
        listener.isDraining = true
        server.stopListening()
        let finish = finish
        server.whenIdle { finish(1) }
        deadline = LoopEvent.timer(after: .seconds(1)) { finish(1) }
    }
}
