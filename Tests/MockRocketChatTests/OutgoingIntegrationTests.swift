import Libevent
import TestSupport
import Testing

@testable import MockRocketChat

/// The mock's outgoing webhooks: the bytes that it sends, and what it does with the responses.
@Suite(.timeLimit(.minutes(1))) struct OutgoingIntegrationTests {
    /// A mock, and the server that its outgoing webhook calls.
    private func withMock(
        _ answers: [(Int, String)], configuration: String = "",
        _ body: (LoopbackClient, LoopbackServer) async throws -> Void
    ) async throws {
        let target = try LoopbackServer { connection in
            while connection.readRequest() != nil {
                let number = min(connection.number, answers.count) - 1
                let (status, text) = answers[number]
                connection.send("HTTP/1.1 \(status) X\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
            }
        }
        let server = await MockServer(options: ServerOptions())
        let address = try await server.start(on: SocketAddress(host: "127.0.0.1", port: 0))
        let client = LoopbackClient(port: address.port)
        let result: Result<Void, any Error>
        do {
            let put = #"{"url":"\#(target.url("/rocketchat"))","token":"abc"\#(configuration)}"#
            #expect(try client.send("PUT", "/outgoing", put).status == 200)
            result = .success(try await body(client, target))
        } catch {
            result = .failure(error)
        }
        target.stop()
        await server.stop()
        try result.get()
    }

    private func type(_ text: String, _ client: LoopbackClient, more: String = "") throws -> Bool {
        let reply = try client.post("/type", #"{"room":"critical","user":"alice","text":"\#(text)"\#(more)}"#)
        return try json(reply.body)["triggered"] == .bool(true)
    }

    /// Waits until a number of calls have ended; returns their outcomes.
    private func outcomes(_ count: Int, _ client: LoopbackClient) throws -> [String] {
        var outcomes: [String] = []
        _ = try eventually {
            let calls = try json(client.get("/outgoing").body)["calls"]?.elements ?? []
            outcomes = calls.compactMap { $0["outcome"]?.stringValue }
            return outcomes.count >= count && !outcomes.contains("waiting")
        }
        return outcomes
    }

    private func texts(_ client: LoopbackClient) throws -> [String] {
        (try json(client.get("/messages").body).elements ?? []).compactMap { $0["text"]?.stringValue }
    }

    @Test func bodyHasTheMembersOfRocketChatInTheirOrder() async throws {
        try await withMock([(200, "{}")]) { (client, target) async throws in
            #expect(
                try type(
                    "!silence 2h x", client,
                    more: #","id":"m1","tmid":"m0","isEdited":true,"alias":"A","bot":{"i":"x"}"#))
            #expect(try outcomes(1, client) == ["nothing to post"])
            let request = try #require(target.requests.first)
            #expect(request.head.hasPrefix("POST /rocketchat HTTP/1.1\r\n"))
            #expect(request.head.contains("Content-Type: application/json\r\n"))
            let body = String(decoding: request.body, as: UTF8.self)
            let time = try #require(body.firstMatch(of: /"timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"/)).1
            #expect(
                body == #"{"token":"abc","bot":{"i":"x"},"trigger_word":"!silence","channel_id":"id-of-critical","#
                    + #""channel_name":"critical","message_id":"m1","timestamp":"\#(time)","user_id":"id-of-alice","#
                    + #""user_name":"alice","text":"!silence 2h x","siteUrl":"https://chat.example.com","alias":"A","#
                    + #""isEdited":true,"tmid":"m0"}"#)
        }
    }

    @Test func onlyTriggerWordsAtTheStartAreSent() async throws {
        try await withMock([(200, "{}")]) { (client, target) async throws in
            #expect(try !type("hello !silence", client) && !type("silence", client))
            #expect(try type("!help", client))
            #expect(try outcomes(1, client).count == 1 && target.requests.count == 1)
            #expect(try texts(client) == ["hello !silence", "silence", "!help"])
        }
    }

    @Test(arguments: [
        (200, #"{"text":"done"}"#, "posted"), (200, "", "the response is no JSON object"),
        (200, "{}", "nothing to post"),
        (200, #"{"text":"@all"}"#, "error-action-not-allowed"), (500, #"{"text":"x"}"#, "final"),
        (403, "{}", "failed"), (410, "", "the integration is disabled"),
    ])
    func responseDecidesWhatIsPosted(status: Int, body: String, outcome: String) async throws {
        try await withMock([(status, body)]) { (client, _) async throws in
            #expect(try type("!help", client))
            #expect(try outcomes(1, client) == [outcome])
            #expect(try texts(client) == (outcome == "posted" ? ["!help", "done"] : ["!help"]))
            #expect(try type("!help", client) == (status != 410))
        }
    }

    @Test func failedCallsAreRepeatedIfConfigured() async throws {
        try await withMock([(503, "")], configuration: #","retries":2"#) { (client, target) async throws in
            #expect(try type("!help", client))
            #expect(try outcomes(3, client) == ["failed", "failed", "failed"])
            #expect(Set(target.requests.map(\.body)).count == 1, "the same bytes")
        }
    }

    /// Answers and posts of hooks trigger too; a receiver that does not look at `bot` would loop.
    @Test func postsOfIntegrationsAreSentAsABots() async throws {
        try await withMock([(200, #"{"text":"!help again"}"#), (200, "{}")]) { (client, target) async throws in
            #expect(try type("!help", client))
            #expect(try outcomes(2, client) == ["posted", "nothing to post"])
            #expect(try client.post("/hooks/critical/t", #"{"text":"!alerts"}"#).status == 200)
            #expect(try outcomes(3, client).count == 3)
            let bots = try target.requests.map { try JSONParser.parse($0.body)["bot"] }
            #expect(bots == [.bool(false), .object(["i": .string("outgoing")]), .object(["i": .string("critical")])])
        }
    }

    @Test func pressedButtonPostsItsCommand() async throws {
        try await withMock([(200, "{}")]) { (client, _) async throws in
            let actions =
                #"[{"type":"button","text":"L","url":"https://a.example.com"},"#
                + #"{"type":"button","text":"S","msg":"!silence 2h x","msg_in_chat_window":true},"#
                + #"{"type":"button","text":"E","msg":"!silence 2h ","msg_in_chat_window":true,"#
                + #""msg_processing_type":"respondWithMessage"},{"type":"button","text":"N","msg":"!help"}]"#
            let post = #"{"text":"x","attachments":[{"text":"a","actions":\#(actions)}]}"#
            #expect(try client.post("/hooks/critical/t", post).status == 200)
            let id = try #require(try json(client.get("/messages").body).elements?.first?["id"]?.stringValue)
            func press(_ button: Int) throws -> (status: Int?, body: String) {
                let reply = try client.post("/press", #"{"id":"\#(id)","button":\#(button),"user":"bob"}"#)
                return (reply.status, reply.body)
            }
            #expect(try press(0).status == 400 && press(3).status == 400 && press(4).status == 400)
            #expect(try press(2).body == #"{"composer":"!silence 2h "}"#)
            #expect(try press(1).status == 200)
            #expect(try outcomes(1, client).count == 1)
            #expect(try texts(client) == ["x", "!silence 2h x"])
            let html = try client.get("/messages?format=html").body
            #expect(html.contains("data-command="))
        }
    }

    @Test func wrongControlRequestsAreExplained() async throws {
        try await withMock([(200, "{}")]) { (client, _) async throws in
            #expect(try client.post("/type", #"{"room":"a"}"#).body.contains("room, user and text are required"))
            #expect(try client.post("/type", "x").status == 400 && client.get("/type").status == 405)
            #expect(try client.send("DELETE", "/outgoing", "").status == 204)
            #expect(try !type("!help", client))
        }
    }
}
