import Dispatch
import Glibc
import Libevent
import Logging

/// The whole program while it serves: makes every stage, joins them, and takes them down in reverse. The only file that
/// knows them all.
@LoopActor
final class App {
    private var configuration: RelayConfiguration
    /// What cannot change while the program runs is as it was here.
    private let initial: RelayConfiguration
    private let sources: ConfigurationSources
    private let logger: Logger
    private let metrics: Metrics
    private let journal: Journal<PendingWebhook>
    private let outbound: OutboundQueues
    private let dispatcher: Dispatcher
    private let abort = DeliveryAbort()
    private let server: HTTPServer
    private let listener: WebhookListener
    private var control: ControlListener?
    private let finish: @Sendable (Int32) -> Void
    private var signals: [LoopEvent] = []
    private var deadline: LoopEvent?
    private let notifier: ServiceNotifier
    private var watchdog: LoopEvent?
    private var isDraining = false

    /// Opens the journal and starts to listen.
    ///
    /// - Parameter finish: called once, with the program's exit code, when all is down.
    init(
        configuration: RelayConfiguration, sources: ConfigurationSources, metrics: Metrics, logger: Logger,
        finish: @escaping @Sendable (Int32) -> Void
    ) throws {
        self.configuration = configuration
        initial = configuration
        self.sources = sources
        notifier = ServiceNotifier(environment: ConfigurationReader.processEnvironment)
        self.logger = logger
        self.metrics = metrics
        self.finish = finish
        let mailbox = Mailbox()
        let journal = try Journal<PendingWebhook>(
            opening: SQLiteJournalStore(
                SpoolSettings(folder: configuration.storagePath, limitBytes: Int64(configuration.journalLimit))),
            settings: JournalSettings(dedupeWindow: configuration.dedupeWindow),
            observer: JournalWatch(metrics: metrics, logger: logger),
            onFailure: { reason in
                // The answers of the failed commit are with the loop by now; let them leave before the end.
                LoopActor.post { mailbox.app?.journalFailed(reason) }
            },
            acknowledge: { acknowledgements in
                LoopActor.post { mailbox.app?.listener.acknowledge(acknowledgements) }
            })
        self.journal = journal
        let receivers = try journal.register(configuration.receivers.map(\.name), forgettingOthers: true).get()
        outbound = OutboundQueues(
            .init(configuration: configuration, receivers: receivers),
            base: .init(journal: journal, metrics: metrics, logger: logger, abort: abort))
        dispatcher = Dispatcher(queues: outbound.all)
        listener = WebhookListener(
            configuration: configuration, router: AlertRouter(configuration.receivers, numbers: receivers),
            services: WebhookListener.Services(
                journal: journal, dispatcher: dispatcher, metrics: metrics, logger: logger,
                reload: { done in mailbox.app?.reload(then: done) }, scrape: { done in mailbox.app?.scrape(done) }))
        let listener = listener
        server = HTTPServer(limits: configuration.limits) { listener.handle($0) }
        server.onFramingViolation = { listener.refuseFraming($0, $1) }
        server.onReplyOverdue = { listener.replyOverdue($0) }
        server.tls = configuration.tls
        mailbox.app = self
        if let degraded = journal.recovery.degraded {
            logger.error("journal is degraded", metadata: ["reason": "\(degraded)"])
        }
    }

    /// What the journal's callbacks are given before the app they belong to is complete.
    @LoopActor
    private final class Mailbox {
        weak var app: App?
    }

    // MARK: Start

    func start() throws {
        signals = [SIGTERM, SIGINT, SIGHUP].map { signal in
            LoopEvent.signal(signal) { [unowned self] in receive(signal) }
        }
        try listen()
        startControl()
        for queue in outbound.all { queue.start() }
        logger.info(
            "started", metadata: ["version": "\(Version.current)", "pending": "\(journal.snapshot.totalPending)"])
        notifier.notify(.ready, .status(ServiceStatus.line(journal.snapshot)))
        watchdog = notifier.watchdogInterval.map { interval in
            LoopEvent.timer(after: interval / 3, repeats: true) { [unowned self] in reportAlive() }
        }
        CodePages.release()
    }

    /// The sign of life goes from the loop to the journal's queue, back, and out: where either hangs there is none, and
    /// the service manager starts the program anew.
    private func reportAlive() {
        journal.pulse { [weak self] in
            LoopActor.post {
                guard let self else { return }
                self.notifier.notify(.watchdog, .status(self.statusLine))
            }
        }
    }

    private var statusLine: String {
        isDraining ? "draining" : ServiceStatus.line(journal.snapshot)
    }

    /// On the sockets that a service manager hands over, else on the configured addresses.
    private func listen() throws {
        let inherited = try InheritedSockets.take(environment: ConfigurationReader.processEnvironment)
        guard inherited.isEmpty else {
            for descriptor in inherited { try server.listen(adopting: descriptor) }
            return logger.info("listening", metadata: ["sockets": "\(inherited.count) inherited"])
        }
        let ports = configuration.listen.filter { $0.isWildcard && !$0.isIPv6 && !$0.host.isEmpty }.map(\.port)
        for address in configuration.listen {
            // Beside 0.0.0.0 on the same port, [::] must not claim IPv4 too.
            let bound = try server.listen(on: address, acceptsIPv4: !ports.contains(address.port))
            logger.info("listening", metadata: ["address": "\(bound)"])
        }
    }

    /// Without it the relay relays all the same: only the commands on dead letters must wait for its end.
    private func startControl() {
        let listener = listener
        let desk = DeadLetterDesk(journal: journal) { notifications in
            LoopActor.post { listener.dispatch(notifications) }
        }
        do {
            control = try ControlListener(folder: configuration.storagePath) { desk.carryOut($0, asJSON: $1) }
        } catch {
            logger.error("no control socket", metadata: ["err": "\(error)"])
        }
    }

