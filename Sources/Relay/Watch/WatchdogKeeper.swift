import Alerts
import Dispatch
import Journaling
import Libevent
import Logging
import Support

/// Watches for the alerts of watchdogs, and passes the relay's own alerts about them to the intake.
///
/// Runs on the loop and never blocks. Its state is written to the journal on a queue of its own, after the message that
/// it describes: a kill between them repeats a message and loses none.
@LoopActor
final class WatchdogKeeper {
    private let clock: @LoopActor () -> WatchdogMonitor.Reading
    private let intake: Intake
    private let metrics: Metrics
    private let logger: Logger
    private let queue = DispatchQueue(label: "watchdog-state", qos: .utility)
    private var monitor: WatchdogMonitor
    /// By the name of the watchdog; also of those that a reload has removed.
    private var rooms: [String: Destination] = [:]
    /// The rooms of alarms that this process has raised. A reload can change the room of a watchdog meanwhile.
    private var alarmed: [WatchdogMonitor.Key: Destination] = [:]
    /// The newest report of each source that the journal has not accepted.
    private var waiting: [WatchdogMonitor.Key: WatchdogMonitor.Report] = [:]
    private var sending: Set<WatchdogMonitor.Key> = []
    private var savedAt: Duration?
    private var isSaving = false
    private var timer: LoopEvent?
    private var isStopped = false

    /// The times of last alerts are written at most this often.
    private static let saveInterval = Duration.seconds(60)
    /// How long a refusal of the journal is waited out.
    private static let retryDelay = Duration.seconds(5)
    /// A longer wait is split.
    private static let longestWait = Duration.seconds(3600)

    /// - Parameter clock: the suspending clock and the wall clock by default. Time in which the machine sleeps is no
    ///   silence.
    init(
        _ plan: OutboundPlan, rows: [HookRow], intake: Intake, metrics: Metrics, logger: Logger,
        clock: @escaping @LoopActor () -> WatchdogMonitor.Reading = WatchdogKeeper.systemClock
    ) {
        (self.intake, self.metrics, self.logger, self.clock) = (intake, metrics, logger, clock)
        monitor = WatchdogMonitor(
            Self.watches(plan.configuration), records: WatchdogState.records(rows), at: clock())
        rooms = Self.rooms(plan)
        register()
        intake.onWatchdogs = { [weak self] in self?.heard($0) }
        schedule()
    }

    static func systemClock() -> WatchdogMonitor.Reading {
        WatchdogMonitor.Reading(steady: SuspendingClock.now - start, wall: .now())
    }

    private static let start = SuspendingClock.now

    private static func watches(_ configuration: RelayConfiguration) -> [WatchdogMonitor.Watch] {
        configuration.watchdogs.map { .init(name: $0.name, timeout: $0.timeout, label: $0.label) }
    }

    private static func rooms(_ plan: OutboundPlan) -> [String: Destination] {
        var rooms: [String: Destination] = [:]
        for watchdog in plan.configuration.watchdogs {
            // Without a number the receiver has no queue yet; an alarm is critical.
            let receiver = plan.receivers.first { $0.value == watchdog.room }?.key ?? .severityRooms
            rooms[watchdog.name] =
                Severity(rawValue: watchdog.room).map { Destination(severity: $0) }
                ?? Destination(receiver: receiver, severity: .critical)
        }
        return rooms
    }

    private func register() {
        metrics.register("relay_watchdog_up", "Whether all sources of the watchdog were heard within its timeout.") {
            [weak self] in
            self?.samples { $0.silentSources == 0 ? 1 : 0 } ?? []
        }
        metrics.register(
            "relay_watchdog_last_received_timestamp_seconds", "When the last watchdog alert arrived; 0 if none has."
        ) { [weak self] in
            self?.samples { condition in
                condition.lastReceived.map { Double($0.nanosecondsSince1970) / 1e9 } ?? 0
            } ?? []
        }
        metrics.register("relay_watchdog_sources", "Watched sources of the watchdog.") { [weak self] in
            self?.samples { Double($0.sources) } ?? []
        }
        metrics.register("relay_watchdog_silent_sources", "Sources of the watchdog that are silent.") { [weak self] in
            self?.samples { Double($0.silentSources) } ?? []
        }
    }

    private func samples(_ value: (WatchdogMonitor.Condition) -> Double) -> [Gauge.Sample] {
        monitor.conditions.map { Gauge.Sample(labels: [("watchdog", $0.watchdog)], value: value($0)) }
    }

    // MARK: Events

    /// Uses other watchdogs and rooms from now on.
    func reconfigure(_ plan: OutboundPlan) {
        // What is reported as dropped goes to the room that it had.
        let reports = monitor.adopt(Self.watches(plan.configuration), at: clock())
        for report in reports { note(report) }
        rooms.merge(Self.rooms(plan)) { $1 }
        finish(reports.isEmpty ? .none : .now)
    }

