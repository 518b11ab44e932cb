import Alerts
import Journaling
import Libevent
import Logging

/// Makes alerts durable, then passes them to delivery. Combines journal and dispatcher.
///
/// Batches come from the listener, replayed dead letters from the control service. Only the journal makes
/// `Journaled` notifications, so only durable alerts are dispatched.
@LoopActor
final class Intake {
    /// Called on the loop once the batch is durable or refused. A duplicate is a success without notifications.
    typealias Completion = @LoopActor @Sendable (Result<AppendOutcome, JournalRefusal>) -> Void
    typealias AlertJournal = Journal<Completion>

    let journal: AlertJournal
    /// Called once, after a storage failure that must not be retried.
    var onFailure: (@LoopActor (String) -> Void)? {
        get { failure.handler }
        set { failure.handler = newValue }
    }
    /// Called with the signals of each webhook that has alerts of watchdogs.
    var onWatchdogs: (@LoopActor ([WatchdogSignal]) -> Void)?
    private let bodyGuard: BodyGuard
    private let dispatcher: Dispatcher
    private let metrics: Metrics
    private let received: ReceivedAlerts
    private let logger: Logger
    private let failure: FailureSignal

    /// Forwards a failure of the journal, which may occur before the intake exists.
    @LoopActor
    final class FailureSignal {
        fileprivate var handler: (@LoopActor (String) -> Void)?
    }

    /// Opens the journal. Blocks during recovery.
    static func open(
        _ store: sending any JournalStore, settings: JournalSettings, observer: any JournalObserver
    ) throws(JournalOpenError) -> (AlertJournal, FailureSignal) {
        let failure = FailureSignal()
        let journal = try AlertJournal(
            opening: store, settings: settings, observer: observer,
            onFailure: { reason in
                // The responses of the failed commit are already on the loop, so they are sent first.
                LoopActor.post { failure.handler?(reason) }
            },
            acknowledge: { acknowledgements in
                LoopActor.post {
                    for acknowledgement in acknowledgements { acknowledgement.ticket(acknowledgement.result) }
                }
            })
        return (journal, failure)
    }

    init(
        _ opened: (AlertJournal, FailureSignal), bodyGuard: BodyGuard, dispatcher: Dispatcher, metrics: Metrics,
        logger: Logger
    ) {
        (journal, failure) = opened
        self.bodyGuard = bodyGuard
        self.dispatcher = dispatcher
        self.metrics = metrics
        self.logger = logger
        received = ReceivedAlerts(metrics)
        metrics.register(journal)
    }

    /// Commits a batch, then calls `done`, then dispatches it.
    ///
    /// Throws if the journal refuses the batch at once; `done` is not called then.
    func accept(_ batch: AlertBatch, then done: @escaping Completion) throws(JournalRefusal) {
        // Also if the journal refuses the batch: the watchdogs have arrived.
        if !batch.watchdogs.isEmpty { onWatchdogs?(batch.watchdogs) }
        let (counts, dropped) = (batch.counts, batch.dropped)
        try journal.append(batch) { [self] result in
            done(result)
            guard case .success(let outcome) = result else { return }
            if outcome.isDuplicate { return metrics.duplicatesSuppressed[].increment() }
            received.count(counts)
            for (name, count) in dropped { metrics.alertsDropped[name].increment(by: count) }
            dispatcher.dispatch(outcome.notifications)
        }
    }

    /// Stores a webhook body that crashed the process as a dead letter, then calls `done`.
    ///
    /// Throws if the journal refuses it at once; `done` is not called then.
    func setAside(_ body: [UInt8], from sender: String, then done: @escaping Completion) throws(JournalRefusal) {
        try journal.append(bodyGuard.asNotification(body)) { [self] result in
            if case .success(let outcome) = result {
                for notification in outcome.notifications { settle(crashed: notification, from: sender) }
            }
            done(result)
        }
    }

    /// The body is on disk as a pending notification. If the process crashes here, the outbound queue moves it to the
    /// dead letters.
    private func settle(crashed notification: Journaled<Notification>, from sender: String) {
        logger.error(
            "webhook set aside: the process crashed while parsing it",
            metadata: ["id": "\(notification.id)", "from": "\(sender)"])
        metrics.notificationsDead[Severity.fallback.rawValue, DeadLetter.Reason.crash.rawValue].increment()
        let answer = "the relay crashed \(BodyGuard.crashLimit) times while parsing it"
        journal.settle(notification.id, as: .dead(reason: .crash, attempts: 0, answer: answer))
    }

    nonisolated func noteDropped(_ letters: [JournalID]) {
        guard !letters.isEmpty else { return }
        let ids = letters.map(\.description).joined(separator: ",")
        logger.notice("dead letters dropped", metadata: ["ids": "\(ids)"])
    }

    /// Dispatches dead letters that the journal has made pending again.
    nonisolated func replay(_ notifications: [Journaled<Notification>]) {
        guard !notifications.isEmpty else { return }
        let ids = notifications.map(\.id.description).joined(separator: ",")
        logger.info("dead letters replayed", metadata: ["ids": "\(ids)"])
        LoopActor.post { [self] in dispatcher.dispatch(notifications) }
    }
}

/// Counts accepted alerts. The metrics are looked up once: at tens of thousands of webhooks a second, looking them up
/// by label would cost more than the counting.
private struct ReceivedAlerts {
    /// Indexed by rank of the severity.
    private let alerts: [(firing: Counter, resolved: Counter)]

    init(_ metrics: Metrics) {
        alerts = Severity.allCases.sorted { $0.rank < $1.rank }.map { severity in
            (
                firing: metrics.alertsReceived[severity.rawValue, AlertStatus.firing.rawValue],
                resolved: metrics.alertsReceived[severity.rawValue, AlertStatus.resolved.rawValue]
            )
        }
    }

    func count(_ counts: [AlertBatch.Count]) {
        for count in counts {
            let counters = alerts[Int(count.severity.rank)]
            (count.status == .firing ? counters.firing : counters.resolved).increment(by: count.alerts)
        }
    }
}
