import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat
@testable import Support

/// Real HTTP over the loopback interface.
@Suite struct CurlDelivererTests {
    private static let success =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"success\":true}"
    private static let successBody = Array(#"{"success":true}"#.utf8)
    private static let message = Array(#"{"text":"x"}"#.utf8)

    private static func deliverer(
        _ url: String, abort: DeliveryAbort = DeliveryAbort(), _ change: (inout DelivererSettings) -> Void = { _ in }
    ) throws -> CurlDeliverer {
        // The tests must not use a proxy of the machine that runs them.
        var settings = DelivererSettings(userAgent: "relay/1.2.3", timeout: .seconds(120), noProxy: "*")
        change(&settings)
        return CurlDeliverer(hook: try HookURL(url), settings: settings, abort: abort)
    }

    /// Returns the result of one post to a server that sends `answer` and closes.
    private static func answer(
        to answer: String, reset: Bool = false, _ change: (inout DelivererSettings) -> Void = { _ in }
    ) throws -> DeliveryResult {
        let server = try LoopbackServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(answer)
            if reset { connection.resetOnClose() }
        }
        defer { server.stop() }
        return try deliverer(server.url(), change).deliver(message)
    }

    private static func failure(_ answer: DeliveryResult) throws -> TransportFailure {
        guard case .failure(let failure) = answer else {
            Issue.record("an answer: \(answer)")
            throw CancellationError()
        }
        return failure
    }

    private static func outcomeClass(_ answer: DeliveryResult) throws -> OutcomeClass {
        let classifier = ResponseClassifier(hook: try HookURL("https://chat.example.com/hooks/a/b"))
        return OutcomeClass(classifier.outcome(of: answer, now: .now()))
    }

    // MARK: - The request

    @Test func requestHasTheRequiredFieldsAndBody() throws {
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil { connection.send(Self.success) }
        }
        defer { server.stop() }
        let path = "/sub/../hooks/aB1/to%2Fken%3D?x=%20y"
        let body = Array(repeating: UInt8(ascii: "x"), count: 1_500_000)
        let answer = try Self.deliverer(server.url(path)).deliver(body)
        #expect(try answer.get().body == Self.successBody)

        let request = try #require(server.requests.first)
        let lines = request.head.split(separator: "\r\n").map(String.init)
        #expect(lines.first == "POST \(path) HTTP/1.1")
        for line in [
            "Host: 127.0.0.1:\(server.port)", "Content-Type: application/json", "Content-Length: 1500000",
            "User-Agent: relay/1.2.3", "Accept-Encoding: identity",
        ] {
            #expect(lines.contains(line))
        }
        for field in ["Expect", "Transfer-Encoding", "Cookie", "Authorization"] {
            #expect(!lines.contains { $0.hasPrefix(field + ":") })
        }
        #expect(request.body == body)
    }

