import Foundation
import Libevent
import TestSupport
import Testing

/// How the gate processes a connection's bytes before evhttp.
@Suite(.timeLimit(.minutes(2)))
struct HTTPGateTests {
    // MARK: Framing on the wire

    private static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n"

    /// Every method with every framing of a body. Each body is a request that a differing parser would execute.
    @Test(arguments: HTTPMethod.allCases.map(\.rawValue) + ["BREW"])
    @LoopActor func noMethodWithAnyFramingSmugglesARequest(method: String) async throws {
        let length = Self.smuggled.utf8.count
        let hex = String(length, radix: 16)
        let chunked = "\(hex)\r\n\(Self.smuggled)\r\n0\r\n\r\n"
        let framings = [
            ("Content-Length: \(length)", Self.smuggled), ("Content-Length: 0", Self.smuggled),
            ("Transfer-Encoding: chunked", chunked), ("Transfer-Encoding: chunked", "0\r\n\r\n" + Self.smuggled),
            ("Content-Length: \(length)\r\nTransfer-Encoding: chunked", chunked),
            ("Transfer-Encoding: identity", Self.smuggled), ("Transfer-Encoding : chunked", chunked),
            ("Content-Length: \(length)\u{0}", Self.smuggled), ("Content-Length: 0\u{0}\(length)", Self.smuggled),
        ]
        let echo = try EchoServer()
        let port = echo.port
        for (fields, body) in framings {
            echo.paths = []
            let answers = await offLoop {
                let client = Client(port: port)
                client.send("\(method) /first HTTP/1.1\r\nHost: t\r\n\(fields)\r\n\r\n\(body)")
                client.finishSending()
                var answers: [Client.Answer] = []
                while let answer = client.answer(toHEAD: method == "HEAD") { answers.append(answer) }
                return answers
            }
            // The bytes after an empty body are a pipelined request, as the sender intended.
            let isPipelined = fields == "Content-Length: 0" || body.hasPrefix("0\r\n")
            let mayRun = isPipelined && answers.first?.status == 200 ? ["/first", "/smuggled"] : ["/first"]
            #expect(echo.paths == (answers.first?.status == 200 ? mayRun : []), "\(method) \(fields)")
            #expect(answers.count == max(1, echo.paths.count), "\(method) \(fields)")
        }
        await echo.stop()
    }

