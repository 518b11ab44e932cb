import Alerts
import Journaling
import Libevent
import Logging

/// Answers HTTP requests. A webhook is answered when the intake has made its alerts durable.
///
/// Runs on the loop and never blocks.
@LoopActor
final class WebhookListener {
    private let intake: Intake
    private let reader: WebhookReader
    private let scraper: Scraper
    private let metrics: Metrics
    let screener: RequestScreener
    private let accepted: AcceptedWebhooks
    private let status: StatusListener
    /// Reloads the configuration, then calls `done` with the errors, or nil.
    var onReload: (@LoopActor (_ done: @escaping @LoopActor @Sendable (ConfigurationError?) -> Void) -> Void)?
    /// Set while the program drains: webhooks are refused and `/-/ready` reports it.
    var isDraining = false {
        didSet {
            screener.isDraining = isDraining
            status.isDraining = isDraining
            chatOps?.isDraining = isDraining
        }
    }
    /// Answers commands from rooms; set before the server listens.
    var chatOps: ChatOpsEndpoint?

    /// - Parameter router: built from the same configuration.
    init(
        configuration: RelayConfiguration, router: AlertRouter, bodyGuard: BodyGuard, intake: Intake,
        status: StatusListener, metrics: Metrics, logger: Logger
    ) {
        self.intake = intake
        self.status = status
        self.metrics = metrics
        scraper = Scraper(metrics)
        reader = WebhookReader(
            WebhookDecoder(
                severities: configuration.severities, router: router, bodyLimit: configuration.limits.bodySize,
                isPoison: { bodyGuard.isPoison($0) }, watchdogs: WatchdogMatcher(configuration.watchdogs)))
        screener = RequestScreener(configuration: configuration, metrics: metrics, logger: logger)
        accepted = AcceptedWebhooks(metrics)
        showDrops(configuration)
    }

    /// Uses other settings from the next request on.
    func reconfigure(_ configuration: RelayConfiguration, router: AlertRouter) {
        screener.reconfigure(configuration)
        showDrops(configuration)
        chatOps?.reconfigure(configuration)
        let decoder = reader.decoder
        reader.decoder = WebhookDecoder(
            severities: configuration.severities, router: router, bodyLimit: decoder.bodyLimit,
            isPoison: decoder.isPoison, watchdogs: WatchdogMatcher(configuration.watchdogs))
    }

    /// Begins the series of receivers that drop, so that they are visible before the first alert.
    private func showDrops(_ configuration: RelayConfiguration) {
        for receiver in configuration.receivers where receiver.drops { _ = metrics.alertsDropped[receiver.name] }
    }

    // MARK: Whole requests

