import CLibevent

/// libevent's evhttp as a server behind a gate of our own: strict framing, limits, screening before the body is read,
/// deferred replies.
@LoopActor
public final class HTTPServer {
    public typealias Handler = @LoopActor (HTTPExchange) -> Void

    /// Where a request or a connection came from, as far as that is known.
    public struct Origin: Sendable {
        /// The address of the peer, without its port; empty for a Unix socket.
        public let remoteAddress: String
        /// Nil where no head was read whole.
        public let head: HTTPRequestHead?
        let fields: HTTPFields?

        /// The value of the first header field of a name, nil where there is none.
        public func header(_ name: String) -> String? { fields?.first(name) }

        /// The values of all header fields of a name; none where no head was read whole.
        public func headers(_ name: String) -> [String] { fields?.all(name) ?? [] }
    }

    /// Why the server ends a connection without an answer.
    public enum Closing: String, Sendable, CaseIterable {
        /// Its place was needed for a newcomer, and it was silent longest.
        case crowded
        /// Its client has as many connections as one may have.
        case tooManyOfAddress
        /// It was opened, and nothing came.
        case silent
        /// Its client does not take the reply.
        case stalled
    }

    private let http: OpaquePointer
    let table: HTTPConnectionTable
    private let limits: HTTPLimits
    private let handler: Handler
    private var listeners: [HTTPListener] = []
    private var onIdle: (@LoopActor () -> Void)?

    /// Exchanges without a finished reply.
    public private(set) var unfinished = 0
    /// Set when draining: each connection is closed with its next reply.
    public var closesConnections = false
    /// Decides on each request when its head is complete, before its body is read; without it all are admitted.
    public var onArrival: (@LoopActor (HTTPArrival) -> Void)? {
        didSet { table.onArrival = onArrival }
    }
    /// Makes the answers to requests that the server refuses by itself; without it they are plain text.
    public var onRefusal: (@LoopActor (HTTPRefusal, Origin) -> HTTPReply)? {
        didSet { table.onRefusal = onRefusal }
    }
    /// Called for connections that the server ends without an answer.
    public var onClose: (@LoopActor (Closing, Origin) -> Void)? {
        didSet { table.onClose = onClose }
    }
    /// Whether a peer is a proxy that may have any number of connections; without it none is.
    public var isProxy: (@LoopActor (_ address: String) -> Bool)? {
        didSet { table.isProxy = isProxy }
    }
    /// Must reply to an exchange that has waited `limits.replyTimeout`.
    public var onReplyOverdue: (@LoopActor (HTTPExchange) -> Void)? {
        didSet { table.onReplyOverdue = onReplyOverdue }
    }
    public var connectionCount: Int { table.count }
    /// Bytes of requests and replies in memory.
    public var memoryUsed: Int { table.memory.used }
    /// What new connections are accepted with; nil, as at first, for plain HTTP. Those that are open go on with theirs.
    public var tls: TLSContext? {
        get { table.tls }
        set { table.tls = newValue }
    }
    /// Connections whose client began a TLS handshake and did not finish it: no certificate that is asked for, an old
    /// version, plain HTTP. Only ever rises; counted once the connection is found closed.
    public var failedHandshakes: Int { table.failedHandshakes }

    public init(limits: HTTPLimits, handler: @escaping Handler) {
        guard let http = evhttp_new(LoopActor.loop.base) else { preconditionFailure("evhttp_new failed") }
        self.http = http
        self.limits = limits
        self.handler = handler
        table = HTTPConnectionTable(limits: limits)
        // The gate has limits and deadlines of its own, and evhttp sees a head that it made.
        evhttp_set_max_headers_size(http, 1024)
        evhttp_set_max_body_size(http, limits.bodySize)
        evhttp_set_timeout(http, -1)
        evhttp_set_allowed_methods(http, UInt16(EVHTTP_REQ_GET.rawValue | EVHTTP_REQ_POST.rawValue))
        // Unretained: `deinit` frees the evhttp, and with it whatever could call these.
        let context = Unmanaged.passUnretained(self).toOpaque()
        evhttp_set_bevcb(
            http,
            { _, context in
                guard let context else { return nil }
                return Unmanaged<HTTPServer>.fromOpaque(context).takeUnretainedValue().table.accept()
            }, context)
        evhttp_set_gencb(
            http,
            { request, context in
                guard let context, let request else { return }
                Unmanaged<HTTPServer>.fromOpaque(context).takeUnretainedValue().accept(request)
            }, context)
        table.onCrowded = { [unowned self] isCrowded in
            for listener in listeners { listener.setPaused(isCrowded, because: .crowded) }
        }
        table.onTurnFull = { [unowned self] isFull in
            for listener in listeners { listener.setPaused(isFull, because: .turnFull) }
        }
    }

    isolated deinit {
        precondition(unfinished == 0, "freeing the server would free requests that still await a reply")
        stopListening()
        evhttp_free(http)
        table.removeAll()
    }

    // MARK: Listening

    /// Listens on one more address and returns the address bound, with its port where 0 was asked for.
    @discardableResult
    public func listen(on address: SocketAddress, acceptsIPv4: Bool = true) throws(SocketError) -> SocketAddress {
        let listener = try HTTPListener(address: address, acceptsIPv4: acceptsIPv4)
        listener.attach(to: http)
        listeners.append(listener)
        return listener.address
    }

    /// Serves a socket that listens already; it is closed with the others.
    public func listen(adopting descriptor: Int32) throws(SocketError) {
        let listener = try HTTPListener(adopting: descriptor, address: SocketAddress(host: "", port: 0))
        listener.attach(to: http)
        listeners.append(listener)
    }

    /// Takes no more connections; open ones are closed with their next reply.
    public func stopListening() {
        closesConnections = true
        for listener in listeners { listener.detach(from: http) }
        listeners = []
    }

    /// Calls `action` once no reply is owed or being written, now or later.
    public func whenIdle(_ action: @escaping @LoopActor () -> Void) {
        onIdle = action
        notifyIfIdle()
    }

    // MARK: Requests

    private func accept(_ request: HTTPExchange.Request) {
        let exchange = evhttp_request_get_connection(request).flatMap { connection in
            table.connection(of: request)?.begin(
                { HTTPExchange($0, evhttpRequest: request, server: self, arrival: table.clock.now) },
                on: connection)
        }
        guard let exchange else {
            evhttp_send_error(request, 400, nil)
            return
        }
        unfinished += 1
        handler(exchange)
    }

    func mustClose(after exchange: HTTPExchange) -> Bool {
        if closesConnections { return true }
        guard let record = table.connection(of: exchange.request) else { return true }
        return record.requests >= limits.requestsPerConnection
    }

    func exchangeFinished() {
        unfinished -= 1
        notifyIfIdle()
    }

    private func notifyIfIdle() {
        guard unfinished == 0, onIdle != nil else { return }
        // Not from within evhttp's callback: the action may free this server. By then a request that had arrived behind the
        // last one may be under way, whose end is another occasion.
        LoopActor.post { [self] in
            guard unfinished == 0, let action = onIdle else { return }
            onIdle = nil
            action()
        }
    }
}
