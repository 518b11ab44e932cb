import Foundation
import TestSupport

@testable import ChatOps
@testable import Posting

/// A server with scripted responses of Alertmanager's API, by method and path.
final class ScriptedAlertmanager {
    let server: LoopbackServer

    /// - Parameter respond: returns status and body for a request line such as `GET /api/v2/alerts`; nil hangs.
    init(_ respond: @escaping @Sendable (String) -> (Int, String)?) throws {
        server = try LoopbackServer { connection in
            while let request = connection.readRequest() {
                let line = request.head.split(separator: " ").prefix(2).joined(separator: " ")
                guard let (status, body) = respond(line) else { return connection.hang() }
                let head =
                    "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)"
                guard connection.send(head + "\r\n\r\n" + body) else { return }
            }
        }
    }

    deinit { server.stop() }

    var address: String { "http://127.0.0.1:\(server.port)" }

    /// The request lines so far.
    var lines: [String] {
        server.requests.map { $0.head.split(separator: " ").prefix(2).joined(separator: " ") }
    }

    /// The JSON of the last request with a body.
    var posted: [String: Any] {
        let body = server.requests.last { !$0.body.isEmpty }?.body ?? []
        return (try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]) ?? [:]
    }
}

func alertJSON(
    _ fingerprint: String, _ labels: [String: String] = ["alertname": "DiskFull", "instance": "db-1:9100"],
    state: String = "active", startsAt: String = "2026-11-23T17:04:00.000Z"
) -> String {
    let labels = String(decoding: (try? JSONEncoder().encode(labels)) ?? Data(), as: UTF8.self)
    return #"{"annotations":{"summary":"s"},"endsAt":"2026-11-24T00:00:00Z","fingerprint":"\#(fingerprint)","#
        + #""receivers":[{"name":"r"}],"startsAt":"\#(startsAt)","status":{"inhibitedBy":[],"silencedBy":[],"#
        + #""state":"\#(state)"},"updatedAt":"2026-11-23T17:04:00Z","generatorURL":"","labels":\#(labels)}"#
}

func silenceJSON(
    _ id: String, state: String = "active", comment: String = "disk swap", by author: String = "alice (Rocket.Chat)",
    updatedAt: String = "2026-11-23T17:04:00.000Z"
) -> String {
    func text(_ value: String) -> String {
        String(decoding: (try? JSONEncoder().encode(value)) ?? Data(), as: UTF8.self)
    }
    return #"{"id":"\#(id)","status":{"state":"\#(state)"},"updatedAt":"\#(updatedAt)","comment":\#(text(comment)),"#
        + #""createdBy":\#(text(author)),"endsAt":"2026-11-23T19:04:00.000Z","matchers":[{"isEqual":true,"#
        + #""isRegex":false,"name":"alertname","value":"DiskFull"},{"isEqual":false,"isRegex":true,"name":"env","#
        + #""value":"dev|test"}],"startsAt":"2026-11-23T17:04:00.000Z"}"#
}