    @Test @LoopActor func pipelinedRequestsAreServedInOrder() async throws {
        let echo = try EchoServer()
        let port = echo.port
        let bodies = await offLoop {
            let client = Client(port: port)
            client.send(
                "POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nab"
                    + "POST /b HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n"
                    + "\r\nGET /c HTTP/1.1\r\nHost: t\r\n\r\nPOST /d HTTP/1.1\r\nHost: t\r\nContent-Length: 70000\r\n\r\n"
                    + String(repeating: "x", count: 70000) + "GET /e HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
            let bodies = (0..<5).map { _ in client.answer()?.body }
            return client.isClosedByServer() ? bodies : []
        }
        #expect(bodies == ["POST /a 2", "POST /b 3", "GET /c 0", "POST /d 70000", "GET /e 0"])
        await echo.stop()
    }

    @Test @LoopActor func pipelinedRequestKeepsTheServerBusy() async throws {
        let echo = try EchoServer()
        echo.holds = true
        let port = echo.port
        async let bodies = offLoop {
            let client = Client(port: port)
            client.send("GET /a HTTP/1.1\r\nHost: t\r\n\r\nGET /b HTTP/1.1\r\nHost: t\r\n\r\n")
            return [client.answer()?.body, client.answer()?.body]
        }
        #expect(await echo.waits { $0.held.count == 1 })
        var unfinished: Int?
        echo.server.whenIdle { unfinished = echo.server.unfinished }
        echo.answerHeld()
        #expect(await echo.waits { $0.held.first?.head.path == "/b" })
        await pause(.milliseconds(1))
        #expect(unfinished == nil)
        echo.answerHeld()
        #expect(await echo.waits { _ in unfinished == 0 })
        #expect(await bodies == ["GET /a 0", "GET /b 0"])
        await echo.stop()
    }

    /// The bytes of each next request are unread while the previous one awaits its reply.
    @Test @LoopActor func requestsSentDuringAnotherAreServedAfterIt() async throws {
        let echo = try EchoServer()
        echo.holds = true
        let client = Client(port: echo.port)
        client.send("GET /0 HTTP/1.1\r\nHost: t\r\n\r\n")
        for number in 0..<4 {
            #expect(await echo.waits { $0.held.first?.head.path == "/\(number)" })
            let body = String(repeating: "x", count: number * 3000)
            client.send("POST /\(number + 1) HTTP/1.1\r\nHost: t\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            // Several turns of the loop, in which the socket is readable.
            await pause(.milliseconds(2))
            #expect(echo.held.count == 1)
            echo.answerHeld()
        }
        #expect(await echo.waits { $0.held.first?.head.path == "/4" })
        client.finishSending()
        await pause(.milliseconds(2))
        echo.answerHeld()
        // On the loop: the replies are already written.
        let bodies = (0..<5).map { _ in client.answer()?.body }
        #expect(bodies == ["GET /0 0", "POST /1 0", "POST /2 3000", "POST /3 6000", "POST /4 9000"])
        #expect(await echo.waits { $0.server.connectionCount == 0 && $0.server.memoryUsed == 0 })
        await echo.stop()
    }

    @Test @LoopActor func acceptingIsLimitedPerLoopIteration() async throws {
        var limits = HTTPLimits()
        // On a busy machine, the first connections would time out before the last is accepted.
        limits.firstByteTimeout = .seconds(60)
        let echo = try EchoServer(limits: limits)
        // Connects on the loop, so that all connections are in the backlog.
        let clients = SocketCrowd(port: echo.port)
        for _ in 0..<300 { clients.add(SocketCrowd.Script()) }
        let counter = AcceptCounter(of: echo.server)
        counter.sample()
        let areAccepted = await echo.waits { $0.server.connectionCount == 300 }
        #expect(areAccepted, "\(echo.server.connectionCount), at most \(counter.most) in a turn")
        counter.isDone = true
        // 64 per loop iteration; two iterations may lie between two samples.
        #expect(counter.most <= 128)
        withExtendedLifetime(clients) {}
        await echo.stop()
    }

    /// Samples the number of accepted connections in each loop iteration.
    @LoopActor
    private final class AcceptCounter {
        private let server: HTTPServer
        private var last = 0
        private(set) var most = 0
        var isDone = false

        init(of server: HTTPServer) { self.server = server }

        func sample() {
            most = max(most, server.connectionCount - last)
            last = server.connectionCount
            if !isDone { LoopActor.post { [self] in sample() } }
        }
    }

    @Test @LoopActor func requestsSentByteByByteAreServed() async throws {
        let echo = try EchoServer()
        let port = echo.port
        let bodies = await offLoop {
            let client = Client(port: port)
            let text =
                "POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nabcde"
                + "POST /b HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
            for byte in text.utf8 { client.send("", [byte]) }
            return (0..<2).map { _ in client.answer()?.body }
        }
        #expect(bodies == ["POST /a 5", "POST /b 19"])
        await echo.stop()
    }

    @Test(arguments: [
        "POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nabcde",
        "POST /a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=\"y\"\r\ncde\r\n0\r\nT: u\r\n\r\n",
    ])
    @LoopActor func requestSplitAtAnyByteIsServed(text: String) async throws {
        let echo = try EchoServer()
        let port = echo.port
        let bodies = await offLoop {
            let bytes = Array(text.utf8)
            return Set(
                (1..<bytes.count).map { cut in
                    let client = Client(port: port)
                    client.send("", Array(bytes[..<cut]))
                    // Once another client has its reply, the server has read the first part.
                    _ = Client.request("GET", "/other", port: port)
                    client.send("", Array(bytes[cut...]))
                    let body = client.answer()?.body
                    return body == "POST /a 5" ? body : "cut at \(cut): \(body ?? "nothing")"
                })
        }
        #expect(bodies == ["POST /a 5"])
        await echo.stop()
    }

    @Test @LoopActor func invalidBytesAreRefusedAtOnce() async throws {
        let echo = try EchoServer()
        let port = echo.port
        let statuses = await offLoop {
            ["\u{16}\u{3}\u{1}", "GET / HTTP/1.1\n", "\u{0}", "GET / HTTP/1.1\r\nHost: t\r\n\n"].map { bytes in
                let client = Client(port: port)
                client.send(bytes)
                return client.answer()?.status
            }
        }
        #expect(statuses == [400, 400, 400, 400])
        await echo.stop()
    }

    @Test @LoopActor func halfClosedClientGetsItsReply() async throws {
        let echo = try EchoServer()
        echo.holds = true
        let port = echo.port
        async let body = offLoop {
            let client = Client(port: port)
            client.send("GET /half HTTP/1.1\r\nHost: t\r\n\r\n")
            client.finishSending()
            return client.answer()?.body
        }
        #expect(await echo.waits { $0.held.count == 1 })
        echo.answerHeld()
        #expect(await body == "GET /half 0")
        #expect(await echo.waits { $0.server.connectionCount == 0 })
        await echo.stop()
    }

    // MARK: Screening

    @Test @LoopActor func refusedRequestIsAnsweredBeforeItsBodyUsesMemory() async throws {
        let echo = try EchoServer()
        var most = 0
        echo.server.onRequestHead = { [unowned echo] arrival in
            most = max(most, echo.server.memoryUsed)
            arrival.refuse(HTTPReply(status: 401, headers: [("X-Name", arrival.header("x-name") ?? "")], body: [0x61]))
        }
        let port = echo.port
        let (answer, isClosed) = await offLoop {
            let client = Client(port: port)
            // The client sends the entire body although it is refused. It must still be able to read the response.
            client.send("POST /a HTTP/1.1\r\nHost: t\r\nX-Name:  v \r\nContent-Length: 8000000\r\n\r\n")
            client.send(String(repeating: "x", count: 8_000_000))
            return (client.answer(), client.isClosedByServer())
        }
        #expect(answer?.status == 401)
        #expect(answer?.headers["x-name"] == "v")
        #expect(answer?.body == "a")
        #expect(isClosed)
        #expect(most < 65536)
        #expect(echo.paths.isEmpty)
        #expect(await echo.waits { $0.server.connectionCount == 0 && $0.server.memoryUsed == 0 })
        await echo.stop()
    }

    @Test @LoopActor func verdictMayBeDeferred() async throws {
        let echo = try EchoServer()
        var arrivals: [IncomingRequest] = []
        echo.server.onRequestHead = { arrivals.append($0) }
        let port = echo.port
        async let answers = offLoop {
            let clients = (0..<2).map { _ in Client(port: port) }
            for client in clients {
                client.send(
                    "POST /later HTTP/1.1\r\nHost: t\r\nContent-Length: 20000\r\n\r\n"
                        + String(repeating: "x", count: 20000))
            }
            return clients.map { $0.answer() }
        }
        #expect(await echo.waits { _ in arrivals.count == 2 })
        for (index, arrival) in arrivals.enumerated() {
            if index == 0 { arrival.admit(bodyLimit: 20000) } else { arrival.admit(bodyLimit: 19999) }
            // A second verdict does nothing.
            arrival.refuse(HTTPReply(status: 500, body: []))
        }
        #expect(Set(await answers.map { $0?.status }) == [200, 413])
        await echo.stop()
    }

    @Test @LoopActor func onlyAdmittedRequestsGet100Continue() async throws {
        let echo = try EchoServer()
        echo.server.onRequestHead = { arrival in
            if arrival.head.path == "/in" {
                arrival.admit(bodyLimit: 100)
            } else {
                arrival.refuse(HTTPReply(status: 403, body: []))
            }
        }
        let port = echo.port
        let statuses = await offLoop {
            ["/in", "/out"].map { path in
                let client = Client(port: port)
                client.send("POST \(path) HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
                let first = client.answer()?.status
                client.send("ab")
                return [first, client.answer()?.status]
            }
        }
        #expect(statuses == [[100, 200], [403, nil]])
        await echo.stop()
    }

    // MARK: Memory

    @Test @LoopActor func clientThatReadsNoRepliesIsNotRead() async throws {
        let echo = try EchoServer()
        echo.replySize = 1 << 20
        let port = echo.port
        let sent = await offLoop {
            let client = Client(port: port)
            let requests = Array(String(repeating: "GET /x HTTP/1.1\r\nHost: t\r\n\r\n", count: 1000).utf8)
            // Sends until the kernel's buffers at both ends are full.
            return client.sendWithoutWaiting(requests, upTo: 64 << 20)
        }
        #expect(sent < 16 << 20)
        #expect(echo.server.memoryUsed < 2 << 20)
        await echo.stop()
    }

    @Test @LoopActor func bodiesBeyondTheMemoryBudgetWaitAndGet503() async throws {
        var limits = HTTPLimits()
        limits.memory = 400_000
        limits.memoryTimeout = .seconds(3)
        let echo = try EchoServer(limits: limits)
        echo.server.onRequestHead = { arrival in
            if arrival.header("Authorization") != nil { arrival.trust() }
            arrival.admit(bodyLimit: 1 << 20)
        }
        let port = echo.port
        let head = "POST /big HTTP/1.1\r\nHost: t\r\nContent-Length: 299500\r\n"
        // nonisolated(unsafe): the closures that use it run one after the other.
        nonisolated(unsafe) let holder = Client(port: port)
        // Nearly all of the untrusted connections' share.
        await offLoop { holder.send(head + "\r\n" + String(repeating: "x", count: 299_000)) }
        #expect(await echo.waits { $0.server.memoryUsed >= 299_000 })
        let (stranger, trusted) = await offLoop {
            let stranger = Client(port: port)
            stranger.send(
                "POST /s HTTP/1.1\r\nHost: t\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 4000))
            let trusted = Client(port: port)
            trusted.send(
                "POST /t HTTP/1.1\r\nHost: t\r\nAuthorization: x\r\nContent-Length: 50000\r\n\r\n"
                    + String(repeating: "x", count: 50000))
            return (stranger.answer()?.status, trusted.answer()?.status)
        }
        #expect(stranger == 503)
        #expect(trusted == 200)
        let held = await offLoop {
            holder.send(String(repeating: "x", count: 500))
            return holder.answer()?.status
        }
        #expect(held == 200)
        #expect(await echo.waits { $0.server.memoryUsed == 0 })
        await echo.stop()
    }

    @Test @LoopActor func waitingBodyContinuesWhenMemoryIsFree() async throws {
        var limits = HTTPLimits()
        limits.memory = 400_000
        limits.memoryTimeout = .seconds(60)
        let echo = try EchoServer(limits: limits)
        let port = echo.port
        // nonisolated(unsafe): the closures that use it run one after the other.
        nonisolated(unsafe) let holder = Client(port: port)
        await offLoop {
            holder.send(
                "POST /big HTTP/1.1\r\nHost: t\r\nContent-Length: 310000\r\n\r\n"
                    + String(repeating: "x", count: 299_000))
        }
        #expect(await echo.waits { $0.server.memoryUsed >= 299_000 })
        async let waiting = offLoop {
            Client.request("POST", "/w", port: port, body: [UInt8](repeating: 0x78, count: 100_000))?.body
        }
        #expect(await echo.waits { $0.server.memoryUsed >= 300_000 })
        await offLoop { holder.finishSending() }
        #expect(await waiting == "POST /w 100000")
        await echo.stop()
    }

    // MARK: Connections

    @Test @LoopActor func newConnectionsEvictSilentOnes() async throws {
        var limits = HTTPLimits()
        limits.connections = 8
        let echo = try EchoServer(limits: limits)
        var closed: [HTTPServer.Closing] = []
        echo.server.onClose = { closing, origin in
            if origin.remoteAddress == "127.0.0.1" { closed.append(closing) }
        }
        let port = echo.port
        let statuses = await offLoop {
            let silent = (0..<30).map { _ in Client(port: port) }
            let statuses = (0..<5).map { _ in Client.request("GET", "/probe", port: port)?.status }
            return withExtendedLifetime(silent) { statuses }
        }
        #expect(statuses == [200, 200, 200, 200, 200])
        #expect(closed.contains(.crowded))
        await echo.stop()
    }

    /// evhttp frees a disconnected client's connection without a callback. Until the sweep it must not count.
    @Test @LoopActor func disconnectedClientsAreEvictedFirst() async throws {
        var limits = HTTPLimits()
        limits.connections = 8
        let echo = try EchoServer(limits: limits)
        let port = echo.port
        let statuses = await offLoop {
            let quiet = Client(port: port)
            // Each reply shows that the loop has noticed the end of the previous connection.
            let probes = (0..<40).map { _ in
                _ = Client(port: port)
                return Client.request("GET", "/probe", port: port)?.status
            }
            return probes + [quiet.request("GET", "/quiet")?.status]
        }
        #expect(statuses.allSatisfy { $0 == 200 }, "\(statuses)")
        await echo.stop()
    }

    @Test @LoopActor func trustedConnectionIsNotEvicted() async throws {
        var limits = HTTPLimits()
        limits.connections = 8
        let echo = try EchoServer(limits: limits)
        echo.server.onRequestHead = { arrival in
            if arrival.header("Authorization") != nil { arrival.trust() }
            arrival.admit(bodyLimit: 100)
        }
        let port = echo.port
        let bodies = await offLoop {
            let trusted = Client(port: port)
            let before = trusted.request("GET", "/before", headers: ["Authorization: x"])?.body
            let silent = (0..<30).map { _ in Client(port: port) }
            let probe = Client.request("GET", "/probe", port: port)?.body
            return withExtendedLifetime(silent) { [before, probe, trusted.request("GET", "/after")?.body] }
        }
        #expect(bodies == ["GET /before 0", "GET /probe 0", "GET /after 0"])
        await echo.stop()
    }

    @Test @LoopActor func connectionsPerAddressAreLimited() async throws {
        var limits = HTTPLimits()
        limits.connectionsPerAddress = 3
        let echo = try EchoServer(limits: limits)
        let port = echo.port
        var closed = 0
        echo.server.onClose = { closing, _ in if closing == .tooManyOfAddress { closed += 1 } }
        // New connections evict the longest silent ones of the same address.
        let last = await offLoop {
            let clients = (0..<5).map { _ in Client(port: port) }
            for client in clients.prefix(2) { _ = client.isClosedByServer() }
            return clients.suffix(3).map { $0.request("GET", "/")?.status }
        }
        #expect(closed == 2 && last == [200, 200, 200])
        echo.holds = true
        await offLoop {
            let busy = (0..<3).map { _ in Client(port: port) }
            for client in busy { client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n") }
            // Connections with a request in progress are not evicted.
            #expect(eventually { Client(port: port).isClosedByServer() })
        }
        echo.answerHeld()
        echo.holds = false
        echo.server.isProxy = { $0 == "127.0.0.1" }
        let statuses = await offLoop {
            let clients = (0..<10).map { _ in Client(port: port) }
            return clients.map { $0.request("GET", "/")?.status }
        }
        #expect(statuses == [Int?](repeating: 200, count: 10))
        await echo.stop()
    }

    @Test @LoopActor func clientsBehindAProxyAreLimitedSeparately() async throws {
        var limits = HTTPLimits()
        limits.connectionsPerAddress = 2
        let echo = try EchoServer(limits: limits)
        echo.server.isProxy = { _ in true }
        echo.server.onRequestHead = { arrival in
            if arrival.attribute(to: arrival.header("X-Forwarded-For") ?? "") {
                arrival.admit(bodyLimit: 0)
            } else {
                arrival.refuse(HTTPReply(status: 503, body: []))
            }
        }
        let port = echo.port
        let statuses = await offLoop {
            let clients = (0..<5).map { _ in Client(port: port) }
            return zip(clients, ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1"]).map {
                client, address in
                client.send("GET / HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: \(address)\r\n\r\n")
                return client.answer()?.status
            }
        }
        #expect(statuses == [200, 200, 503, 200, 200])
        await echo.stop()
    }

    @Test @LoopActor func connectionWithoutAFirstByteIsClosed() async throws {
        var limits = HTTPLimits()
        limits.firstByteTimeout = .seconds(2)
        let echo = try EchoServer(limits: limits)
        let port = echo.port
        let (silent, kept) = await offLoop {
            let kept = Client(port: port)
            let first = kept.request("GET", "/a")?.status
            let isClosed = Client(port: port).isClosedByServer()
            // This connection has been silent for as long, but after a request.
            return (isClosed, first == 200 ? kept.request("GET", "/b")?.status : nil)
        }
        #expect(silent)
        #expect(kept == 200)
        await echo.stop()
    }

    @Test @LoopActor func slowHeadTimesOutBeforeASlowBody() async throws {
        var limits = HTTPLimits()
        limits.headerTimeout = .milliseconds(300)
        let echo = try EchoServer(limits: limits)
        let port = echo.port
        let status = await offLoop {
            let client = Client(port: port)
            client.send("GET / HTTP/1.1\r\nHost")
            return client.answer()?.status
        }
        #expect(status == 408)
        #expect(await echo.waits { $0.server.connectionCount == 0 })
        await echo.stop()
    }
}
