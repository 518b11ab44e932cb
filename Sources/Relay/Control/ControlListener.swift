import Dispatch
import Glibc
import Libevent

/// The control socket: how commands reach a running relay. Its own user and root may do everything, others nothing.
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

    nonisolated static func mayCommand(_ user: UInt32, of owner: UInt32) -> Bool { user == owner || user == 0 }

    private static func handle(
        _ exchange: HTTPExchange, _ desk: @escaping @Sendable (DeadLetterRequest, Bool) -> DeadLetterReply
    ) {
        // The socket's mode says so already, unless somebody changes it.
        guard let user = exchange.peerUser, Self.mayCommand(user, of: geteuid()) else {
            return exchange.reply(status: 403, body: "not the relay's user".utf8)
        }
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
