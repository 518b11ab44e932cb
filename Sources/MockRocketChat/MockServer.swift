import Libevent

/// The mock as an HTTP server: hooks, faults, and the pages that show the messages.
@LoopActor
final class MockServer {
    var chat: RocketChat
    var faults = FaultTable()
    /// The outgoing webhook, if one is configured, and its calls in order.
    var integration: OutgoingIntegration?
    var calls: [OutgoingCall] = []
    let options: ServerOptions
    private var http: HTTPServer?
    private let held = HeldExchanges()
    private var inProgress: [String: [RequestInProgress]] = [:]

    /// A request between its arrival and the end of its processing.
    private final class RequestInProgress {
        var overlaps = false
    }

    init(options: ServerOptions) {
        self.options = options
        chat = RocketChat(profile: options.profile, textLimit: options.textLimit, limit: options.limit)
    }

    /// Starts to listen and returns the bound address.
    func start(on address: SocketAddress) throws(SocketError) -> SocketAddress {
        // unowned: `stop` frees the server with its handler.
        let server = HTTPServer(limits: HTTPLimits()) { [unowned self] exchange in handle(exchange) }
        http = server
        return try server.listen(on: address)
    }

    /// Ends held exchanges, then closes the port and all connections.
    func stop() async {
        guard let server = http else { return }
        server.stopListening()
        held.drop(includingDelayed: true)
        await withCheckedContinuation { continuation in
            server.whenIdle { continuation.resume() }
        }
        http = nil
    }

    /// Ends the exchanges that a fault keeps open.
    func releaseHung() {
        held.drop(includingDelayed: false)
    }

    // MARK: Routing

    private func handle(_ exchange: HTTPExchange) {
        let head = exchange.head
        switch Route(path: head.path) {
        case .hook(let id, let token):
            guard let method = IncomingWebhook.Method(rawValue: head.method.rawValue) else {
                return send(.wrongMethod(chat.profile), on: exchange)
            }
            receive(exchange, method: method, hook: id, token: token)
        case .wrongHookPath:
            send(.wrongHookPath(chat.profile), on: exchange)
        case .outside:
            send([.get, .head].contains(head.method) ? .application : .outsideHooks, on: exchange)
        case .outgoing, .typing, .press:
            send(outgoing(Route(path: head.path), exchange), on: exchange)
        case let route:
            send(control(route, exchange), on: exchange)
        }
    }

    func send(_ reply: HookReply, on exchange: HTTPExchange) {
        held.delay(exchange, for: reply.delay) {
            exchange.reply(
                status: reply.status, headers: reply.headers.map { ($0.name, $0.value) }, body: reply.body)
        }
    }

    // MARK: Hooks

    private func receive(_ exchange: HTTPExchange, method: IncomingWebhook.Method, hook: String, token: String) {
        let head = exchange.head
        var request = IncomingWebhook(
            method: method, hook: hook, token: token, target: head.path + (head.query.map { "?\($0)" } ?? ""),
            contentType: exchange.header("Content-Type"), body: exchange.body(), client: exchange.remoteAddress,
            receivedAt: Clock.now)
        var fault = faults.take(hook: hook, body: request.body)
        if !options.hooks.isEmpty && !options.hooks.contains("\(hook)/\(token)") { fault.integration.isKnown = false }
        let effect = fault.effect(
            url: (exchange.header("Host") ?? "localhost") + request.target, now: request.receivedAt / 1000)
        chat.store.requests += 1
        let progress = begin(hook)
        let delay = Duration.milliseconds(fault.delay + (fault.jitter > 0 ? Int.random(in: 0...fault.jitter) : 0))
        if fault.mode == .lateSuccess {
            let reply = process(&request, fault, effect, progress)
            held.delay(exchange, for: delay) { [unowned self] in perform(effect, reply, on: exchange) }
        } else {
            held.delay(exchange, for: delay) { [unowned self] in
                var request = request
                let reply = process(&request, fault, effect, progress)
                perform(effect, reply, on: exchange)
            }
        }
    }

    private func begin(_ hook: String) -> RequestInProgress {
        let progress = RequestInProgress()
        var others = inProgress[hook] ?? []
        for other in others { other.overlaps = true }
        progress.overlaps = !others.isEmpty
        others.append(progress)
        inProgress[hook] = others
        return progress
    }

    /// Returns Rocket.Chat's reply; nil if the fault prevents processing.
    private func process(
        _ request: inout IncomingWebhook, _ fault: Fault, _ effect: FaultEffect, _ progress: RequestInProgress
    ) -> HookReply? {
        inProgress[request.hook]?.removeAll { $0 === progress }
        request.overlaps = progress.overlaps
        guard fault.records else {
            chat.store.count(status: effect.status ?? 0)
            return nil
        }
        let count = chat.store.messages.count
        let reply = chat.answer(
            request, integration: fault.integration, limit: fault.limit, recordedStatus: effect.status)
        triggerForPosts(after: count)
        chat.store.count(status: effect.status ?? reply.status)
        return reply.adding(effect.status == nil ? fault.headers : [])
    }

    private func perform(_ effect: FaultEffect, _ reply: HookReply?, on exchange: HTTPExchange) {
        switch effect {
        case .genuine(let transport): transmit(reply ?? .success, by: transport, on: exchange)
        case .reply(let fixed): send(fixed, on: exchange)
        case .raw(let bytes): finish(exchange, bytes)
        case .drip: held.drip(exchange)
        case .reset: exchange.drop(reset: true)
        case .close: exchange.drop(reset: false)
        case .hang: held.hang(exchange)
        }
    }

    private func transmit(_ reply: HookReply, by transport: FaultEffect.Transport, on exchange: HTTPExchange) {
        let close = [HookReply.Header(name: "Connection", value: "close")]
        switch transport {
        case .plain: send(reply, on: exchange)
        case .connectionClose: send(reply.adding(close), on: exchange)
        case .chunked: finish(exchange, reply.wire(version: "1.1", headers: close, isChunked: true))
        case .http10: finish(exchange, reply.wire(version: "1.0"))
        case .closeAfterReply: finish(exchange, reply.wire(version: "1.1"))
        }
    }

    private func finish(_ exchange: HTTPExchange, _ bytes: [UInt8]) {
        exchange.writeRaw(bytes)
        exchange.drop(reset: false)
    }
}