    func handle(_ exchange: HTTPExchange) {
        let route = screener.route(of: exchange.head)
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
            scraper.scrape { [self] text in
                answer(exchange, .text(text, contentType: MetricsText.contentType), route: route.rawValue)
            }
        case .reload: reload(exchange)
        case .status, .statusStyle, .statusScript, .statusJSON, .history, .deadLetters, .render:
            status.handle(
                exchange, route, reader.decoder, isProven: screener.isProvenOperator(exchange),
                from: screener.client(of: exchange)
            ) { [self] in
                answer(exchange, $0, route: route.rawValue)
            }
        case .rocketchat:
            chatOps?.handle(exchange) { [self] in answer(exchange, $0, route: route.rawValue) }
        }
    }

    /// Called when a response is overdue. For a webhook the disk hangs: Alertmanager retries, and if the commit
    /// succeeds later, the retry is detected as a duplicate.
    func replyOverdue(_ exchange: HTTPExchange) {
        let overdue = HTTPResponse.unavailable("the response timed out")
        guard let route = Route(path: exchange.head.path), route != .webhook else {
            return reject(exchange, reason: "overdue", overdue)
        }
        answer(exchange, overdue, route: route.rawValue)
    }

    private func reload(_ exchange: HTTPExchange) {
        let route = Route.reload.rawValue
        guard screener.isReloadEnabled, let onReload else {
            return answer(exchange, .error(403, "reloading over HTTP is not enabled"), route: route)
        }
        onReload { [self] error in
            // Only the log gets the errors, because they may contain paths.
            let refusal = error.map { _ in HTTPResponse.error(500, "the configuration was rejected; see the log")
            }
            answer(exchange, refusal ?? .json([("status", "ok")]), route: route)
        }
    }

    // MARK: Webhooks

    private func read(_ exchange: HTTPExchange) {
        guard let coding = ContentCoding(field: exchange.header("Content-Encoding")) else { return }
        let sent = exchange.consumeBody()
        guard exchange.isProvisional else { return decode(exchange, sent, coding) }
        screener.verify(exchange, sent) { [self] denial in
            guard exchange.isAwaitingReply else { return }
            guard let denial else { return decode(exchange, sent, coding) }
            screener.record(denial, of: exchange, exchange.head)
            answer(exchange, denial.answer, route: Route.webhook.rawValue)
        }
    }

    private func decode(_ exchange: HTTPExchange, _ sent: [UInt8], _ coding: ContentCoding) {
        reader.read(sent, coding: coding, acceptedAt: .now()) { [self] outcome in
            // The request has timed out and was answered; its sender retries.
            guard exchange.isAwaitingReply else { return }
            switch outcome {
            case .success(let batch): accept(exchange, batch)
            case .failure(.poison(let body)): setAside(exchange, body)
            case .failure(.parse(let error)): refuse(exchange, error)
            case .failure(.coding(.tooLarge)):
                let message = "the body is larger than \(reader.decoder.bodyLimit) bytes when decompressed"
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

    /// Stores a body that crashes the process as a dead letter. Answers 400, so that the sender stops retrying.
    private func setAside(_ exchange: HTTPExchange, _ body: [UInt8]) {
        submit(exchange) { done throws(JournalRefusal) in
            try intake.setAside(body, from: "\(screener.client(of: exchange))", then: done)
        } onSuccess: { [self] in
            let message = "this body crashed the relay \(BodyGuard.crashLimit) times; it is kept as a dead letter"
            reject(exchange, reason: "crash", .error(400, message))
        }
    }

    private func accept(_ exchange: HTTPExchange, _ batch: AlertBatch) {
        let alerts = batch.alerts
        if !batch.oddities.isEmpty { report(batch.oddities, of: exchange) }
        submit(exchange) { done throws(JournalRefusal) in
            try intake.accept(batch, then: done)
        } onSuccess: { [self] in
            // An overdue webhook was already answered.
            guard exchange.isAwaitingReply else { return }
            exchange.trust()
            send(.ok(processed: alerts), to: exchange)
            accepted.answered(after: ContinuousClock.now - exchange.arrival)
        }
    }

    private func report(_ oddities: [PayloadOddity: Int], of exchange: HTTPExchange) {
        let found = oddities.sorted { $0.key.rawValue < $1.key.rawValue }
        for (kind, count) in found { metrics.payloadOddities[kind.rawValue].increment(by: count) }
        screener.log(
            "webhook has odd values, which are unknown", of: exchange,
            ["odd": "\(found.map { "\($0.key.rawValue)=\($0.value)" }.joined(separator: ","))"])
    }

    /// Passes a webhook to the intake. Answers a refusal with 503, which Alertmanager retries.
    private func submit(
        _ exchange: HTTPExchange, _ body: (@escaping Intake.Completion) throws(JournalRefusal) -> Void,
        onSuccess: @escaping @LoopActor @Sendable () -> Void
    ) {
        do {
            try body { [self] result in
                switch result {
                case .success: onSuccess()
                case .failure(let refusal): refuse(exchange, refusal)
                }
            }
        } catch {
            refuse(exchange, error)
        }
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
        let snapshot = intake.journal.snapshot
        if let refusal = snapshot.state.refusal { return .unavailable(refusal.explanation) }
        var members = [(name: "status", value: "ready")]
        // Critical alerts are still accepted, so the relay is ready and must get traffic.
        if !snapshot.reserved.isEmpty { members.append(("refusing", Severity.list(snapshot.reserved))) }
        if let degraded = snapshot.degraded {
            members += [("degraded", degraded), ("missing", String(snapshot.missing))]
        }
        return .json(members)
    }

    private func reject(_ exchange: HTTPExchange, reason: String, _ answer: HTTPResponse) {
        // An overdue webhook was counted when it was answered.
        guard exchange.isAwaitingReply else { return }
        metrics.payloadsRejected[reason].increment()
        self.answer(exchange, answer, route: Route.webhook.rawValue)
    }

    private func answer(_ exchange: HTTPExchange, _ answer: HTTPResponse, route: String) {
        guard exchange.isAwaitingReply else { return }
        send(answer, to: exchange)
        metrics.httpRequests[route, String(answer.status)].increment()
        metrics.httpRequestDuration[route].observe(ContinuousClock.now - exchange.arrival)
    }

    private func send(_ answer: HTTPResponse, to exchange: HTTPExchange) {
        exchange.reply(status: answer.status, headers: answer.headers, body: answer.body)
    }
}
