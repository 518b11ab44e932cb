import Dispatch
import Libevent
import Logging

/// Empties one queue: takes what waits, as one notification or folded into one message, posts it, settles it, and only
/// then takes more.
///
/// Posts block, so this actor runs on a Dispatch queue of its own. It is driven by `wake`: by the loop when something
/// was accepted, by its own timers, and by the hooks' gates.
actor OutboundWorker {
    typealias Instant = ContinuousClock.Instant

    nonisolated let executor: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let destination: Destination
    var severity: Severity { destination.severity }
    /// As the label of metrics has it.
    var receiver: String { services.receiver ?? "" }
    let window: Locked<QueueWindow>
    private(set) var services: OutboundQueue.Services
    let clock = ContinuousClock()
    lazy var parser = WebhookParser()

    private var deliverers: [Way: any Deliverer] = [:]
    private var current: OutboundDelivery?
    private var reroute: Reroute
    private var isLoading = false
    private var isStopping = false
    /// When the timer under way rings; an earlier wish replaces a later one.
    private var timerDue: Instant?
    private var journalist: DeliveryLog
    private var threads = ThreadTable()

    init(destination: Destination, window: Locked<QueueWindow>, services: OutboundQueue.Services) {
        self.destination = destination
        self.window = window
        self.services = services
        reroute = Reroute(patience: services.patience)
        journalist = DeliveryLog(destination, receiver: services.receiver, logger: services.logger)
        executor = QueueExecutor(label: "outbound.\(destination.spoolName)")
    }

    /// Looks for work, now or after what runs; cheap and safe to call from anywhere.
    nonisolated func wake() {
        executor.queue.async { self.assumeIsolated { $0.run() } }
    }

    nonisolated func reconfigure(_ services: OutboundQueue.Services) {
        executor.queue.async {
            self.assumeIsolated {
                $0.take(services)
                $0.run()
            }
        }
    }

    nonisolated func stop(then done: @escaping @Sendable () -> Void) {
        executor.queue.async {
            self.assumeIsolated { $0.isStopping = true }
            done()
        }
    }

    /// A delivery under way goes on by the new hooks, in the words that it was rendered in.
    private func take(_ services: OutboundQueue.Services) {
        withdraw()
        if services.own.hook != self.services.own.hook || services.patience != self.services.patience {
            reroute = Reroute(patience: services.patience)
        }
        self.services = services
        deliverers = [:]
    }

    // MARK: The work

    private func run() {
        while !isStopping {
            loadMoreIfNeeded()
            guard current != nil || window.withLock({ $0.first != nil }) else { return withdraw() }
            guard goOn() else { return }
        }
    }

    /// Posts one message where a hook lets it; returns false where there is nothing to do but wait.
    private func goOn() -> Bool {
        let now = clock.now
        let isRerouting = services.fallback != nil && reroute.isDue(at: now)
        var next: Instant? = isRerouting || services.fallback == nil ? nil : reroute.dueAt
        // While rerouting, the severity's own hook is still asked first: its breaker lets a probe out now and then.
        for way in isRerouting ? [Way.own, .fallback] : [.own] {
            if let backoff = current?.notBefore(by: way), backoff > now, way == .fallback || !isRerouting {
                next = min(next ?? backoff, backoff)
                continue
            }
            let gate = route(way).gate
            switch gate.ask(destination, now: now, wake: { [weak self] in self?.wake() }) {
            case .granted(let grant):
                if prepare(grant) { post(by: way) } else { gate.giveBack(at: clock.now) }
                return true
            case .notBefore(let slot): next = min(next ?? slot, slot)
            case .taken: break
            }
            // Standing in line for a probe would keep other queues from a shared hook.
            if isRerouting && way == .own { gate.withdraw(destination) }
        }
        if let next { wake(at: next) }
        return false
    }

    func route(_ way: Way) -> OutboundRoute {
        switch way {
        case .own: services.own
        case .fallback:
            if let fallback = services.fallback { fallback } else { preconditionFailure("there is no fallback") }
        }
    }

    private func withdraw() {
        services.own.gate.withdraw(destination)
        services.fallback?.gate.withdraw(destination)
    }

    /// Sees to it that there is a delivery under way that fits the moment; false where nothing readable waits.
    private func prepare(_ grant: HookGate.Grant) -> Bool {
        if let current, !isWorthRemaking(current, grant) { return true }
        guard let cargo = takeUp(grant) else { return false }
        let (own, fallback) = (services.own.renderer, services.fallback?.renderer)
        var delivery = OutboundDelivery(
            cargo, severity: severity, room: services.receiver ?? severity.rawValue, policy: services.policy,
            threading: threading(cargo), now: .now()
        ) { way in
            way == .own ? own : fallback ?? own
        }
        if let current { delivery.inherit(current) }
        current = delivery
        return true
    }

    /// A single notification that no room has seen joins what has come since, once the budget is short.
    private func isWorthRemaking(_ delivery: OutboundDelivery, _ grant: HookGate.Grant) -> Bool {
        guard case .single = delivery.cargo, delivery.isUntouched, !grant.isProbe else { return false }
        return mustFold(grant)
    }

    private func threading(_ cargo: Cargo) -> Threading {
        guard services.usesThreads, case .single(let notification, let payload) = cargo else { return .none }
        guard payload.status == .resolved, payload.truncatedAlerts == 0 else { return .starts }
        return threads.take(notification.value.group, at: .now()).map { .replies(to: $0) } ?? .none
    }

    /// The room has the message: its id begins a thread, where the server tells it.
    private func remember(_ receipt: DeliveryReceipt, _ cargo: Cargo, by way: Way) {
        guard services.usesThreads, way == .own, case .single(let notification, let payload) = cargo,
            payload.status == .firing, let posted = receipt.posted.first
        else { return }
        threads.remember(posted.messageID, of: notification.value.group, at: .now())
    }

    // MARK: A post and its outcome

    private func post(by way: Way) {
        guard var delivery = current else { preconditionFailure("a post without a delivery") }
        let route = route(way)
        let body = delivery.message(by: way)
        let start = clock.now
        let result = deliverer(way).deliver(body)
        let end = clock.now
        let outcome = AnswerClassifier(hook: route.hook).outcome(of: result, now: .now())
        route.gate.finish(
            outcome, at: end, reachedServer: Self.mayHaveReachedServer(result), pause: Self.pause(outcome, result))
        count(outcome, took: end - start, by: way)
        let action = delivery.take(outcome, by: way, at: end)
        current = delivery
        if case .settle(let receipt) = action { remember(receipt, delivery.cargo, by: way) }
        if way == .own { watch(outcome, action, startedAt: start) }
        journalist.note(outcome, action, delivery, by: way)
        if delivery.isDone {
            delivered(delivery.cargo, by: way)
        } else if case .deadLetter(let reason) = action {
            finish(
                delivery.cargo,
                .dead(
                    reason: .init(rawValue: reason.rawValue), attempts: delivery.attempt(by: way) - 1,
                    answer: outcome.detail))
        }
    }

    private func deliverer(_ way: Way) -> any Deliverer {
        if let deliverer = deliverers[way] { return deliverer }
        let deliverer = route(way).makeDeliverer()
        deliverers[way] = deliverer
        return deliverer
    }

    /// Keeps the verdict on the severity's own hook, and says when it changes.
    private func watch(_ outcome: DeliveryOutcome, _ action: DeliveryProgress.Action, startedAt: Instant) {
        let wasDue = reroute.isDue(at: startedAt)
        var needsRepair = false
        if case .alarm = action { needsRepair = true }
        reroute.take(outcome, needsRepair: needsRepair, startedAt: startedAt)
        let isDue = reroute.isDue(at: clock.now)
        if services.fallback != nil, wasDue != isDue { journalist.noteReroute(isDue) }
    }

    private func count(_ outcome: DeliveryOutcome, took: Duration, by way: Way) {
        let (tier, metrics) = (severity.rawValue, services.metrics)
        metrics.deliveryDuration[tier, receiver].observe(took)
        if let reason = outcome.reason { metrics.notificationsFailed[tier, reason.rawValue, receiver].increment() }
        if outcome.isMaybeDelivered { metrics.possibleDuplicates[tier, receiver].increment() }
        guard case .delivered = outcome else { return }
        metrics.messagesSent[tier, receiver].increment()
        if way == .fallback { metrics.messagesRerouted[tier, receiver].increment() }
    }

    private func delivered(_ cargo: Cargo, by way: Way) {
        let now = Timestamp.now()
        let metrics = services.metrics
        metrics.notifications[severity.rawValue, receiver].increment(by: cargo.entries.count)
        metrics.coalescedAlerts[severity.rawValue, receiver].increment(by: cargo.foldedAlerts)
        let endToEnd = metrics.endToEnd[severity.rawValue, receiver]
        for entry in cargo.entries { endToEnd.observe(now.since(entry.acceptedAt)) }
        finish(cargo, .delivered)
    }

    private func finish(_ cargo: Cargo, _ settlement: Settlement) {
        for entry in cargo.entries { settle(entry.id, settlement) }
        current = nil
    }

    /// Writes a notification's end into the journal; it leaves the window, if it is still there.
    func settle(_ id: JournalID, _ settlement: Settlement) {
        services.journal.settle(id, as: settlement)
        window.withLock { $0.remove(id) }
    }

    private static func mayHaveReachedServer(_ result: DeliveryAnswer) -> Bool {
        switch result {
        case .success: true
        case .failure(let failure): failure.sentRequest
        }
    }

    /// How long the server is known to want nothing more.
    private static func pause(_ outcome: DeliveryOutcome, _ result: DeliveryAnswer) -> Duration? {
        if case .rateLimited(let wait) = outcome { return wait }
        guard case .success(let answer) = result else { return nil }
        return RateLimitHint(answer, error: nil, now: .now()).untilRefill
    }

    // MARK: Reading on

    private func loadMoreIfNeeded() {
        guard !isLoading else { return }
        let (isWanted, after, known, room) = window.withLock { ($0.wantsMore, $0.loaded, $0.newest, $0.room) }
        guard isWanted else { return }
        isLoading = true
        services.journal.load(destination, after: after, limit: room.notifications, byteLimit: room.bytes) { pending in
            self.executor.queue.async { self.assumeIsolated { $0.loaded(pending, known: known) } }
        }
    }

    private func loaded(_ pending: PendingWindow?, known: JournalID?) {
        isLoading = false
        // nil: the journal has failed, and the program is about to end.
        guard let pending else { return }
        window.withLock { $0.refill(pending, known: known) }
        run()
    }

    // MARK: Time

    private func wake(at instant: Instant) {
        if let timerDue, timerDue <= instant, timerDue > clock.now { return }
        timerDue = instant
        let wait = max(.zero, instant - clock.now)
        let nanoseconds = Int(clamping: Int64(wait / .nanoseconds(1)))
        executor.queue.asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) {
            self.assumeIsolated { $0.run() }
        }
    }
}