    /// Raises no alarms from now on.
    func stop() {
        save(.soon)
        isStopped = true
        timer = nil
    }

    private func heard(_ signals: [WatchdogSignal]) {
        var isNews = false
        for signal in signals {
            isNews = isNews || monitor.isNews(signal)
            count(signal)
        }
        let reports = monitor.heard(signals, at: clock())
        for report in reports { note(report) }
        finish(isNews || !reports.isEmpty ? .now : .soon)
    }

    /// Names only of configured watchdogs become label values: a decoder of the time before a reload may have others.
    private func count(_ signal: WatchdogSignal) {
        let name = signal.key.watchdog
        guard rooms[name] != nil else { return }
        if signal.firing > 0 { metrics.watchdogReceived[name, "firing"].increment(by: signal.firing) }
        if signal.resolved > 0 { metrics.watchdogReceived[name, "resolved"].increment(by: signal.resolved) }
    }

    private func tick() {
        let reports = monitor.tick(at: clock())
        for report in reports { note(report) }
        for key in waiting.keys.sorted(by: { $0.source < $1.source }) { send(key) }
        finish(reports.isEmpty ? .soon : .now)
    }

    // MARK: Messages

    private func note(_ report: WatchdogMonitor.Report) {
        log(report)
        if case .dropped(_, wasSilent: false) = report.change { return }
        waiting[report.key] = report
        send(report.key)
    }

    private func send(_ key: WatchdogMonitor.Key) {
        guard !sending.contains(key), let report = waiting.removeValue(forKey: key) else { return }
        let destination = alarmed[key] ?? rooms[key.watchdog] ?? .critical
        let message = WatchdogMessage(report: report, destination: destination, now: clock().wall)
        sending.insert(key)
        do throws(JournalRefusal) {
            try intake.accept(message.batch) { [self] in sent(report, $0.map { _ in destination }) }
        } catch {
            sent(report, .failure(error))
        }
    }

    private func sent(_ report: WatchdogMonitor.Report, _ result: Result<Destination, JournalRefusal>) {
        sending.remove(report.key)
        switch result {
        case .success(let destination):
            if case .silent = report.change { alarmed[report.key] = destination } else { alarmed[report.key] = nil }
            save(.now)
            // A newer report has arrived meanwhile.
            send(report.key)
        case .failure(let refusal):
            logger.error(
                "the journal refuses the alert about a watchdog, retrying",
                metadata: ["watchdog": "\(report.key.watchdog)", "err": "\(refusal.explanation)"])
            waiting[report.key] = waiting[report.key] ?? report
            schedule()
        }
    }

    private func log(_ report: WatchdogMonitor.Report) {
        var metadata: Logger.Metadata = [
            "watchdog": "\(report.key.watchdog)", "seconds": "\(report.silence.components.seconds)",
        ]
        if !report.key.source.isEmpty { metadata["source"] = "\(report.key.source)" }
        switch report.change {
        case .silent(let count):
            metadata["count"] = "\(count)"
            logger.error("watchdog silent", metadata: metadata)
        case .returned: logger.notice("watchdog returned", metadata: metadata)
        case .dropped(let reason, _):
            metadata["reason"] = "\(reason.rawValue)"
            logger.warning("watchdog source dropped", metadata: metadata)
        }
    }

    // MARK: State and timer

    private enum Urgency { case none, soon, now }

    private func finish(_ urgency: Urgency) {
        save(urgency)
        schedule()
    }

    private func save(_ urgency: Urgency) {
        let now = clock().steady
        switch urgency {
        case .none: return
        case .soon: if let savedAt, now - savedAt < Self.saveInterval { return }
        case .now: break
        }
        // A message in flight is stored first, and saves the state when it is.
        guard sending.isEmpty, !isSaving, !isStopped else { return }
        savedAt = now
        isSaving = true
        let (records, journal) = (monitor.records, intake.journal)
        queue.async {
            let result = journal.commitNow([WatchdogState.row(records)])
            LoopActor.post { [weak self] in self?.saved(records, result) }
        }
    }

    /// Saves again if sources or alarms have changed meanwhile. After a failure the next alert saves.
    private func saved(_ records: [WatchdogMonitor.Record], _ result: Result<Void, JournalRefusal>) {
        isSaving = false
        guard case .success = result else { return savedAt = nil }
        let now = monitor.records
        if records.map(\.key) != now.map(\.key) || records.map(\.alarm) != now.map(\.alarm) { save(.now) }
    }

    private func schedule() {
        guard !isStopped else { return }
        var wait = monitor.nextDeadline.map { $0 - clock().steady + .milliseconds(1) }
        if !waiting.isEmpty { wait = min(wait ?? Self.retryDelay, Self.retryDelay) }
        guard let wait else { return timer = nil }
        let delay = min(max(wait, .milliseconds(1)), Self.longestWait)
        if let timer { return timer.schedule(after: delay) }
        timer = LoopEvent.timer(after: delay) { [unowned self] in tick() }
    }
}
