import CLibevent
import Glibc
import Support

/// One request with its one reply.
///
/// It can be replied to later, from any loop code that holds it; exactly once. A client that leaves meanwhile is not
/// noticed until the reply is written: evhttp stops reading while a request is handled.
@LoopActor
public final class HTTPExchange {
    typealias Request = UnsafeMutablePointer<evhttp_request>

    private enum State {
        case awaitingReply
        /// The reply is with evhttp, which frees the request itself.
        case replied
        /// Written out, or the connection is gone.
        case finished
    }

    private var state = State.awaitingReply
    let request: Request
    private unowned let server: HTTPServer
    public let head: HTTPRequestHead
    private let fields: HTTPFields
    private let keepsAlive: Bool
    private let isHTTP10: Bool
    /// When the whole request had been read.
    public let arrival: ContinuousClock.Instant

    init(
        _ received: HTTPRequest, evhttpRequest request: Request, server: HTTPServer, arrival: ContinuousClock.Instant
    ) {
        self.request = request
        head = received.head
        fields = received.fields
        keepsAlive = received.framing.keepsAlive
        isHTTP10 = received.framing.isHTTP10
        self.server = server
        self.arrival = arrival
    }

    public var isAwaitingReply: Bool {
        if case .awaitingReply = state { true } else { false }
    }

    // MARK: The request

    /// The value of the first header field of a name, nil where there is none.
    public func header(_ name: String) -> String? { fields.first(name) }

    /// The values of all header fields of a name, in the order of the request.
    public func headers(_ name: String) -> [String] { fields.all(name) }

    public var bodySize: Int {
        precondition(isAwaitingReply, "the request is gone once it is replied to")
        return evbuffer_get_length(evhttp_request_get_input_buffer(request))
    }

    public func body() -> [UInt8] {
        let size = bodySize
        let buffer = evhttp_request_get_input_buffer(request)
        return [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
            count = size == 0 ? 0 : max(0, Int(evbuffer_copyout(buffer, bytes.baseAddress, size)))
        }
    }

    /// The body, as `body` gives it; what the server held of it is freed.
    public func takeBody() -> [UInt8] {
        let body = body()
        evbuffer_drain(evhttp_request_get_input_buffer(request), body.count)
        return body
    }

    /// The sender has shown that it may post here; see `HTTPArrival.trust`.
    public func trust() { connection?.trust() }

    /// The address of the peer, without its port; empty for a Unix socket, and once the client is gone.
    public var remoteAddress: String { isAwaitingReply ? connection?.peer.address ?? "" : "" }

    /// The user that the process at the other end of a Unix socket runs as (unix(7), SO_PEERCRED); nil where there is
    /// no such process.
    public var peerUser: UInt32? {
        guard isAwaitingReply, let descriptor = connection?.descriptor else { return nil }
        return UnixSocket.peerUser(of: descriptor)
    }

    // MARK: The reply

    /// Replies; where the client is gone, only lets go of the request.
    ///
    /// - precondition: the exchange awaits its reply.
    public func reply(status: Int, headers: [(name: String, value: String)] = [], body: some Collection<UInt8>) {
        precondition(isAwaitingReply, "replied twice")
        let fields = evhttp_request_get_output_headers(request)
        for header in headers { evhttp_add_header(fields, header.name, header.value) }
        // Given even to HEAD, for which no body is written (RFC 9110 §9.3.2).
        evhttp_add_header(fields, "Content-Length", String(body.count))
        // evhttp knows the request as one of HTTP/1.1 that keeps its connection.
        if !keepsAlive || server.mustClose(after: self) {
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
        // Asked now: a request whose client left while it waited has no connection any more; evhttp_send_reply then only
        // frees it, and no callback follows.
        let (connection, hasConnection) = (connection, evhttp_request_get_connection(request) != nil)
        evhttp_send_reply(request, Int32(status), nil, buffer)
        if hasConnection { connection?.replyQueued(bytes: body.count) } else { connectionIsDone() }
    }

    /// The reply is written out, or the connection has ended before.
    func connectionIsDone() {
        switch state {
        case .awaitingReply: break  // Detached by evhttp: `reply` is still owed, and frees the request.
        case .replied:
            state = .finished
            server.exchangeFinished()
        case .finished: break
        }
    }

    // MARK: Faults, for servers that play broken ones

    /// Writes bytes to the socket as they are, past evhttp and past TLS. To be followed by `drop`.
    public func writeRaw(_ bytes: [UInt8]) {
        guard let descriptor = connection?.descriptor else { return }
        _ = bytes.withUnsafeBytes {
            send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
    }

    /// Ends the connection without a reply: with a reset, or with an orderly close.
    ///
    /// - precondition: the exchange awaits its reply.
    public func drop(reset: Bool) {
        precondition(isAwaitingReply, "replied twice")
        // evhttp shuts the socket down before it closes it, which ends it in order; connecting a TCP socket to no address
        // is what resets it at once (connect(2), AF_UNSPEC).
        if reset, let descriptor = connection?.descriptor {
            var nowhere = sockaddr(
                sa_family: sa_family_t(AF_UNSPEC), sa_data: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
            connect(descriptor, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
        }
        state = .replied
        if let connection = evhttp_request_get_connection(request) {
            // Frees the request too, and ends in `connectionIsDone` through the close callback.
            evhttp_connection_free(connection)
        } else {
            evhttp_request_free(request)
            connectionIsDone()
        }
    }

    private var connection: HTTPConnection? { server.table.connection(of: request) }
}
