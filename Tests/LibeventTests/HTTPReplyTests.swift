import Foundation
import Libevent
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct HTTPReplyTests {
    @Test @LoopActor func deferredReplyIsSentDuringDrain() async throws {
        let echo = try EchoServer()
        echo.holds = true
        let port = echo.port
        async let answer = offLoop {
            let client = Client(port: port)
            client.send("GET /held HTTP/1.1\r\nHost: t\r\n\r\n")
            return client.answer()
        }
        #expect(await echo.waits { $0.held.count == 1 })
        await echo.stop()
        #expect(await answer?.body == "GET /held 0")
        #expect(await answer?.headers["connection"] == "close")
    }

    @Test @LoopActor func repliesHaveTheDateOfTheirSecond() async throws {
        let echo = try EchoServer()
        let port = echo.port
        let start = Date(timeIntervalSince1970: Date.now.timeIntervalSince1970.rounded(.down))
        let dates = await offLoop {
            let client = Client(port: port)
            var dates: [String] = []
            // Until the date has changed once.
            while Set(dates).count < 2, Date.now < start + 30 {
                client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n")
                guard let date = client.answer()?.headers["date"] else { break }
                dates.append(date)
                poll(nil, 0, 20)
            }
            return dates
        }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        let parsed = dates.compactMap(format.date(from:))
        #expect(Set(dates).count == 2 && parsed.count == dates.count && parsed == parsed.sorted())
        #expect(parsed.allSatisfy { start...Date.now ~= $0 })
        await echo.stop()
    }

    /// Each request ends its head by `Connection`, if it has that field.
    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: t\r\n", ""), ("HEAD / HTTP/1.1\r\nHost: t\r\n", ""),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n", "Connection: keep-alive\r\n"),
        ("GET / HTTP/1.0\r\n", "Connection: close\r\n"),
        ("POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 0\r\n", "Connection: close\r\n"),
    ])
    @LoopActor func headOfAReplyHasExactlyTheseFields(request: String, connection: String) async throws {
        let server = HTTPServer(limits: HTTPLimits()) { exchange in
            // A line break or NUL in a value would add fields, or end the head.
            let fields = [
                ("X-A", "b"), ("X-Split", "c\r\nSet-Cookie: d"), ("X-Feed", "e\nf"), ("X-Nul", "g\0h"),
                ("X-Last", "é\t~"),
            ]
            exchange.reply(status: 404, headers: fields, body: Array("gone".utf8))
        }
        let port = try server.listen(on: SocketAddress(host: "127.0.0.1", port: 0)).port
        let text = await offLoop {
            let client = Client(port: port)
            client.send(request + "\r\n")
            client.finishSending()
            return client.rest()
        }
        let lines = text.components(separatedBy: "\r\n")
        #expect(lines[0] == "HTTP/1.1 404 Not Found")
        #expect(lines.count > 1 && lines[1].hasPrefix("Date: "))
        let body = request.hasPrefix("HEAD") ? "" : "gone"
        #expect(
            lines.dropFirst(2).joined(separator: "\r\n")
                == "X-A: b\r\nX-Last: é\t~\r\nContent-Length: 4\r\n\(connection)\r\n\(body)")
        server.stopListening()
        await withCheckedContinuation { done in server.whenIdle { done.resume() } }
    }

    /// Bodies in each of the gate's buffers: within one read, beyond it, chunked. Each is followed by another request.
    @Test(arguments: [0, 1, 3000, 4096, 20_000, 300_000], [true, false])
    @LoopActor func handlerMayLeaveOrConsumeABody(size: Int, consumes: Bool) async throws {
        let body = String(repeating: "0123456789", count: size / 10 + 1).prefix(size)
        let echo = try EchoServer()
        echo.consumes = consumes
        let port = echo.port
        let bodies = await offLoop {
            let client = Client(port: port)
            let hex = String(size, radix: 16)
            for _ in 1...2 {
                client.send(
                    "POST /l HTTP/1.1\r\nHost: t\r\nContent-Length: \(size)\r\n\r\n\(body)"
                        + "GET /g HTTP/1.1\r\nHost: t\r\n\r\n"
                        + "POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + (size > 0 ? "\(hex)\r\n\(body)\r\n" : "") + "0\r\n\r\n")
            }
            return (1...6).map { _ in client.answer()?.body }
        }
        let expected = ["POST /l \(size)", "GET /g 0", "POST /c \(size)"]
        #expect(bodies == expected + expected)
        #expect(echo.bodies.filter { !$0.isEmpty }.allSatisfy { $0 == Array(body.utf8) })
        #expect(echo.server.memoryUsed == 0)
        await echo.stop()
    }

    /// The pipelined requests of many connections must not keep the loop from its other work.
    @Test @LoopActor func anIterationAnswersFewRequestsOfAConnection() async throws {
        let echo = try EchoServer()
        let probe = IterationProbe(echo)
        probe.run()
        let port = echo.port
        let (connections, requests) = (20, 300)
        let answered = await offLoop {
            let clients = (0..<connections).map { _ in Client(port: port) }
            let burst = String(repeating: "GET /p HTTP/1.1\r\nHost: t\r\n\r\n", count: requests)
            for client in clients { client.send(burst) }
            return clients.map { client in (0..<requests).count { _ in client.answer()?.status == 200 } }
        }
        #expect(answered == Array(repeating: requests, count: connections))
        #expect(probe.most <= 3 * connections)
        probe.isStopped = true
        await echo.stop()
    }

    @Test @LoopActor func repeatedFieldsAreReturnedInOrder() async throws {
        let echo = try EchoServer()
        echo.holds = true
        let port = echo.port
        async let answer = offLoop {
            let client = Client(port: port)
            client.send("GET / HTTP/1.1\r\nHost: t\r\nX-Of: a, b\r\nx-of: c\r\nX-Other: d\r\nX-OF: \r\n\r\n")
            return client.answer()
        }
        #expect(await echo.waits { $0.held.count == 1 })
        #expect(echo.held[0].headers("X-Of") == ["a, b", "c", ""])
        #expect(echo.held[0].header("X-Of") == "a, b")
        #expect(echo.held[0].headers("X-None").isEmpty)
        await echo.stop()
        #expect(await answer?.status == 200)
    }

    @Test @LoopActor func clientMayDisconnectBeforeTheReply() async throws {
        let echo = try EchoServer()
        echo.holds = true
        let port = echo.port
        await offLoop {
            for _ in 0..<10 { Client(port: port).send("POST /gone HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nx") }
        }
        #expect(await echo.waits { $0.held.count == 10 })
        echo.answerHeld()
        #expect(await echo.waits { $0.server.unfinished == 0 && $0.server.connectionCount == 0 })
        await echo.stop()
    }

    @Test @LoopActor func overdueReplyIsReportedAndCanStillBeSent() async throws {
        var limits = HTTPLimits()
        limits.replyTimeout = .milliseconds(300)
        let echo = try EchoServer(limits: limits)
        echo.holds = true
        echo.server.onReplyOverdue = { $0.reply(status: 503, body: Array("late".utf8)) }
        let port = echo.port
        let answer = await offLoop {
            let client = Client(port: port)
            client.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
            return client.answer()
        }
        #expect(answer?.status == 503)
        #expect(echo.held.map(\.isAwaitingReply) == [false])
        echo.holds = false
        echo.forgetHeld()
        await echo.stop()
    }

    @Test(arguments: [true, false])
    @LoopActor func droppedExchangeEndsTheConnectionWithoutAReply(reset: Bool) async throws {
        let echo = try EchoServer()
        echo.holds = true
        let port = echo.port
        async let answer = offLoop {
            let client = Client(port: port)
            client.send("GET /drop HTTP/1.1\r\nHost: t\r\n\r\n")
            return client.answer()
        }
        #expect(await echo.waits { $0.held.count == 1 })
        echo.held[0].drop(reset: reset)
        echo.forgetHeld()
        #expect(await answer == nil)
        #expect(await echo.waits { $0.server.unfinished == 0 && $0.server.connectionCount == 0 })
        await echo.stop()
    }

    @Test @LoopActor func repliesLargerThanTheSocketBufferArriveComplete() async throws {
        let echo = try EchoServer()
        echo.holds = true
        let port = echo.port
        async let answer = offLoop {
            let client = Client(port: port)
            client.send("GET /big HTTP/1.1\r\nHost: t\r\n\r\n")
            return client.answer()
        }
        #expect(await echo.waits { $0.held.count == 1 })
        echo.held[0].reply(status: 200, body: [UInt8](repeating: 0x61, count: 10_000_000))
        echo.forgetHeld()
        #expect(await answer?.body.utf8.count == 10_000_000)
        await echo.stop()
    }
}

@Suite struct SmugglingProbeTests {
    @Test func theInstalledLibeventIsSafe() {
        #expect(SmugglingProbe.run() == .safe)
    }
}

/// Runs in each iteration of the loop.
@LoopActor
private final class IterationProbe {
    private let echo: EchoServer
    private var seen = 0
    /// The most requests that were answered in one iteration.
    private(set) var most = 0
    var isStopped = false

    init(_ echo: EchoServer) { self.echo = echo }

    func run() {
        most = max(most, echo.paths.count - seen)
        seen = echo.paths.count
        if !isStopped { LoopActor.post { [self] in run() } }
    }
}
