import Alerts
import Journaling
import Libevent
import Logging

/// An accepted webhook whose answer waits for the journal.
struct PendingWebhook: Sendable {
    var exchange: HTTPExchange
    var counts: [AlertBatch.Count]
    /// Not parsed, since it crashed the process three times.
    var isSetAside = false
}

/// The way in: routes requests, and answers a webhook once what it brought is durable.
///
/// It runs on the loop and never blocks: what takes time goes to the journal's queue and comes back.
@LoopActor
final class WebhookListener {
    /// What the listener needs of the rest of the program.
    struct Services {
        var journal: Journal<PendingWebhook>
        var bodyGuard: BodyGuard
        var dispatcher: Dispatcher
        var metrics: Metrics
        var logger: Logger
        /// Reads the configuration again and calls back with what was wrong with it.
        var reload: @LoopActor (_ done: @escaping @LoopActor @Sendable (ConfigurationError?) -> Void) -> Void
        /// Renders `/metrics` off the loop and calls back on it.
        var scrape: @LoopActor (_ done: @escaping @LoopActor @Sendable (String) -> Void) -> Void
    }

    private let services: Services
    private let reader: WebhookReader
    let screener: RequestScreener
    private let counts: WebhookCounts
    /// Set once the program is draining: webhooks are refused, and readiness says so.
    var isDraining = false {
        didSet { screener.isDraining = isDraining }
    }

    /// - Parameter router: made of the same configuration.
    init(configuration: RelayConfiguration, router: AlertRouter, services: Services) {
        self.services = services
        let bodyGuard = services.bodyGuard
        reader = WebhookReader(
            WebhookIntake(
                severities: configuration.severities, router: router, bodyLimit: configuration.limits.bodySize,
                isPoison: { bodyGuard.isPoison($0) }))
        screener = RequestScreener(configuration: configuration, metrics: services.metrics, logger: services.logger)
        counts = WebhookCounts(services.metrics)
    }

    /// Works with other settings from the next request on.
    func reconfigure(_ configuration: RelayConfiguration, router: AlertRouter) {
        screener.reconfigure(configuration)
        let intake = reader.intake
        reader.intake = WebhookIntake(
            severities: configuration.severities, router: router, bodyLimit: intake.bodyLimit,
            isPoison: intake.isPoison)
    }

    // MARK: Whole requests

    func handle(_ exchange: HTTPExchange) {
        let route = Route(path: exchange.head.path)
        if let refusal = screener.misdirected(exchange.head, route) {
            if exchange.head.method == .post { screener.record(refusal, of: exchange, exchange.head) }
            return answer(exchange, refusal.answer, route: route?.rawValue ?? RequestScreener.otherRoute)
        }
        guard let route else { return }
        switch route {
        case .webhook: read(exchange)
        case .health: answer(exchange, health, route: route.rawValue)
        case .healthy: answer(exchange, .text("OK\n"), route: route.rawValue)
        case .ready: answer(exchange, readiness, route: route.rawValue)
        case .metrics:
            services.scrape { [self] text in
                answer(exchange, .text(text, contentType: MetricsText.contentType), route: route.rawValue)
            }
        case .reload: reload(exchange)
        }
    }

    /// The journal has not answered in time, so the disk hangs: Alertmanager comes again, and should the commit succeed
    /// after all, its retry is recognised as a duplicate. Or it is another route whose answer takes too long.
    func replyOverdue(_ exchange: HTTPExchange) {
        let overdue = HTTPResponse.unavailable("the answer takes too long")
        guard let route = Route(path: exchange.head.path), route != .webhook else {
            return reject(exchange, reason: "overdue", overdue)
        }
        answer(exchange, overdue, route: route.rawValue)
    }

    private func reload(_ exchange: HTTPExchange) {
        let route = Route.reload.rawValue
        guard screener.isReloadEnabled else {
            return answer(exchange, .error(403, "reloading over HTTP is not enabled"), route: route)
        }
        services.reload { [self] error in
            // The problems may name paths: they are for the log.
            let refusal = error.map { _ in HTTPResponse.error(500, "the configuration was not taken; the log says why")
            }
            answer(exchange, refusal ?? .json([("status", "ok")]), route: route)
        }
    }

    // MARK: Webhooks

    private func read(_ exchange: HTTPExchange) {
        guard let coding = ContentCoding(field: exchange.header("Content-Encoding")) else { return }
        let sent = exchange.consumeBody()
        reader.read(sent, coding: coding, acceptedAt: .now()) { [self] outcome in
            // Answered meanwhile, for want of time: its sender comes again.
            guard exchange.isAwaitingReply else { return }
            switch outcome {
            case .success(let batch): accept(exchange, batch)
            case .failure(.poison(let body)): setAside(exchange, body)
            case .failure(.parse(let error)): refuse(exchange, error)
            case .failure(.coding(.tooLarge)):
                let message = "the body is larger than \(reader.intake.bodyLimit) bytes when unpacked"
                refuse(exchange, reason: "tooLarge", .error(413, message))
            case .failure(.coding(.damaged)):
                refuse(exchange, reason: "encoding", .error(400, "the compressed body is damaged"))
            }
        }
    }

