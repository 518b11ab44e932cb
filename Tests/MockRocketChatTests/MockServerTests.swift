import Glibc
import Libevent
import Testing

@testable import MockRocketChat

/// Tests of the mock over sockets.
@Suite
struct MockServerTests {
    /// Runs `body` against a mock on a free port.
    private func withMock(
        _ options: ServerOptions = ServerOptions(), _ body: (LoopbackClient) async throws -> Void
    ) async throws {
        let server = await MockServer(options: options)
        let address = try await server.start(on: SocketAddress(host: "127.0.0.1", port: 0))
        let result: Result<Void, any Error>
        do { result = .success(try await body(LoopbackClient(port: address.port))) } catch { result = .failure(error) }
        await server.stop()
        try result.get()
    }

    private func messages(_ client: LoopbackClient, _ query: String = "") throws -> [JSONValue] {
        try json(client.get("/messages\(query)").body).elements ?? []
    }

    @Test func aPostIsRecordedAndListed() async throws {
        try await withMock { client in
            let reply = try client.post("/hooks/critical/token", #"{"text":"x"}"#)
            #expect(reply.status == 200 && reply.body == #"{"success":true}"#)
            #expect(reply.hasHeader("Content-Type: application/json") && reply.hasHeader("Cache-Control: no-store"))
            #expect(try client.post("/hooks/info/user/token?a=b", #"{"text":"y"}"#).status == 200)
            let entries = try messages(client)
            #expect(entries.map { $0["hook"] } == [.string("critical"), .string("info")])
            #expect(entries.map { $0["answered"] } == [.number("200"), .number("200")])
            #expect(entries[0]["overlapped"] == .bool(false))
            #expect(try messages(client, "?hook=info").count == 1)
            #expect(try client.get("/messages?format=text").body.contains("#info"))
            #expect(try client.get("/messages/count").body.hasPrefix(#"{"count":2,"refused":0,"#))
            #expect(try client.send("DELETE", "/messages", "").status == 204)
            #expect(try messages(client).isEmpty)
        }
    }

    @Test(arguments: [ServerProfile.legacy, .h80])
    func wrongMethodsAndPathsAreAnsweredByProfile(profile: ServerProfile) async throws {
        try await withMock(ServerOptions(profile: profile)) { client in
            let put = try client.send("PUT", "/hooks/a/b", "{}")
            #expect(put.status == (profile.isHono ? 404 : 405))
            #expect(
                put.body
                    == (profile.isHono
                        ? "404 Not Found" : #"{"status":"error","message":"API endpoint does not exist"}"#))
            #expect(put.hasHeader("Allow: OPTIONS, GET, POST") == !profile.isHono)
            let stray = try client.post("/hook/a/b", "{}")
            #expect(stray.status == 405 && stray.body.isEmpty && stray.hasHeader("Allow: OPTIONS, GET, HEAD"))
            #expect(try client.get("/anything").body.contains("<html>"))
        }
    }

    @Test func onlyListedHooksExist() async throws {
        try await withMock(ServerOptions(hooks: ["critical/token"])) { client in
            let paths = ["critical/token", "critical/other", "info/token"]
            let statuses = try paths.map { try client.post("/hooks/\($0)", #"{"text":"x"}"#).status }
            #expect(statuses == [200, 500, 500])
        }
    }

    @Test func limitAppliesPerHook() async throws {
        let limit = RateLimiter.Limit(calls: 2, window: 600_000, mode: .enforced)
        try await withMock(ServerOptions(limit: limit)) { client in
            let statuses = try (0..<3).map { _ in try client.post("/hooks/a/t", #"{"text":"x"}"#).status }
            #expect(statuses == [200, 200, 429])
            #expect(try client.post("/hooks/b/t", #"{"text":"x"}"#).status == 200)
            #expect(
                try client.get("/messages/count").body.hasPrefix(#"{"count":3,"refused":1,"failed":0,"requests":4"#))
        }
    }

    @Test func faultsCanBeSetAndEnd() async throws {
        try await withMock { client in
            let fault = #"{"hook":"a","status":503,"body":"down","contentType":"text/plain","times":1}"#
            #expect(try client.send("PUT", "/faults", fault).status == 200)
            #expect(try client.get("/faults").body.contains(#""times":1"#))
            let reply = try client.post("/hooks/a/t", #"{"text":"x"}"#)
            #expect(reply.status == 503 && reply.body == "down")
            #expect(try client.post("/hooks/a/t", #"{"text":"x"}"#).status == 200)
            #expect(try client.send("PUT", "/faults", #"{"mode":"?"}"#).status == 400)
        }
    }

    @Test func connectionEndsBeforeOrAfterRecording() async throws {
        try await withMock { client in
            for (mode, recorded) in [("close", 0), ("reset", 0), ("recordThenClose", 1), ("recordThenReset", 2)] {
                try client.send("PUT", "/faults", "{\"mode\":\"\(mode)\",\"times\":1}")
                let reply = try client.post("/hooks/a/t", #"{"text":"x"}"#)
                #expect(reply.text.isEmpty && reply.outcome != .timedOut, "\(mode)")
                #expect(try messages(client).count == recorded, "\(mode)")
                if mode.lowercased().hasSuffix("reset") { #expect(reply.outcome == .reset, "\(mode)") }
            }
            #expect(try messages(client).allSatisfy { $0["answered"] == .number("0") })
        }
    }

    @Test func deletingFaultsReleasesHangingRequests() async throws {
        try await withMock { client in
            try client.send("PUT", "/faults", #"{"mode":"recordThenHang"}"#)
            #expect(try client.post("/hooks/a/t", #"{"text":"x"}"#, timeout: 200).outcome == .timedOut)
            #expect(try messages(client).count == 1)
            #expect(try client.send("DELETE", "/faults", "").status == 204)
            #expect(try client.post("/hooks/a/t", #"{"text":"x"}"#).status == 200)
        }
    }

    @Test func lateSuccessIsRecordedAfterTheClientsTimeout() async throws {
        try await withMock { client in
            try client.send("PUT", "/faults", #"{"mode":"lateSuccess","delayMs":60000,"times":1}"#)
            #expect(try client.post("/hooks/a/t", #"{"text":"x"}"#, timeout: 200).outcome == .timedOut)
            #expect(try messages(client).count == 1)
            #expect(try client.post("/hooks/a/t", #"{"text":"x"}"#).status == 200)
            #expect(try messages(client).map { $0["overlapped"] } == [.bool(false), .bool(false)])
        }
    }

    @Test func overlappingRequestsAreMarked() async throws {
        try await withMock { client in
            try client.send("PUT", "/faults", #"{"hook":"a","delayMs":300,"times":2}"#)
            let text = #"{"text":"x"}"#
            let request =
                "POST /hooks/a/t HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
            let both = try (0..<2).map { _ in try client.connected(timeout: 10_000) }
            for descriptor in both { client.write(request, to: descriptor) }
            for descriptor in both {
                #expect(LoopbackClient.Reply(outcome: client.readAll(descriptor)).status == 200)
                close(descriptor)
            }
            #expect(try messages(client).map { $0["overlapped"] } == [.bool(true), .bool(true)])
        }
    }

    @Test(arguments: [
        ("truncatedJSON", 200, "{\"success\":tr"), ("emptyReply", 200, ""), ("redirect", 302, ""),
        ("databaseFailureInAuth", 500, "Internal Server Error"), ("truncatedBody", 200, "{\"succ"),
        ("chunkedBody", 200, "8\r\n{\"succes\r\n8\r\ns\":true}\r\n0\r\n\r\n"), ("http10", 200, #"{"success":true}"#),
        ("connectionClose", 200, #"{"success":true}"#), ("closeAfterReply", 200, #"{"success":true}"#),
    ])
    func proxyResponsesAndUnusualTransports(mode: String, status: Int, body: String) async throws {
        try await withMock { client in
            try client.send("PUT", "/faults", "{\"mode\":\"\(mode)\"}")
            let reply = try client.post("/hooks/a/t", #"{"text":"x"}"#)
            #expect(reply.status == status && reply.body == body)
        }
    }

    @Test func hugeBodyIsSentCompletely() async throws {
        try await withMock { client in
            try client.send("PUT", "/faults", #"{"mode":"hugeBody","bytes":3000000}"#)
            #expect(try client.post("/hooks/a/t", #"{"text":"x"}"#).body.utf8.count == 3_000_000)
        }
    }

    @Test func headersAreDripped() async throws {
        try await withMock { client in
            try client.send("PUT", "/faults", #"{"mode":"dripHeaders"}"#)
            let descriptor = try client.connected(timeout: 5000)
            client.write("POST /hooks/a/t HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", to: descriptor)
            var first: [UInt8] = [0, 0]
            #expect(recv(descriptor, &first, 2, Int32(MSG_WAITALL)) == 2)
            #expect(first == Array("HT".utf8))
            close(descriptor)
        }
    }

    @Test func pageHasNoExternalResources() async throws {
        try await withMock { client in
            let page = try client.get("/")
            #expect(page.status == 200 && page.hasHeader("Content-Type: text/html; charset=utf-8"))
            #expect(!page.body.contains("src=") && !page.body.contains("@import") && !page.body.contains("innerHTML"))
        }
    }

    @Test func messagesAreDrawnForThePage() async throws {
        try await withMock { client in
            let body = #"{"text":"*b* <i>","attachments":[{"title":"T","text":"`c`","collapsed":true}]}"#
            #expect(try client.post("/hooks/critical/t", body).status == 200)
            let entries = try messages(client, "?format=html&since=0")
            let html = try #require(entries.first?["html"]?.stringValue)
            #expect(entries.first?["room"] == .string("critical") && entries.first?["seq"] == .number("1"))
            #expect(html.contains("<p><strong>b</strong> &lt;i&gt;</p>") && html.contains("<code>c</code>"))
            #expect(html.contains("<details><summary"))
            #expect(try messages(client, "?format=html&since=1").isEmpty)
        }
    }
}
