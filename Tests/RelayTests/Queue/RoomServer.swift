import Foundation
import TestSupport

@testable import Alerts
@testable import Posting
@testable import RocketChat
@testable import Support

/// A Rocket.Chat hook on the loopback interface. Records posts and sends the responses that a test sets.
final class RoomServer: Sendable {
    /// A message decoded from its request body.
    struct Post: Decodable, Sendable {
        struct Block: Decodable, Sendable {
            var title: String
        }
        var text: String
        var tmid: String?
        var separateResponse: Bool?
        var attachments: [Block]?

        /// The first line of the text.
        var firstLine: String { String(text.prefix { $0 != "\n" }) }
    }

    /// Runs on the connection's own thread, so it may block.
    typealias HTTPResponse = @Sendable () -> String

    private struct Script {
        var next: [HTTPResponse] = []
        var defaultAnswer: HTTPResponse = { RoomServer.success }
    }

    let hook: HookURL
    private let server: LoopbackServer
    private let script: Locked<Script>
    private let connections = Locked(0)

    init() throws {
        let script = Locked(Script())
        let connections = connections
        let server = try LoopbackServer { connection in
            connections.withLock { $0 += 1 }
            defer { connections.withLock { $0 -= 1 } }
            while connection.readRequest() != nil {
                let answer = script.withLock { $0.next.isEmpty ? $0.defaultAnswer : $0.next.removeFirst() }
                connection.send(answer())
            }
        }
        hook = try HookURL(server.url("/hooks/room\(server.port)/tokenTokenToken"))
        (self.server, self.script) = (server, script)
    }

    deinit { server.stop() }

    // MARK: Responses

    static let success = http(200, #"{"success":true}"#)

    static func http(_ status: Int, _ body: String = "", headers: [String] = []) -> String {
        let lines = ["HTTP/1.1 \(status) X", "Content-Type: application/json", "Content-Length: \(body.utf8.count)"]
        return (lines + headers).joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    /// The response to a message that requested its ID.
    static func success(id: String) -> String {
        http(200, #"{"success":true,"responses":[{"channel":"alerts","message":{"_id":"\#(id)"}}]}"#)
    }

    /// The response that refuses a message.
    static func refusal(_ error: String) -> String { http(400, #"{"success":false,"error":"\#(error)"}"#) }

    /// Header fields that state a spent budget, and a next window that begins after `time`.
    static func spent(for time: Duration) -> [String] {
        let reset = Timestamp.now().nanosecondsSince1970 / 1_000_000 + time.components.seconds * 1000
        return ["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: \(reset)"]
    }

    /// Queues the response to one request.
    func next(_ answer: @escaping @autoclosure HTTPResponse) { script.withLock { $0.next.append(answer) } }

    /// Sets the response to requests without a queued response.
    func always(_ answer: @escaping @autoclosure HTTPResponse) { script.withLock { $0.defaultAnswer = answer } }

    // MARK: Requests

    /// The number of connections that the client has not closed.
    var openConnections: Int { connections.withLock { $0 } }
    var requests: [LoopbackServer.Request] { server.requests }
    var posts: [Post] {
        requests.compactMap { try? JSONDecoder().decode(Post.self, from: Data($0.body)) }
    }
}
