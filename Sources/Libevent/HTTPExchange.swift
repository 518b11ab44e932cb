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
    /// Nil once the connection has ended or the reply is written.
    private var gate: HTTPConnection?
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

    /// The body; empty once it is consumed or the client is known to have disconnected.
    public func body() -> [UInt8] {
        expect(isAwaitingReply, "the request is already answered")
        return connection?.inbox.body() ?? []
    }

    /// Returns the body as `body` does, and frees the server's copy.
    public func consumeBody() -> [UInt8] {
        let body = body()
        connection?.inbox.removeBody()
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
    public func reply(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8]) {
        expect(isAwaitingReply, "the request is already answered")
        state = .replied
        guard let connection else {
            // Without a connection evhttp only frees the request, and no callback follows.
            evhttp_send_reply_end(request)
            return connectionDidFinish()
        }
        var persistence: HTTPReplyHead.Persistence = isHTTP10 ? .keepAlive : .implied
        if !keepsAlive || server.mustClose(connection) {
            persistence = .close
            // evhttp sees every request as a persistent HTTP/1.1 request. It writes no fields, but obeys this one.
            evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close")
        }
        // The length also for HEAD, whose reply has no body (RFC 9110 section 9.3.2).
        let head = server.replyHead.make(status: status, headers, length: body.count, persistence)
        connection.reply(head, self.head.method == .head ? [] : body, to: request)
    }

    /// Called when the reply is written or the connection has ended.
    func connectionDidFinish() {
        gate = nil
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