    @Test func postsShareOneConnection() throws {
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil { connection.send(Self.success) }
        }
        defer { server.stop() }
        let deliverer = try Self.deliverer(server.url())
        for number in 0..<5 {
            let body = Array("{\"text\":\"\(number)\"}".utf8)
            #expect(try deliverer.deliver(body).get().body == Self.successBody)
            #expect(server.requests.last?.body == body)
        }
        #expect(server.requests.map(\.connection) == [1, 1, 1, 1, 1])
    }

    @Test func idleClosedConnectionIsReplaced() throws {
        let server = try LoopbackServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.success)
        }
        defer { server.stop() }
        let deliverer = try Self.deliverer(server.url())
        #expect(try deliverer.deliver(Self.message).get().status == 200)
        // The close races with the next post. A post that loses the race is reported as a failure and is not repeated.
        let before = server.requests.count
        let second = deliverer.deliver(Self.message)
        if case .failure(let failure) = second { #expect(failure.kind == .reset && failure.sentRequest) }
        #expect(server.requests.count <= before + 1)
    }

    @Test func requestIsNeverRepeatedSilently() throws {
        // Answers the first request, then reads the second one and resets the connection without a response.
        let server = try LoopbackServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.success)
            _ = connection.readRequest()
            connection.resetOnClose()
        }
        defer { server.stop() }
        let deliverer = try Self.deliverer(server.url())
        #expect(try deliverer.deliver(Self.message).get().status == 200)
        let failure = try Self.failure(deliverer.deliver(Self.message))
        #expect(failure.kind == .reset)
        #expect(failure.sentRequest)
        #expect(server.requests.count == 2)
        #expect(try deliverer.deliver(Self.message).get().status == 200)
    }

    // MARK: - Responses

    @Test(arguments: [301, 302, 303, 307, 308])
    func aRedirectIsNotFollowed(status: Int) throws {
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil {
                connection.send("HTTP/1.1 \(status) Moved\r\nLocation: /hooks/a/b\r\nContent-Length: 0\r\n\r\n")
            }
        }
        defer { server.stop() }
        let answer = try Self.deliverer(server.url()).deliver(Self.message)
        #expect(try answer.get().status == status)
        #expect(try Self.outcomeClass(answer) == .misconfigured)
        #expect(server.requests.count == 1)
    }

    @Test func relevantHeaderFieldsAreRead() throws {
        let answer = try Self.answer(
            to: "HTTP/1.1 429 Too Many Requests\r\nCONTENT-TYPE:application/json\r\nretry-after:  7 \r\n"
                + "X-RateLimit-Limit: 10\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1700000000000\r\n"
                + "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\nX-Other: y\r\nConnection: close\r\n\r\nslow")
        #expect(
            try answer.get()
                == HookResponse(
                    status: 429, contentType: "application/json", date: "Tue, 14 Nov 2023 22:13:20 GMT",
                    retryAfter: "7", rateLimit: .init(limit: "10", remaining: "0", reset: "1700000000000"),
                    body: Array("slow".utf8)))
    }

    @Test func chunkedResponseIsDecoded() throws {
        let answer = try Self.answer(
            to: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"success\r\n7\r\n\":true}\r\n0\r\n\r\n")
        #expect(try answer.get().body == Self.successBody)
    }

    @Test func interimResponsesAreIgnored() throws {
        let answer = try Self.answer(
            to: "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + Self.success)
        #expect(try answer.get().status == 200)
        #expect(try answer.get().retryAfter == nil)
        #expect(try answer.get().body == Self.successBody)
    }

    @Test func http10ResponseIsReadUntilTheClose() throws {
        let answer = try Self.answer(to: "HTTP/1.0 200 OK\r\n\r\n{\"success\":true}")
        #expect(try Self.outcomeClass(answer) == .delivered)
    }

    @Test func anEndlessBodyIsCut() throws {
        let server = try LoopbackServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n")
            while connection.send(String(repeating: "x", count: 10_000)) {}
        }
        defer { server.stop() }
        let answer = try Self.deliverer(server.url()) { $0.bodyLimit = 64 * 1024 }.deliver(Self.message)
        #expect(try answer.get().status == 502)
        #expect(try answer.get().isBodyCut)
        #expect(try answer.get().body.count == 64 * 1024)
        #expect(try Self.outcomeClass(answer) == .transientMaybe)
    }

    @Test(arguments: [64 * 1024, 64 * 1024 + 1])
    func aBodyIsCutOnlyBeyondTheLimit(length: Int) throws {
        let body = String(repeating: "x", count: length)
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n"
        let answer = try Self.answer(to: head + body) { $0.bodyLimit = 64 * 1024 }.get()
        #expect(answer.isBodyCut == (length > 64 * 1024))
        #expect(answer.body.count == 64 * 1024)
    }

    /// Rocket.Chat returns the posted message, which is large for many alerts.
    @Test func aLargeSuccessIsReadWhole() throws {
        let body =
            #"{"responses":[{"message":{"_id":"x","md":"\#(String(repeating: "y", count: 3 << 20))"}}],"success":true}"#
        let answer = try Self.answer(to: "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(try Self.outcomeClass(answer) == .delivered)
    }

    @Test func unrequestedGzipResponseIsDecoded() throws {
        // gzip of {"success":true}.
        let packed: [UInt8] = [
            0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xAB, 0x56, 0x2A, 0x2E,
            0x4D, 0x4E, 0x4E, 0x2D, 0x2E, 0x56, 0xB2, 0x2A, 0x29, 0x2A, 0x4D, 0xAD, 0x05, 0x00,
            0xDF, 0xF7, 0xF6, 0x66, 0x10, 0x00, 0x00, 0x00,
        ]
        let server = try LoopbackServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(packed.count)\r\n\r\n")
            connection.send(packed)
        }
        defer { server.stop() }
        #expect(try Self.outcomeClass(Self.deliverer(server.url()).deliver(Self.message)) == .delivered)
    }

    @Test(arguments: [100, 102_400])
    func aHugeHeaderIsRefused(lineLength: Int) throws {
        let line = "X-Filler: " + String(repeating: "x", count: lineLength) + "\r\n"
        let lines = String(repeating: line, count: 102_400 / lineLength)
        let failure = try Self.failure(Self.answer(to: "HTTP/1.1 200 OK\r\n\(lines)\r\n{\"success\":true}"))
        #expect(failure.sentRequest)
        #expect(try Self.outcomeClass(.failure(failure)) == .transientMaybe)
    }

    // MARK: - No response

    @Test(arguments: [false, true])
    func truncatedResponseMayBeADelivery(reset: Bool) throws {
        let cut = String(Self.success.dropLast(6))
        let answer = try Self.answer(to: cut, reset: reset)
        let failure = try Self.failure(answer)
        #expect(failure.sentRequest)
        #expect(try Self.outcomeClass(answer) == .transientMaybe)
    }

    @Test func completeSuccessCountsDespiteABrokenConnection() throws {
        let answer = try Self.answer(to: "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"success\":true}")
        #expect(try Self.failure(answer).partialResponse?.body == Self.successBody)
        #expect(try Self.outcomeClass(answer) == .delivered)
    }

    @Test(arguments: [false, true])
    func aCloseWithoutAnyAnswerIsAReset(reset: Bool) throws {
        let failure = try Self.failure(Self.answer(to: "", reset: reset))
        #expect(failure.kind == .reset)
        #expect(failure.sentRequest)
        #expect(failure.partialResponse == nil)
    }

    /// The proxy itself answers a CONNECT, and libcurl has one code for all its refusals.
    @Test(arguments: [
        (407, TransportFailure.Kind.proxy, OutcomeClass.misconfigured), (403, .proxy, .misconfigured),
        (404, .proxy, .misconfigured), (429, .reset, .transient), (502, .reset, .transient), (503, .reset, .transient),
    ])
    func proxyRefusalIsMisconfiguredAndProxyOutageIsTransient(
        status: Int, kind: TransportFailure.Kind, expected: OutcomeClass
    ) throws {
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 \(status) No\r\nContent-Length: 0\r\n\r\n")
        }
        defer { server.stop() }
        let deliverer = try Self.deliverer("https://chat.example.com/hooks/a/b") {
            $0.proxy = Secret(server.url(""))
            $0.noProxy = nil
        }
        let answer = deliverer.deliver(Self.message)
        #expect(try Self.failure(answer).kind == kind)
        #expect(try Self.outcomeClass(answer) == expected)
    }

    @Test func nonHTTPResponseIsABadAnswer() throws {
        let failure = try Self.failure(Self.answer(to: "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"))
        #expect(failure.kind == .badResponse)
        #expect(failure.sentRequest)
    }

    @Test func hangingServerTimesOut() throws {
        let server = try LoopbackServer { $0.hang() }
        defer { server.stop() }
        let begun = ContinuousClock.now
        let answer = try Self.deliverer(server.url()) { $0.timeout = .milliseconds(200) }.deliver(Self.message)
        let failure = try Self.failure(answer)
        #expect(failure.kind == .timeout)
        #expect(failure.sentRequest)
        let elapsed = ContinuousClock.now - begun
        #expect(elapsed >= .milliseconds(200))
    }

    @Test func aRefusedConnectionHasNotSentAnything() throws {
        try LoopbackServer.withClosedPort { port in
            let answer = try Self.deliverer("http://127.0.0.1:\(port)/hooks/a/b").deliver(Self.message)
            let failure = try Self.failure(answer)
            #expect(failure.kind == .connect)
            #expect(!failure.sentRequest)
        }
    }

    @Test func aNameThatDoesNotExistHasNotSentAnything() throws {
        let answer = try Self.deliverer("http://rocketchat.invalid/hooks/integrationID/tokenTokenToken")
            .deliver(Self.message)
        let failure = try Self.failure(answer)
        #expect(failure.kind == .resolve)
        #expect(!failure.sentRequest)
        #expect(!failure.message.contains("tokenTokenToken"))
    }

    @Test func anAbortCutsAPostAndRefusesTheNext() throws {
        let abort = DeliveryAbort()
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            abort.abort()
            connection.hang()
        }
        defer { server.stop() }
        let deliverer = try Self.deliverer(server.url(), abort: abort)
        let cut = try Self.failure(deliverer.deliver(Self.message))
        #expect(cut.kind == .aborted && cut.sentRequest)
        let refused = try Self.failure(deliverer.deliver(Self.message))
        #expect(refused.kind == .aborted && !refused.sentRequest)
        #expect(server.requests.count == 1)
    }
}