    private func refuse(_ exchange: HTTPExchange, _ error: ParseError) {
        let reason = error.reason.rawValue
        if error.reason == .outOfMemory { return reject(exchange, reason: reason, .unavailable(error.message)) }
        let isTooMuch = error.reason == .tooMany || error.reason == .tooManyCopies
        refuse(exchange, reason: reason, .error(isTooMuch ? 413 : 400, error.message), detail: error.message)
    }

    private func refuse(_ exchange: HTTPExchange, reason: String, _ answer: HTTPResponse, detail: String? = nil) {
        screener.log(
            "webhook refused", of: exchange,
            detail.map { ["reason": "\(reason)", "err": "\($0)"] } ?? ["reason": "\(reason)"])
        reject(exchange, reason: reason, answer)
    }

    /// Stores a body that crashes the process as a dead letter and answers 400, so that the sender stops retrying.
    private func setAside(_ exchange: HTTPExchange, _ body: [UInt8]) {
        do {
            let webhook = PendingWebhook(exchange: exchange, counts: [], isSetAside: true)
            try services.journal.append(services.bodyGuard.asNotification(body), for: webhook)
        } catch {
            refuse(exchange, error)
        }
    }

    /// The body is on disk as a pending notification: after a crash here the outbound queue would set it aside.
    private func settleSetAside(_ webhook: PendingWebhook, _ outcome: AppendOutcome) {
        let crashes = BodyGuard.crashLimit
        for notification in outcome.notifications {
            services.logger.error(
                "webhook set aside: the process crashed while parsing it",
                metadata: ["id": "\(notification.id)", "from": "\(screener.client(of: webhook.exchange))"])
            services.metrics.notificationsDead[Severity.fallback.rawValue, DeadLetter.Reason.crash.rawValue].increment()
            let answer = "the relay crashed \(crashes) times while parsing it"
            services.journal.settle(notification.id, as: .dead(reason: .crash, attempts: 0, answer: answer))
        }
        let message = "this body crashed the relay \(crashes) times; it is kept as a dead letter"
        reject(webhook.exchange, reason: "crash", .error(400, message))
    }

    private func accept(_ exchange: HTTPExchange, _ batch: AlertBatch) {
        do {
            try services.journal.append(batch, for: PendingWebhook(exchange: exchange, counts: batch.counts))
        } catch {
            refuse(exchange, error)
        }
    }

    /// Takes the outcome of one commit: answers all its webhooks, and hands on what is now durable.
    func acknowledge(_ acknowledgements: [Journal<PendingWebhook>.Acknowledgement]) {
        for acknowledgement in acknowledgements {
            switch acknowledgement.result {
            case .success(let outcome): succeed(acknowledgement.ticket, outcome)
            case .failure(let refusal): refuse(acknowledgement.ticket.exchange, refusal)
            }
        }
    }

    private func succeed(_ webhook: PendingWebhook, _ outcome: AppendOutcome) {
        if webhook.isSetAside { return settleSetAside(webhook, outcome) }
        let alerts = webhook.counts.reduce(0) { $0 + $1.alerts }
        // An overdue webhook was answered while its commit was still under way.
        if webhook.exchange.isAwaitingReply {
            webhook.exchange.trust()
            send(.ok(processed: alerts), to: webhook.exchange)
            counts.answered(after: ContinuousClock.now - webhook.exchange.arrival)
        }
        if outcome.isDuplicate { return services.metrics.duplicatesSuppressed[].increment() }
        counts.received(webhook.counts)
        services.dispatcher.dispatch(outcome.notifications)
    }

    /// Hands on what is durable and pending again: replayed dead letters.
    func dispatch(_ notifications: [Journaled<Notification>]) {
        services.dispatcher.dispatch(notifications)
    }

    private func refuse(_ exchange: HTTPExchange, _ refusal: JournalRefusal) {
        reject(exchange, reason: "journal", .unavailable(refusal.explanation))
    }

    // MARK: Answers

    private var health: HTTPResponse {
        .json([("status", "healthy"), ("service", "relay"), ("version", Version.current)])
    }

    private var readiness: HTTPResponse {
        if isDraining { return .unavailable("draining") }
        let snapshot = services.journal.snapshot
        if let refusal = snapshot.state.refusal { return .unavailable(refusal.explanation) }
        var members = [(name: "status", value: "ready")]
        // Critical alerts are still taken, so it is ready, and must be sent them.
        if !snapshot.reserved.isEmpty { members.append(("refusing", Severity.list(snapshot.reserved))) }
        if let degraded = snapshot.degraded {
            members += [("degraded", degraded), ("missing", String(snapshot.missing))]
        }
        return .json(members)
    }

    private func reject(_ exchange: HTTPExchange, reason: String, _ answer: HTTPResponse) {
        services.metrics.payloadsRejected[reason].increment()
        self.answer(exchange, answer, route: Route.webhook.rawValue)
    }

    private func answer(_ exchange: HTTPExchange, _ answer: HTTPResponse, route: String) {
        guard exchange.isAwaitingReply else { return }
        send(answer, to: exchange)
        services.metrics.httpRequests[route, String(answer.status)].increment()
        services.metrics.httpRequestDuration[route].observe(ContinuousClock.now - exchange.arrival)
    }
    private func send(_ answer: HTTPResponse, to exchange: HTTPExchange) {
        exchange.reply(status: answer.status, headers: answer.headers, body: answer.body)
    }
}
