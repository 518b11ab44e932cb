import Dispatch
import Glibc
import Libevent

/// The control socket, through which commands reach a running relay. Its own user and root may send every command,
/// other users none.
@LoopActor
final class ControlListener {
    private let server: HTTPServer
    private let path: String

    /// The size limit of a command in bytes: a million IDs.
    nonisolated static let requestLimit = 16 << 20

    /// The path of the socket in a storage folder.
    nonisolated static func path(in folder: String) -> String { folder + "/control.sock" }

    init(folder: String, services: [any ControlService]) throws(SocketError) {
        path = Self.path(in: folder)
        var limits = HTTPLimits()
        limits.connections = 16
        limits.bodySize = Self.requestLimit
        // Up to fifteen other commands may be queued first, each with a hundred thousand letters.
        limits.replyTimeout = .seconds(600)
        // One command at a time: a page of a list uses a megabyte, and the journal is serial anyway.
        let queue = DispatchQueue(label: "control")
        server = HTTPServer(limits: limits) { exchange in Self.handle(exchange, on: queue, services) }
        try server.listen(adopting: UnixSocket.listen(at: path))
    }

    /// The services of a running relay.
    static func services(
        _ intake: Intake, status: StatusListener, crashGuard: CrashGuard
    ) -> [any ControlService] {
        let journal = intake.journal
        return [
            DeadLetterService(journal: journal, noteDropped: { intake.noteDropped($0) }) { intake.replay($0) },
            HistoryService(journal: journal),
            PendingService(
                journal: journal, status: { LoopActor.read { status.status } },
                isSuspect: { crashGuard.crashes(of: $0).all > 0 }),
        ]
    }

    func stop() {
        server.stopListening()
        unlink(path)
    }

    nonisolated static func mayCommand(_ user: UInt32, of owner: UInt32) -> Bool { user == owner || user == 0 }

    private static func handle(
        _ exchange: HTTPExchange, on queue: DispatchQueue, _ services: [any ControlService]
    ) {
        // The mode of the socket enforces this too, unless someone changes it.
        guard let user = exchange.peerUser, Self.mayCommand(user, of: geteuid()) else {
            return reply(exchange, 403, "not the relay's user")
        }
        let body = String(decoding: exchange.body(), as: UTF8.self)
        guard exchange.head.method == .post,
            let request = ControlRequest(path: exchange.head.path, query: exchange.head.query, body: body),
            let service = services.first(where: { type(of: $0).name == request.service })
        else { return reply(exchange, 404, "no such command") }
        queue.async { @Sendable in
            let reply = service.execute(request)
            LoopActor.post {
                // The exchange is closed if the client disconnected or the drain ended.
                guard exchange.isAwaitingReply else { return }
                guard let reply else { return Self.reply(exchange, 404, "no such command") }
                Self.reply(exchange, 200, reply.wire)
            }
        }
    }

    private static func reply(_ exchange: HTTPExchange, _ status: Int, _ text: String) {
        exchange.reply(
            status: status, headers: [("Content-Type", "text/plain; charset=utf-8")], body: Array(text.utf8))
    }
}
