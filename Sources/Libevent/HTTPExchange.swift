import CLibevent
import Glibc

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
    /// The body of the reply, between `reply` and `sendReply`.
    private var content: OpaquePointer?
    /// When the whole request had been read.
    public let arrival: ContinuousClock.Instant

    init(request: Request, head: HTTPRequestHead, server: HTTPServer, arrival: ContinuousClock.Instant) {
        self.request = request
        self.head = head
        self.server = server
        self.arrival = arrival
    }

    public var isAwaitingReply: Bool {
        if case .awaitingReply = state { true } else { false }
    }

    // MARK: The request

    /// The value of a header field, nil where it is absent.
    ///
    /// - precondition: the exchange awaits its reply; evhttp frees the request after it.
    public func header(_ name: String) -> String? {
        precondition(isAwaitingReply, "the request is gone once it is replied to")
        return evhttp_find_header(evhttp_request_get_input_headers(request), name).map { String(cString: $0) }
    }

    /// The values of all fields of a name, in the order of the request; `header` gives the first alone.
    ///
    /// - precondition: the exchange awaits its reply; evhttp frees the request after it.
    public func headers(_ name: String) -> [String] {
        precondition(isAwaitingReply, "the request is gone once it is replied to")
        var values: [String] = []
        var field = evhttp_request_get_input_headers(request)?.pointee.tqh_first
        while let current = field {
            if let key = current.pointee.key, let value = current.pointee.value, strcasecmp(key, name) == 0 {
                values.append(String(cString: value))
            }
            field = current.pointee.next.tqe_next
        }
        return values
    }

    public var bodySize: Int {
        precondition(isAwaitingReply, "the request is gone once it is replied to")
        return evbuffer_get_length(evhttp_request_get_input_buffer(request))
    }

    /// The body, in an array with room for `spare` bytes more than it holds, so that a parser may read past its end.
    public func body(spare: Int = 0) -> [UInt8] {
        let size = bodySize
        let buffer = evhttp_request_get_input_buffer(request)
        return [UInt8](unsafeUninitializedCapacity: size + spare) { bytes, count in
            count = size == 0 ? 0 : max(0, Int(evbuffer_copyout(buffer, bytes.baseAddress, size)))
        }
    }

    /// The address of the peer, without its port; empty once the client is gone.
    public var remoteAddress: String {
        guard isAwaitingReply, let connection = evhttp_request_get_connection(request) else { return "" }
        var address: UnsafeMutablePointer<CChar>?
        var port: UInt16 = 0
        evhttp_connection_get_peer(connection, &address, &port)
        return address.map { String(cString: $0) } ?? ""
    }

    /// The user that the process at the other end of a Unix socket runs as (unix(7), SO_PEERCRED); nil where there is
    /// no such process.
    public var peerUser: UInt32? {
        guard isAwaitingReply, let descriptor = connection?.descriptor else { return nil }
        // struct ucred, which Glibc's module leaves out: process, user, group.
        var peer: (pid: Int32, uid: UInt32, gid: UInt32) = (0, .max, .max)
        var size = socklen_t(MemoryLayout.size(ofValue: peer))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 else { return nil }
        // What a socket of another kind says.
        return peer.uid == .max ? nil : peer.uid
    }

    // MARK: The reply

    /// Replies; where the client is gone, only lets go of the request.
    ///
    /// - precondition: the exchange awaits its reply.
    public func reply(status: Int, headers: [(name: String, value: String)] = [], body: some Collection<UInt8>) {
        precondition(isAwaitingReply, "replied twice")
        let fields = evhttp_request_get_output_headers(request)
        for header in headers { evhttp_add_header(fields, header.name, header.value) }
        // Given even to HEAD, for which evhttp writes no body (RFC 9110 §9.3.2).
        evhttp_add_header(fields, "Content-Length", String(body.count))
        if server.mustClose(after: self) { evhttp_add_header(fields, "Connection", "close") }
        let buffer = evbuffer_new()
        if head.method != .head {
            _ =
                body.withContiguousStorageIfAvailable { evbuffer_add(buffer, $0.baseAddress, $0.count) }
                ?? Array(body).withUnsafeBufferPointer { evbuffer_add(buffer, $0.baseAddress, $0.count) }
        }
        state = .replied
        content = buffer
        let connection = connection
        let isInterimPossible = evhttp_find_header(evhttp_request_get_input_headers(request), "Expect") != nil
        if isInterimPossible, let connection, connection.mayReportInterimReply {
            LoopActor.post { self.sendReply(status, on: connection) }
        } else {
            sendReply(status, on: connection)
        }
    }

    private func sendReply(_ status: Int, on connection: HTTPConnection?) {
        defer { evbuffer_free(content) }
        // A request whose client left while it waited has no connection any more; evhttp_send_reply then only frees it,
        // and no callback follows.
        let hasConnection = evhttp_request_get_connection(request) != nil
        evhttp_send_reply(request, Int32(status), nil, content)
        if hasConnection { connection?.replyQueued() } else { connectionIsDone() }
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
