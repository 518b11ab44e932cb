import Dispatch
import Libevent
import Logging

/// Empties one queue: takes the oldest notification, renders it, posts it, settles it, and only then the next.
///
/// Posts block, so this actor runs on a Dispatch queue of its own. It is driven by `wake`: by the loop when something
/// was accepted, by its own timers, and by the hook's gate.
actor OutboundWorker {
    typealias Instant = ContinuousClock.Instant

    private nonisolated let executor: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let severity: Severity
    private let window: Locked<QueueWindow>
    private let services: OutboundQueue.Services
    private let classifier: AnswerClassifier
    private let clock = ContinuousClock()

    private lazy var deliverer: any Deliverer = services.makeDeliverer()
    private lazy var parser = WebhookParser()
    private var current: OutboundDelivery?
    /// No post before this: the current message's backoff.
    private var notBefore: Instant?
    private var isLoading = false
    private var isStopping = false
    /// When the timer under way rings; an earlier wish replaces a later one.
    private var timerDue: Instant?
    /// The last failure that was logged, so that a dead hook does not fill the log with one line a retry.
    private var loggedFailure: String?

    init(severity: Severity, window: Locked<QueueWindow>, services: OutboundQueue.Services) {
        self.severity = severity
        self.window = window
        self.services = services
        classifier = AnswerClassifier(hook: services.hook)
        executor = QueueExecutor(label: "outbound.\(severity.rawValue)")
    }

    /// Looks for work, now or after what runs; cheap and safe to call from anywhere.
    nonisolated func wake() {
        executor.queue.async { self.assumeIsolated { $0.run() } }
    }

    nonisolated func stop(then done: @escaping @Sendable () -> Void) {
        executor.queue.async {
            self.assumeIsolated { $0.isStopping = true }
            done()
        }
    }

    // MARK: The work

    private func run() {
        while !isStopping {
            loadMoreIfNeeded()
            guard let body = nextBody() else { return services.gate.withdraw(severity) }
            if let notBefore, notBefore > clock.now { return wake(at: notBefore) }
            switch services.gate.ask(severity, now: clock.now, wake: { [weak self] in self?.wake() }) {
            case .taken: return
            case .notBefore(let instant): return wake(at: instant)
            case .granted: post(body)
            }
        }
    }

    /// The message to post now, after taking up the next notification if none is under way.
    private func nextBody() -> [UInt8]? {
        while current == nil {
            guard let next = window.withLock({ $0.first }) else { return nil }
            begin(next)
        }
        return current?.current
    }

    private func begin(_ notification: Journaled<Notification>) {
        do {
            let payload = try parser.decode(notification.value.body)
            current = OutboundDelivery(
                notification, payload: payload, renderer: services.renderer, policy: services.policy, now: .now())
        } catch {
            // The journal's checksum held and the body was parsed before it was stored: only a later, stricter parser
            // can get here. A person must see it.
            services.logger.error(
                "notification cannot be read", metadata: metadata(notification, ["err": "\(error.message)"]))
            finish(notification, .dead(reason: .unreadable, attempts: 0, answer: error.message))
        }
    }

    private func post(_ body: [UInt8]) {
        let start = clock.now
        let result = deliverer.deliver(body)
        let end = clock.now
        let outcome = classifier.outcome(of: result, now: .now())
        var pause: Duration?
        if case .rateLimited(let wait) = outcome { pause = wait }
        services.gate.finish(at: end, reachedServer: Self.mayHaveReachedServer(result), pause: pause)
        services.metrics.deliveryDuration[severity.rawValue].observe(end - start)
        take(outcome)
    }

    private func take(_ outcome: DeliveryOutcome) {
        guard var delivery = current else { preconditionFailure("an outcome without a delivery") }
        if let reason = outcome.reason {
            services.metrics.notificationsFailed[severity.rawValue, reason.rawValue].increment()
        }
        if outcome.isMaybeDelivered { services.metrics.possibleDuplicates[severity.rawValue].increment() }
        let action = delivery.take(outcome)
        switch action {
        case .settle:
            services.metrics.messagesSent[severity.rawValue].increment()
            delivery.advance()
            notBefore = nil
        case .retry(let wait), .alarm(let wait): notBefore = clock.now + wait
        case .pause: break
        case .resend(let fix): delivery.apply(fix, now: .now())
        case .deadLetter: break
        }
        current = delivery
        log(outcome, action, delivery)
        if delivery.current == nil {
            delivered(delivery.notification)
        } else if case .deadLetter(let reason) = action {
            let settlement = Settlement.dead(
                reason: .init(rawValue: reason.rawValue), attempts: delivery.progress.attempt - 1,
                answer: outcome.detail)
            finish(delivery.notification, settlement)
        }
    }

    private func delivered(_ notification: Journaled<Notification>) {
        services.metrics.notifications[severity.rawValue].increment()
        services.metrics.endToEnd[severity.rawValue].observe(Timestamp.now().since(notification.value.acceptedAt))
        finish(notification, .delivered)
    }

    private func finish(_ notification: Journaled<Notification>, _ settlement: Settlement) {
        services.journal.settle(notification.id, as: settlement)
        window.withLock { $0.removeFirst() }
        current = nil
        notBefore = nil
    }

    private static func mayHaveReachedServer(_ result: DeliveryAnswer) -> Bool {
        switch result {
        case .success: true
        case .failure(let failure): failure.sentRequest
        }
    }

    // MARK: Reading on

    private func loadMoreIfNeeded() {
        guard !isLoading else { return }
        let (isWanted, after, known, room) = window.withLock { ($0.wantsMore, $0.loaded, $0.newest, $0.room) }
        guard isWanted else { return }
        isLoading = true
        services.journal.load(severity, after: after, limit: room.notifications, byteLimit: room.bytes) { pending in
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

    // MARK: Words

    private func log(_ outcome: DeliveryOutcome, _ action: DeliveryProgress.Action, _ delivery: OutboundDelivery) {
        guard let detail = outcome.detail else {
            if loggedFailure != nil {
                services.logger.notice("hook takes messages again", metadata: ["severity": "\(severity)"])
            }
            loggedFailure = nil
            return
        }
        var keys = ["reason": outcome.reason?.rawValue ?? "", "detail": detail]
        keys["attempt"] = String(delivery.progress.attempt - 1)
        let level: Logger.Level
        switch action {
        case .deadLetter: level = .error
        case .alarm: level = loggedFailure == detail ? .debug : .error
        default: level = loggedFailure == detail ? .debug : .warning
        }
        loggedFailure = detail
        services.logger.log(
            level: level, "delivery attempt failed", metadata: metadata(delivery.notification, keys))
    }

    private func metadata(_ notification: Journaled<Notification>, _ keys: [String: String]) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["severity": "\(severity)", "id": "\(notification.id)"]
        for (key, value) in keys { metadata[key] = "\(value)" }
        return metadata
    }
}

extension DeadLetterReason {
    /// The body that the journal holds is none that this version understands.
    static let unreadable = DeadLetterReason(rawValue: "unreadable")
}
