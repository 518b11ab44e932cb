import CLibevent
import Glibc

/// libevent's evhttp as a server: strict framing, limits, deferred replies.
///
/// What evhttp answers by itself, before the handler sees it, is HTML: 400 for what does not parse, 413 above the body
/// limit, 501 for an unknown method. 2.1.12 has no hook for those.
@LoopActor
public final class HTTPServer {
    public typealias Handler = @LoopActor (HTTPExchange) -> Void

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
    /// Replies to a request that breaks the framing rules; its connection is closed after it.
    public var onFramingViolation: (@LoopActor (HTTPExchange, _ explanation: String) -> Void)?
    /// Must reply to an exchange that has waited `limits.replyTimeout`.
    public var onReplyOverdue: (@LoopActor (HTTPExchange) -> Void)? {
        didSet { table.onReplyOverdue = onReplyOverdue }
    }
    public var connectionCount: Int { table.count }
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
        evhttp_set_max_headers_size(http, limits.headerSize)
        evhttp_set_max_body_size(http, limits.bodySize)
        evhttp_set_timeout(http, Int32(clamping: limits.idleTimeout.components.seconds))
        // Unretained: `deinit` frees the evhttp, and with it whatever could call these.
        let context = Unmanaged.passUnretained(self).toOpaque()
        // evhttp answers 501 to what is not allowed here; all it knows is, so that the handler can say 405 and Allow.
        evhttp_set_allowed_methods(http, HTTPMethod.allCases.reduce(0) { $0 | UInt16($1.command.rawValue) })
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
    }

    isolated deinit {
        precondition(unfinished == 0, "freeing the server would free requests that still await a reply")
        stopListening()
        evhttp_free(http)
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
        guard let connection = evhttp_request_get_connection(request),
            let record = table.connection(of: request),
            let head = HTTPRequestHead(request)
        else {
            evhttp_send_error(request, 400, nil)
            return
        }
        let exchange = HTTPExchange(request: request, head: head, server: self, arrival: table.clock.now)
        unfinished += 1
        record.begin(exchange, on: connection)
        if let violation = framingViolation(of: request) {
            refuse(exchange, violation)
        } else {
            handler(exchange)
        }
    }

    private func framingViolation(of request: HTTPExchange.Request) -> HTTPFraming.Violation? {
        var framing = HTTPFraming(fieldLimit: limits.headerFields)
        var field = evhttp_request_get_input_headers(request)?.pointee.tqh_first
        while let current = field {
            if let name = current.pointee.key, let value = current.pointee.value {
                framing.add(name: bytesOfCString(name), value: bytesOfCString(value))
            }
            field = current.pointee.next.tqe_next
        }
        return framing.verdict(requiresHost: (request.pointee.major, request.pointee.minor) >= (1, 1))
    }

    private func refuse(_ exchange: HTTPExchange, _ violation: HTTPFraming.Violation) {
        evhttp_add_header(evhttp_request_get_output_headers(exchange.request), "Connection", "close")
        if let onFramingViolation {
            onFramingViolation(exchange, violation.explanation)
        } else {
            exchange.reply(status: 400, body: violation.explanation.utf8)
        }
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
        guard unfinished == 0, let action = onIdle else { return }
        onIdle = nil
        // Not from within evhttp's callback: the action may free this server.
        LoopActor.post { action() }
    }
}

/// The bytes of a C string, without copying them.
private func bytesOfCString(_ string: UnsafePointer<CChar>) -> UnsafeBufferPointer<UInt8> {
    UnsafeRawBufferPointer(start: string, count: strlen(string)).assumingMemoryBound(to: UInt8.self)
}
