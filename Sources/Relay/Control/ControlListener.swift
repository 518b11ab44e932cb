import Dispatch
import Glibc
import Libevent

/// The control socket: how commands reach a running relay. Whoever may open it, the owner, may do everything.
@LoopActor
final class ControlListener {
    private let server: HTTPServer
    private let path: String

    /// The socket's file in a storage folder.
    nonisolated static func path(in folder: String) -> String { folder + "/control.sock" }

    /// - Parameter desk: called off the loop.
    init(
        folder: String, desk: @escaping @Sendable (DeadLetterRequest, _ asJSON: Bool) -> DeadLetterReply
    ) throws(SocketError) {
        path = Self.path(in: folder)
        server = HTTPServer(limits: HTTPLimits()) { exchange in Self.handle(exchange, desk) }
        try server.listen(adopting: UnixSocket.listen(at: path))
    }

    func stop() {
        server.stopListening()
        unlink(path)
    }

    private static func handle(
        _ exchange: HTTPExchange, _ desk: @escaping @Sendable (DeadLetterRequest, Bool) -> DeadLetterReply
    ) {
        let prefix = "/dead-letters/"
        let (path, body) = (exchange.head.path, String(decoding: exchange.body(), as: UTF8.self))
        guard exchange.head.method == .post, path.hasPrefix(prefix),
            let request = DeadLetterRequest(verb: String(path.dropFirst(prefix.count)), body: body)
        else { return exchange.reply(status: 404, body: "no such command".utf8) }
        let asJSON = exchange.head.query == "json"
        DispatchQueue.global().async { @Sendable in
            let reply = desk(request, asJSON)
            LoopActor.post {
                // A client that left, or a drain that ended, has closed the exchange.
                if exchange.isAwaitingReply { exchange.reply(status: 200, body: reply.wire.utf8) }
            }
        }
    }
}
