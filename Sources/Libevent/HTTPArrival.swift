import CLibevent

/// A request whose head is complete and whose body has not been read: the program admits it or answers it now, before
/// anything of the body takes memory.
///
/// One of `admit` and `refuse` is to be called once, at once or later; until then the client waits. A verdict on a
/// request whose client has gone, or that was cut for time, does nothing.
@LoopActor
public struct HTTPArrival {
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

    /// The value of the first header field of a name, nil where there is none.
    public func header(_ name: String) -> String? { request.fields.first(name) }

    /// The values of all header fields of a name, in the order of the request.
    public func headers(_ name: String) -> [String] { request.fields.all(name) }

    /// Lets the request go on: its body is read, and the handler gets it whole.
    ///
    /// - Parameter bodyLimit: in bytes; never more than the server's own limit.
    public func admit(bodyLimit: Int) {
        if isCurrent { connection.admit(bodyLimit: bodyLimit) }
    }

    /// Answers the request without reading its body, and closes the connection.
    public func refuse(_ answer: HTTPReply) {
        if isCurrent { connection.answer(answer) }
    }

    /// The sender has shown that it may post here: its connection makes way for nobody, and the part of the memory that
    /// is kept for such senders is open to it.
    public func trust() {
        if isCurrent { connection.trust() }
    }

    /// Counts this connection for another client than its peer, which is a proxy.
    ///
    /// - Returns: false where that client has as many connections as one may have.
    public func attribute(to address: String) -> Bool {
        !isCurrent || connection.attribute(to: address)
    }
}
