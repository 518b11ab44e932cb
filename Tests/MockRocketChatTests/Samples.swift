@testable import MockRocketChat

extension IncomingWebhook {
    /// A post of JSON to `/hooks/critical/token`.
    static func post(
        _ body: String, hook: String = "critical", target: String? = nil,
        contentType: String? = "application/json", client: String = "127.0.0.1", at time: Int = 1_000_000
    ) -> IncomingWebhook {
        IncomingWebhook(
            method: .post, hook: hook, token: "token", target: target ?? "/hooks/\(hook)/token",
            contentType: contentType, body: Array(body.utf8), client: client, receivedAt: time)
    }
}

extension RocketChat {
    mutating func post(_ body: String, integration: Integration = Integration()) -> HookReply {
        answer(.post(body), integration: integration)
    }
}

extension HookReply {
    var text: String { String(decoding: body, as: UTF8.self) }

    func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    /// The error of a JSON failure.
    var error: String? {
        (try? JSONParser.parse(body))?["error"]?.stringValue
    }
}

extension MessageStore {
    /// The entries of `GET /messages`.
    var entries: [JSONValue] {
        (try? JSONParser.parse(list()))?.elements ?? []
    }
}

func json(_ text: String) throws -> JSONValue {
    try JSONParser.parse(text.utf8)
}