    private func scrape(_ done: @escaping @LoopActor @Sendable (String) -> Void) {
        let (journal, queues, metrics, failedHandshakes) = (journal, outbound.all, metrics, server.failedHandshakes)
        // Reads files of /proc, so not on the loop.
        DispatchQueue.global(qos: .utility).async { @Sendable in
            let breakers = queues.map { ($0.destination, $0.breakerState) }
            let text = Scrape(
                metrics: metrics, snapshot: journal.snapshot, breakers: breakers, failedHandshakes: failedHandshakes,
                now: .now()
            ).text()
            LoopActor.post { done(text) }
        }
    }

    // MARK: Reload

    /// Reads the configuration again, off the loop, and works with it; a bad one changes nothing.
    ///
    /// - Parameter done: told what was wrong; nil when the new configuration is in force.
    func reload(then done: @escaping @LoopActor @Sendable (ConfigurationError?) -> Void = { _ in }) {
        // Whoever is ready again after STOPPING=1 would not be stopping.
        if !isDraining {
            notifier.notify(.reloading(monotonicMicroseconds: ServiceNotifier.monotonicMicroseconds))
        }
        let (sources, journal) = (sources, journal)
        DispatchQueue.global().async { @Sendable [weak self] in
            let result = Result { () throws(ConfigurationError) in try Self.plan(sources, journal) }
            LoopActor.post {
                self?.reloaded(result)
                if self?.isDraining == false { self?.notifier.notify(.ready) }
                if case .failure(let error) = result { done(error) } else { done(nil) }
            }
        }
    }

    /// Reads the configuration, and has the journal know its receivers; waits for both.
    private nonisolated static func plan(
        _ sources: ConfigurationSources, _ journal: Journal<PendingWebhook>
    ) throws(ConfigurationError) -> OutboundQueues.Plan {
        let configuration = try sources.read()
        switch journal.register(configuration.receivers.map(\.name)) {
        case .success(let receivers): return OutboundQueues.Plan(configuration: configuration, receivers: receivers)
        case .failure(let refusal):
            let problem = ConfigurationProblem(key: "receivers", message: refusal.explanation)
            throw ConfigurationError(problems: [problem])
        }
    }

    private func reloaded(_ result: Result<OutboundQueues.Plan, ConfigurationError>) {
        switch result {
        case .failure(let error):
            metrics.lastReload.failed()
            for problem in error.problems {
                logger.error("configuration not taken", metadata: ["err": "\(problem)"])
            }
        case .success(let plan):
            let new = plan.configuration
            // Before the listener can accept anything for them.
            for queue in outbound.reconfigure(plan) {
                dispatcher.add(queue)
                if !isDraining { queue.start() }
            }
            listener.reconfigure(new, router: AlertRouter(new.receivers, numbers: plan.receivers))
            // Connections that are open keep what they began with.
            server.tls = new.tls
            sources.apply(new)
            configuration = new
            metrics.lastReload.succeeded(at: .now())
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
            logger.warning("second signal, leaving at once")
            return finish(1)
        }
        logger.info("draining", metadata: ["signal": "\(signal == SIGTERM ? "SIGTERM" : "SIGINT")"])
        drain()
    }

    /// What the end takes beyond the drain timeout at most: posts notice the cut, the journal commits and closes.
    private static let closingTime = Duration.seconds(10)

    /// Takes no more, answers what was taken, lets posts in flight end; what is not delivered stays in the journal.
    private func drain() {
        isDraining = true
        listener.isDraining = true
        notifier.notify(.stopping(within: configuration.drainTimeout + Self.closingTime), .status(statusLine))
        server.stopListening()
        control?.stop()
        let steps = DispatchGroup()
        steps.enter()
        server.whenIdle { steps.leave() }
        for queue in outbound.all {
            steps.enter()
            queue.stop { steps.leave() }
        }
        // After the deadline posts are cut; their outcome is not known, so they are made again at the next start.
        deadline = LoopEvent.timer(after: configuration.drainTimeout) { [unowned self] in
            logger.warning("drain timeout, cutting posts in flight")
            abort.abort()
            close(after: .now() + .seconds(2), steps)
        }
        // @Sendable: it runs off the loop, whose isolation a plain closure would inherit.
        steps.notify(queue: .global()) { @Sendable [weak self] in LoopActor.post { self?.closeJournal() } }
    }

    /// Posts notice the cut within a second; nothing that hangs longer may hold up the end.
    private func close(after limit: DispatchTime, _ steps: DispatchGroup) {
        DispatchQueue.global().async { @Sendable [weak self] in
            _ = steps.wait(timeout: limit)
            LoopActor.post { self?.closeJournal() }
        }
    }

    private var isClosing = false

    private func closeJournal() {
        guard !isClosing else { return }
        isClosing = true
        deadline = nil
        let (journal, logger, finish) = (journal, logger, finish)
        DispatchQueue.global().async { @Sendable in
            journal.close()
            logger.info("stopped", metadata: ["pending": "\(journal.snapshot.totalPending)"])
            finish(0)
        }
    }

    /// Storage failed in a way that must not be retried: recovery at the next start finds what is on disk.
    private func journalFailed(_ reason: String) {
        notifier.notify(.stopping(within: Self.closingTime), .status("storage failed: \(reason)"))
        listener.isDraining = true
        server.stopListening()
        let finish = finish
        server.whenIdle { finish(1) }
        deadline = LoopEvent.timer(after: .seconds(1)) { finish(1) }
    }
}
