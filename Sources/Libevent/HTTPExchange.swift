import CLibevent
import Glibc
import Support

/// A request and its reply.
///
/// `reply` or `drop` must be called exactly once, now or later, on the loop. A client that disconnects meanwhile goes
/// unnoticed until the reply is written, because evhttp stops reading while a request is handled.
@LoopActor
public final class HTTPExchange {
    typealias Request = UnsafeMutablePointer<evhttp_request>

    private enum State {
        case awaitingReply
        /// evhttp has the reply and frees the request.
        case replied
        /// The reply is written, or the connection has ended.
        case finished
    }

    private var state = State.awaitingReply
    let request: Request
    private unowned let server: HTTPServer
    /// Nil once the connection is released.
    private weak var gate: HTTPConnection?
    public let head: HTTPRequestHead
    private let fields: HTTPFields
    /// The program admitted the request before it could judge its sender.
    public let isProvisional: Bool
    private let keepsAlive: Bool
    private let isHTTP10: Bool
    /// When the whole request had been read.
    public let arrival: ContinuousClock.Instant

    init(
        _ received: HTTPRequest, evhttpRequest request: Request, on gate: HTTPConnection, server: HTTPServer,
        arrival: ContinuousClock.Instant
    ) {
        self.request = request
        self.gate = gate
        head = received.head
        fields = received.fields
        isProvisional = received.isProvisional
        keepsAlive = received.framing.keepsAlive
        isHTTP10 = received.framing.isHTTP10
        self.server = server
        self.arrival = arrival
    }

    public var isAwaitingReply: Bool {
        if case .awaitingReply = state { true } else { false }
    }

    // MARK: The request

    /// The value of the first header field with this name; nil if there is none.
    public func header(_ name: String) -> String? { fields.first(name) }

    /// The values of all header fields with this name, in the order of the request.
    public func headers(_ name: String) -> [String] { fields.all(name) }

    public var bodySize: Int {
        expect(isAwaitingReply, "the request is already answered")
        return evbuffer_get_length(evhttp_request_get_input_buffer(request))
    }

    public func body() -> [UInt8] {
        let size = bodySize
        // An empty array's storage is shared by all threads, and this initializer would write its count.
        guard size > 0 else { return [] }
        let buffer = evhttp_request_get_input_buffer(request)
        return [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
            count = max(0, Int(evbuffer_copyout(buffer, bytes.baseAddress, size)))
        }
    }

    /// Returns the body as `body` does, and frees the server's copy.
    public func consumeBody() -> [UInt8] {
        let body = body()
        evbuffer_drain(evhttp_request_get_input_buffer(request), body.count)
        return body
    }

    /// Marks the sender as authenticated; see `IncomingRequest.trust`.
    public func trust() { connection?.trust() }

    /// The address of the peer, without its port; empty for a Unix socket or a disconnected client.
    public var remoteAddress: String { isAwaitingReply ? connection?.peer.address ?? "" : "" }

    /// The user ID of the peer process on a Unix socket (unix(7), SO_PEERCRED); nil if there is no such process.
    public var peerUser: UInt32? {
        guard isAwaitingReply, let descriptor = connection?.descriptor else { return nil }
        return UnixSocket.peerUser(of: descriptor)
    }

    // MARK: The reply

    /// Sends the reply. If the client has disconnected, only frees the request.
    ///
    /// - precondition: the exchange awaits its reply.
    public func reply(status: Int, headers: [(name: String, value: String)] = [], body: some Collection<UInt8>) {
        expect(isAwaitingReply, "the request is already answered")
        // Without a connection, because its client has disconnected, evhttp_send_reply only frees the request and no
        // callback follows.
        let (connection, hasConnection) = (connection, evhttp_request_get_connection(request) != nil)
        let fields = evhttp_request_get_output_headers(request)
        server.date.add(to: fields)
        for header in headers { evhttp_add_header(fields, header.name, header.value) }
        // Also for HEAD, whose reply has no body (RFC 9110 §9.3.2).
        evhttp_add_header(fields, "Content-Length", String(body.count))
        // evhttp sees every request as a persistent HTTP/1.1 request.
        if !keepsAlive || server.mustClose(connection) {
            evhttp_add_header(fields, "Connection", "close")
        } else if isHTTP10 {
            evhttp_add_header(fields, "Connection", "keep-alive")
        }
        let buffer = evbuffer_new()
        defer { evbuffer_free(buffer) }
        if head.method != .head {
            _ =
                body.withContiguousStorageIfAvailable { evbuffer_add(buffer, $0.baseAddress, $0.count) }
                ?? Array(body).withUnsafeBufferPointer { evbuffer_add(buffer, $0.baseAddress, $0.count) }
        }
        state = .replied
        evhttp_send_reply(request, Int32(status), nil, buffer)
        if hasConnection { connection?.replyQueued(bytes: body.count) } else { connectionDidFinish() }
    }

    /// Called when the reply is written or the connection has ended.
    func connectionDidFinish() {
        switch state {
        case .awaitingReply: break  // Detached by evhttp: `reply` must still be called, and frees the request.
        case .replied:
            state = .finished
            server.exchangeFinished()
        case .finished: break
        }
    }

    // MARK: Fault injection

    /// Writes raw bytes to the socket, bypassing evhttp and TLS. `drop` must be called afterwards.
    public func writeRaw(_ bytes: [UInt8]) {
        guard let descriptor = connection?.descriptor else { return }
        _ = bytes.withUnsafeBytes {
            send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
    }

    /// Ends the connection without a reply, by a reset or an orderly close.
    ///
    /// - precondition: the exchange awaits its reply.
    public func drop(reset: Bool) {
        expect(isAwaitingReply, "the request is already answered")
        // evhttp shuts the socket down before it closes it, which is orderly. Connecting a TCP socket to AF_UNSPEC
        // resets it at once (connect(2)).
        if reset, let descriptor = connection?.descriptor {
            var unspecified = sockaddr(
                sa_family: sa_family_t(AF_UNSPEC), sa_data: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
            connect(descriptor, &unspecified, socklen_t(MemoryLayout<sockaddr>.size))
        }
        state = .replied
        if let connection = evhttp_request_get_connection(request) {
            // Frees the request too, and ends in `connectionDidFinish` through the close callback.
            evhttp_connection_free(connection)
        } else {
            evhttp_request_free(request)
            connectionDidFinish()
        }
    }

    /// The connection; nil once its client has disconnected.
    private var connection: HTTPConnection? {
        guard evhttp_request_get_connection(request) != nil, let gate, gate.phase != .ended else { return nil }
        return gate
    }
}
