import Libevent
import Logging

/// An accepted webhook whose answer waits for the journal.
struct PendingWebhook: Sendable {
    var exchange: HTTPExchange
    var counts: [AlertBatch.Count]
}

/// The way in: routes requests, and answers a webhook once what it brought is durable.
///
/// It runs on the loop and never blocks: what takes time goes to the journal's queue and comes back.
@LoopActor
final class WebhookListener {
    /// What the listener needs of the rest of the program.
    struct Services {
        var journal: Journal<PendingWebhook>
        var dispatcher: Dispatcher
        var metrics: Metrics
        var logger: Logger
        /// Reads the configuration again and calls back with what was wrong with it.
        var reload: @LoopActor (_ done: @escaping @LoopActor @Sendable (ConfigurationError?) -> Void) -> Void
        /// Renders `/metrics` off the loop and calls back on it.
        var scrape: @LoopActor (_ done: @escaping @LoopActor @Sendable (String) -> Void) -> Void
    }

    private let services: Services
    private var parser: WebhookParser
    private let admission: Admission
    private let bodyLimit: Int
    private let counts: WebhookCounts
    private var isReloadEnabled: Bool
    /// Set once the program is draining: webhooks are refused, and readiness says so.
    var isDraining = false

    /// - Parameter router: made of the same configuration.
    init(configuration: RelayConfiguration, router: AlertRouter, services: Services) {
        self.services = services
        parser = WebhookParser(severities: configuration.severities, router: router)
        admission = Admission(configuration: configuration, logger: services.logger)
        bodyLimit = configuration.limits.bodySize
        counts = WebhookCounts(services.metrics)
        isReloadEnabled = configuration.isReloadEnabled
    }

    /// Works with other settings from the next request on.
    func reconfigure(_ configuration: RelayConfiguration, router: AlertRouter) {
        admission.reconfigure(configuration)
        isReloadEnabled = configuration.isReloadEnabled
        parser = WebhookParser(severities: configuration.severities, router: router)
    }

    func handle(_ exchange: HTTPExchange) {
        guard let route = Route(rawValue: exchange.head.path) else {
            return answer(exchange, .error(404, "no such route: \(exchange.head.path.prefix(100))"), route: "other")
        }
        guard route.methods.contains(exchange.head.method) else {
            let message = "\(exchange.head.method.rawValue) is not allowed here; use \(route.allow)"
            return answer(exchange, .error(405, message, headers: [("Allow", route.allow)]), route: route.rawValue)
        }
        switch route {
        case .webhook: receive(exchange)
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

    /// A request whose framing is ambiguous; its connection is closed after the answer.
    func refuseFraming(_ exchange: HTTPExchange, _ explanation: String) {
        answer(exchange, .error(400, explanation), route: "other")
    }

    /// The journal has not answered in time, so the disk hangs, or a password was not checked in time: Alertmanager comes
    /// again, and should the commit succeed after all, its retry is recognised as a duplicate.
    func replyOverdue(_ exchange: HTTPExchange) {
        reject(exchange, reason: "overdue", .unavailable("the answer takes too long"))
    }

    private func reload(_ exchange: HTTPExchange) {
        let route = Route.reload.rawValue
        guard isReloadEnabled else {
            return answer(exchange, .error(403, "reloading over HTTP is not enabled"), route: route)
        }
        admission.admit(exchange) { [self] refusal in
            if let refusal { return answer(exchange, refusal.answer, route: route) }
            services.reload { [self] error in
                // The problems may name paths: they are for the log.
                let refusal = error.map { _ in Answer.error(500, "the configuration was not taken; the log says why") }
                answer(exchange, refusal ?? .json([("status", "ok")]), route: route)
            }
        }
    }

    // MARK: Webhooks

    private func receive(_ exchange: HTTPExchange) {
        guard !isDraining else {
            return reject(exchange, reason: "draining", .unavailable("the relay is shutting down"))
        }
        admission.admit(exchange) { [self] refusal in
            // Gone, or answered already: while a password is checked time passes.
            guard exchange.isAwaitingReply else { return }
            guard let refusal else { return read(exchange) }
            services.logger.warning(
                "webhook refused",
                metadata: ["reason": "\(refusal.reason)", "from": "\(admission.client(of: exchange))"])
            reject(exchange, reason: refusal.reason, refusal.answer)
        }
    }

    private func read(_ exchange: HTTPExchange) {
        guard let coding = ContentCoding(field: exchange.header("Content-Encoding")) else {
            let accepted = Answer.Header("Accept-Encoding", "gzip, deflate")
            return reject(
                exchange, reason: "encoding",
                .error(415, "this Content-Encoding is not understood", headers: [accepted]))
        }
        do {
            let sent = exchange.body(spare: WebhookParser.padding)
            let body = try coding.decode(sent, limit: bodyLimit, spare: WebhookParser.padding)
            accept(exchange, try parser.parse(body, acceptedAt: .now()))
        } catch let error as ParseError where error.reason == .outOfMemory {
            reject(exchange, reason: error.reason.rawValue, .unavailable(error.message))
        } catch let error as ParseError {
            services.logger.warning(
                "webhook refused",
                metadata: [
                    "reason": "\(error.reason.rawValue)", "err": "\(error.message)",
                    "from": "\(admission.client(of: exchange))",
                ])
            reject(exchange, reason: error.reason.rawValue, .error(400, error.message))
        } catch ContentCoding.Failure.tooLarge {
            reject(
                exchange, reason: "tooLarge", .error(413, "the body is larger than \(bodyLimit) bytes when unpacked"))
        } catch {
            reject(exchange, reason: "encoding", .error(400, "the compressed body is damaged"))
        }
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
        let alerts = webhook.counts.reduce(0) { $0 + $1.alerts }
        // An overdue webhook was answered while its commit was still under way.
        if webhook.exchange.isAwaitingReply {
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

    private var health: Answer {
        .json([("status", "healthy"), ("service", "relay"), ("version", Version.current)])
    }

    private var readiness: Answer {
        if isDraining { return .unavailable("draining") }
        let snapshot = services.journal.snapshot
        if let refusal = snapshot.state.refusal { return .unavailable(refusal.explanation) }
        guard let degraded = snapshot.degraded else { return .json([("status", "ready")]) }
        return .json([("status", "ready"), ("degraded", degraded)])
    }

    private func reject(_ exchange: HTTPExchange, reason: String, _ answer: Answer) {
        services.metrics.payloadsRejected[reason].increment()
        self.answer(exchange, answer, route: Route.webhook.rawValue)
    }

    private func answer(_ exchange: HTTPExchange, _ answer: Answer, route: String) {
        guard exchange.isAwaitingReply else { return }
        send(answer, to: exchange)
        services.metrics.httpRequests[route, String(answer.status)].increment()
        services.metrics.httpRequestDuration[route].observe(ContinuousClock.now - exchange.arrival)
    }
    private func send(_ answer: Answer, to exchange: HTTPExchange) {
        exchange.reply(status: answer.status, headers: answer.headers, body: answer.body)
    }
}
