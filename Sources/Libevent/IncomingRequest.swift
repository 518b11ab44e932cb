import CLibevent

/// A request whose head is complete and whose body has not been read. The program admits or answers it before the body
/// uses memory.
///
/// The program must call either `admit` or `refuse` once, now or later; the client waits until then. Both do nothing if
/// the client has disconnected or the request has timed out.
@LoopActor
public struct IncomingRequest {
    private let request: HTTPRequest
    private let connection: HTTPConnection
    private let generation: UInt64

    init(_ request: HTTPRequest, on connection: HTTPConnection) {
        self.request = request
        self.connection = connection
        generation = connection.generation
    }

    public var head: HTTPRequestHead { request.head }
    public var hasBody: Bool { request.framing.body != .none }
    var fields: HTTPFields { request.fields }

    private var isCurrent: Bool { connection.generation == generation && connection.phase == .screening }

    /// The address of the peer, without its port; empty for a Unix socket.
    public var remoteAddress: String { connection.peer.address }

    /// The value of the first header field with this name; nil if there is none.
    public func header(_ name: String) -> String? { request.fields.first(name) }

    /// The values of all header fields with this name, in the order of the request.
    public func headers(_ name: String) -> [String] { request.fields.all(name) }

    /// Accepts the request: the server reads its body and passes the complete request to the handler.
    ///
    /// - Parameters:
    ///   - bodyLimit: in bytes; the server's own limit applies if it is smaller.
    ///   - provisionally: the handler must judge the sender by the body (`HTTPExchange.isProvisional`).
    public func admit(bodyLimit: Int, provisionally: Bool = false) {
        guard isCurrent else { return }
        request.isProvisional = provisionally
        connection.admit(bodyLimit: bodyLimit)
    }

    /// Answers the request without reading its body, and closes the connection.
    public func refuse(_ answer: HTTPReply) {
        if isCurrent { connection.answer(answer) }
    }

    /// Marks the sender as authenticated. Its connection is not evicted while unproven ones exist, and it may use the
    /// reserved part of the memory budget.
    public func trust() {
        if isCurrent { connection.trust() }
    }

    /// Counts this connection for the given client address instead of the peer, which is a proxy.
    ///
    /// - Returns: false if that client has reached its connection limit.
    public func attribute(to address: String) -> Bool {
        !isCurrent || connection.attribute(to: address)
    }
}
