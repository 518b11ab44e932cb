import Foundation
import Libevent

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import RocketChat
@testable import SQLiteJournal
@testable import Support

/// A hook of Rocket.Chat on the loopback interface: keeps what is posted, and answers as a test says.
final class RoomServer: Sendable {
    /// A message as its request body states it.
    struct Post: Decodable, Sendable {
        struct Block: Decodable, Sendable {
            var title: String
        }
        var text: String
        var tmid: String?
        var separateResponse: Bool?
        var attachments: [Block]?

        /// What the text begins with.
        var firstLine: String { String(text.prefix { $0 != "\n" }) }
    }

    /// Runs on the connection's own thread, so it may block.
    typealias Answer = @Sendable () -> String

    private struct Script {
        var next: [Answer] = []
        var standing: Answer = { RoomServer.success }
    }

    let hook: HookURL
    private let server: LoopbackServer
    private let script: Locked<Script>

    init() throws {
        let script = Locked(Script())
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil {
                let answer = script.withLock { $0.next.isEmpty ? $0.standing : $0.next.removeFirst() }
                connection.send(answer())
            }
        }
        hook = try HookURL(server.url("/hooks/room\(server.port)/tokenTokenToken"))
        (self.server, self.script) = (server, script)
    }

    deinit { server.stop() }

    // MARK: Answers

    static let success = http(200, #"{"success":true}"#)

    static func http(_ status: Int, _ body: String = "", headers: [String] = []) -> String {
        let lines = ["HTTP/1.1 \(status) X", "Content-Type: application/json", "Content-Length: \(body.utf8.count)"]
        return (lines + headers).joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    /// The answer to a message that asked for its ID.
    static func success(id: String) -> String {
        http(200, #"{"success":true,"responses":[{"channel":"alerts","message":{"_id":"\#(id)"}}]}"#)
    }

    /// Rocket.Chat refuses this message.
    static func refusal(_ error: String) -> String { http(400, #"{"success":false,"error":"\#(error)"}"#) }

    /// Says that the budget is spent, and that the next window begins after this time.
    static func spent(for time: Duration) -> [String] {
        let reset = Timestamp.now().nanosecondsSince1970 / 1_000_000 + time.components.seconds * 1000
        return ["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: \(reset)"]
    }

    /// Answers the next request that has no answer yet.
    func next(_ answer: @escaping @autoclosure Answer) { script.withLock { $0.next.append(answer) } }

    /// Answers all requests without an answer of their own.
    func always(_ answer: @escaping @autoclosure Answer) { script.withLock { $0.standing = answer } }

    // MARK: Requests

    var requests: [LoopbackServer.Request] { server.requests }
    var posts: [Post] {
        requests.compactMap { try? JSONDecoder().decode(Post.self, from: Data($0.body)) }
    }
}
