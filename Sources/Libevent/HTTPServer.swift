import CLibevent
import Support

/// An HTTP server: libevent's evhttp behind a gate (`HTTPConnection`) that adds strict framing, limits, screening
/// before the body is read and deferred replies.
@LoopActor
public final class HTTPServer {
    public typealias Handler = @LoopActor (HTTPExchange) -> Void

    /// The known origin of a request or a connection.
    public struct Origin: Sendable {
        /// The address of the peer, without its port; empty for a Unix socket.
        public let remoteAddress: String
        /// Nil if no complete head was read.
        public let head: HTTPRequestHead?
        let fields: HTTPFields?

        /// The value of the first header field with this name; nil if there is none.
        public func header(_ name: String) -> String? { fields?.first(name) }

        /// The values of all header fields with this name; empty if no complete head was read.
        public func headers(_ name: String) -> [String] { fields?.all(name) ?? [] }
    }

    /// Why the server closes a connection without a response.
    public enum Closing: String, Sendable, CaseIterable {
        /// Evicted for a new connection because it was silent longest.
        case crowded
        /// Its client exceeds the limit of connections per address.
        case tooManyOfAddress
        /// Its client sent nothing.
        case silent
        /// Its client does not read the reply.
        case stalled
    }

    private let http: OpaquePointer
    let table: HTTPConnectionTable
    private let limits: HTTPLimits
    private let handler: Handler
    private var listeners: [HTTPListener] = []
    private var onIdle: (@LoopActor () -> Void)?
    var replyHead = HTTPReplyHead()

    /// Exchanges whose reply is not finished.
    public private(set) var unfinished = 0
    /// Set when draining: each connection is closed after its next reply.
    public var closesConnections = false
    /// Called when a request's head is complete and before its body is read. If nil, every request is admitted.
    public var onRequestHead: (@LoopActor (IncomingRequest) -> Void)? {
        didSet { table.onRequestHead = onRequestHead }
    }
    /// Returns the response to a request that the server itself refuses. If nil, the response is plain text.
    public var onRefusal: (@LoopActor (HTTPRefusal, Origin) -> HTTPReply)? {
        didSet { table.onRefusal = onRefusal }
    }
    /// Called for each connection that the server closes without a response.
    public var onClose: (@LoopActor (Closing, Origin) -> Void)? {
        didSet { table.onClose = onClose }
    }
    /// Whether a peer is a proxy, which may have any number of connections. If nil, no peer is.
    public var isProxy: (@LoopActor (_ address: String) -> Bool)? {
        didSet { table.isProxy = isProxy }
    }
    /// Called when an exchange has waited `limits.replyTimeout`; must reply to it.
    public var onReplyOverdue: (@LoopActor (HTTPExchange) -> Void)? {
        didSet { table.onReplyOverdue = onReplyOverdue }
    }
    public var connectionCount: Int { table.count }
    /// Bytes of requests and replies in memory.
    public var memoryUsed: Int { table.memory.used }
    /// The TLS context of new connections; nil, the default, for plain HTTP. Open connections keep theirs.
    public var tls: TLSContext? {
        get { table.tls }
        set { table.tls = newValue }
    }
    /// Connections whose client began a TLS handshake and did not finish it: a missing client certificate, an old TLS
    /// version, plain HTTP. Only increases; counted once the connection is found closed.
    public var failedHandshakes: Int { table.failedHandshakes }

    public init(limits: HTTPLimits, handler: @escaping Handler) {
        guard let http = evhttp_new(LoopActor.loop.base) else { bug("evhttp_new failed") }
        self.http = http
        self.limits = limits
        self.handler = handler
        table = HTTPConnectionTable(limits: limits)
        // The gate enforces the limits and deadlines, and evhttp sees only heads that the gate wrote.
        evhttp_set_max_headers_size(http, 1024)
        evhttp_set_timeout(http, -1)
        evhttp_set_allowed_methods(http, UInt16(EVHTTP_REQ_HEAD.rawValue))
        // Unretained: `deinit` frees the evhttp and with it these callbacks.
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
        table.onAcceptLimit = { [unowned self] isFull in
            for listener in listeners { listener.setPaused(isFull, because: .turnFull) }
        }
    }

    isolated deinit {
        expect(unfinished == 0, "the server is released while requests await a reply")
        stopListening()
        evhttp_free(http)
        table.removeAll()
    }

    // MARK: Listening

    /// Listens on an additional address and returns the bound address, with the chosen port if `port` was 0.
    @discardableResult
    public func listen(on address: SocketAddress, acceptsIPv4: Bool = true) throws(SocketError) -> SocketAddress {
        let listener = try HTTPListener(address: address, acceptsIPv4: acceptsIPv4)
        listener.attach(to: http)
        listeners.append(listener)
        return listener.address
    }

    /// Takes ownership of a listening socket and serves it.
    public func listen(adopting descriptor: Int32) throws(SocketError) {
        let listener = try HTTPListener(adopting: descriptor, address: SocketAddress(host: "", port: 0))
        listener.attach(to: http)
        listeners.append(listener)
    }

    /// Stops accepting connections. Open ones are closed after their next reply.
    public func stopListening() {
        closesConnections = true
        for listener in listeners { listener.detach(from: http) }
        listeners = []
    }

    /// Calls `action` once, now or later, when no reply is awaited or being written.
    public func whenIdle(_ action: @escaping @LoopActor () -> Void) {
        onIdle = action
        notifyIfIdle()
    }

    // MARK: Requests

    private func accept(_ request: HTTPExchange.Request) {
        guard let connection = evhttp_request_get_connection(request), let gate = table.connection(of: connection),
            let exchange = gate.begin(
                {
                    HTTPExchange($0, evhttpRequest: request, on: gate, server: self, arrival: table.clock.now)
                }, on: connection)
        else {
            evhttp_send_error(request, 400, nil)
            return
        }
        unfinished += 1
        handler(exchange)
    }

    /// Whether a connection is closed after the current reply.
    func mustClose(_ connection: HTTPConnection?) -> Bool {
        guard !closesConnections, let connection else { return true }
        return connection.requests >= limits.requestsPerConnection
    }

    func exchangeFinished() {
        unfinished -= 1
        notifyIfIdle()
    }

    private func notifyIfIdle() {
        guard unfinished == 0, onIdle != nil else { return }
        // Posted, because this is evhttp's callback and the action may free this server. If a pipelined request has
        // begun by then, its end notifies again.
        LoopActor.post { [self] in
            guard unfinished == 0, let action = onIdle else { return }
            onIdle = nil
            action()
        }
    }
}
