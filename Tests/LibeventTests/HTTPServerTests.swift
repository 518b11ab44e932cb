import Libevent
import TestSupport
import Testing

/// A server on a free port. By default it replies with method, path and body size.
@LoopActor
final class EchoServer {
    let server: HTTPServer
    let port: UInt16
    private(set) var held: [HTTPExchange] = []
    var holds = false
    /// The paths of the requests that reached the handler.
    var paths: [String] = []
    /// Whether the handler removes the bodies of requests from the server's memory.
    var consumes = false
    /// The bodies of the answered requests.
    private(set) var bodies: [[UInt8]] = []
    /// Size of each reply in bytes; nil for a description of the request.
    var replySize: Int?

    init(limits: HTTPLimits = HTTPLimits()) throws {
        let receiver = Receiver()
        server = HTTPServer(limits: limits) { receiver.receive($0) }
        port = try server.listen(on: SocketAddress(host: "127.0.0.1", port: 0)).port
        receiver.receive = { [unowned self] exchange in
            paths.append(exchange.head.path)
            if holds { held.append(exchange) } else { answer(exchange) }
        }
    }

    /// Gives the handler access to this object, which is initialized after its server.
    @LoopActor
    private final class Receiver {
        var receive: @LoopActor (HTTPExchange) -> Void = { _ in }
    }

    func answer(_ exchange: HTTPExchange) {
        if let replySize { return exchange.reply(status: 200, body: [UInt8](repeating: 0x78, count: replySize)) }
        let body = consumes ? exchange.consumeBody() : exchange.body()
        bodies.append(body)
        let text = "\(exchange.head.method.rawValue) \(exchange.head.path) \(body.count)"
        exchange.reply(status: 200, headers: [("Content-Type", "text/plain")], body: Array(text.utf8))
    }

    func answerHeld() {
        for exchange in held { answer(exchange) }
        held = []
    }

    func forgetHeld() { held = [] }

    /// Waits until the condition is true, for at most ten seconds. Returns whether it is.
    func waits(until condition: @LoopActor (EchoServer) -> Bool) async -> Bool {
        for _ in 0..<2000 {
            if condition(self) { return true }
            await pause(.milliseconds(5))
        }
        return false
    }

    func stop() async {
        server.stopListening()
        answerHeld()
        await withCheckedContinuation { done in server.whenIdle { done.resume() } }
    }
}

/// Suspends the task for a duration, with a timer on the loop.
@LoopActor
func pause(_ duration: Duration) async {
    var timer: LoopEvent?
    await withCheckedContinuation { done in timer = .timer(after: duration) { done.resume() } }
    _ = timer
}

@Suite(.timeLimit(.minutes(2)))
struct HTTPServerTests {
    @Test @LoopActor func requestsOnAPersistentConnectionAreAnsweredInOrder() async throws {
        let echo = try EchoServer()
        let port = echo.port
        let answers = await offLoop {
            let client = Client(port: port)
            client.send("POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc")
            let first = client.answer()
            client.send("GET /b?x=1 HTTP/1.1\r\nHost: t\r\n\r\nGET /c HTTP/1.1\r\nHost: t\r\n\r\n")
            return [first, client.answer(), client.answer()]
        }
        #expect(answers.map { $0?.body } == ["POST /a 3", "GET /b 0", "GET /c 0"])
        await echo.stop()
    }

    @Test @LoopActor func headReplyHasTheLengthButNoBody() async throws {
        let echo = try EchoServer()
        let port = echo.port
        let (answer, next) = await offLoop {
            let client = Client(port: port)
            client.send("HEAD /health HTTP/1.1\r\nHost: t\r\n\r\n")
            let answer = client.answer(toHEAD: true)
            client.send("GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
            return (answer, client.answer())
        }
        #expect(answer?.headers["content-length"] == "14")
        #expect(next?.body == "GET /x 0")
        await echo.stop()
    }

    @Test @LoopActor func chunkedBodiesAndExpectContinueWork() async throws {
        let echo = try EchoServer()
        let port = echo.port
        let answers = await offLoop {
            let client = Client(port: port)
            client.send(
                "POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            let chunked = client.answer()
            client.send("POST /e HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            let interim = client.answer()
            client.send("ab")
            return [chunked, interim, client.answer()]
        }
        #expect(answers.map { $0?.status } == [200, 100, 200])
        #expect(answers[0]?.body == "POST /c 5")
        #expect(answers[2]?.body == "POST /e 2")
        await echo.stop()
    }

    /// Parsers disagree on the end of each of these messages. evhttp itself accepts most of them.
    @Test(
        arguments: [
            "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
            "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: +5\r\n\r\nabcde",
            "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /s HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n 0\r\n\r\nx",
        ])
    @LoopActor func ambiguousFramingIsRefusedAndTheConnectionClosed(request: String) async throws {
        let echo = try EchoServer()
        let port = echo.port
        let (answer, isClosed) = await offLoop {
            let client = Client(port: port)
            client.send(request)
            return (client.answer(), client.isClosedByServer())
        }
        #expect(answer?.status == 400)
        #expect(isClosed)
        await echo.stop()
    }

    @Test @LoopActor func tooManyOrTooLongHeaderFieldsAreRefused() async throws {
        var limits = HTTPLimits()
        limits.headerFields = 10
        limits.headerSize = 2048
        let echo = try EchoServer(limits: limits)
        let port = echo.port
        let statuses = await offLoop {
            [
                String(repeating: "X-A: b\r\n", count: 11),
                "X-Long: \(String(repeating: "a", count: 4000))\r\n",
                String(repeating: "X-A: b\r\n", count: 9),
            ].map { fields in
                let client = Client(port: port)
                client.send("GET / HTTP/1.1\r\nHost: t\r\n\(fields)\r\n")
                return client.answer()?.status
            }
        }
        #expect(statuses == [400, 400, 200])
        await echo.stop()
    }

    @Test @LoopActor func aBodyAboveTheLimitGets413() async throws {
        var limits = HTTPLimits()
        limits.bodySize = 1000
        let echo = try EchoServer(limits: limits)
        let port = echo.port
        let statuses = await offLoop {
            [1000, 1001].map { size in
                let client = Client(port: port)
                client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: \(size)\r\n\r\n")
                client.send(String(repeating: "x", count: size))
                return client.answer()?.status
            }
        }
        #expect(statuses == [200, 413])
        await echo.stop()
    }

    @Test @LoopActor func slowRequestTimesOutAtItsTotalDeadline() async throws {
        var limits = HTTPLimits()
        limits.requestTimeout = .milliseconds(500)
        let echo = try EchoServer(limits: limits)
        let port = echo.port
        let answer = await offLoop {
            let client = Client(port: port)
            // Each byte would restart a timeout per read. The server ends the request before the last byte is sent.
            for byte in "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n" { client.send(String(byte)) }
            return client.answer()
        }
        #expect(answer?.status == 408)
        #expect(await echo.waits { $0.server.connectionCount == 0 })
        await echo.stop()
    }

    @Test @LoopActor func idleConnectionsAreClosed() async throws {
        var limits = HTTPLimits()
        limits.idleTimeout = .seconds(1)
        let echo = try EchoServer(limits: limits)
        let port = echo.port
        let isClosed = await offLoop { Client(port: port).isClosedByServer() }
        #expect(isClosed)
        #expect(await echo.waits { $0.server.connectionCount == 0 })
        await echo.stop()
    }

    @Test @LoopActor func connectionsAboveTheLimitWaitUntilOthersClose() async throws {
        var limits = HTTPLimits()
        limits.connections = 4
        let echo = try EchoServer(limits: limits)
        let port = echo.port
        let statuses = await offLoop {
            var first: [Client] = []
            for _ in 0..<4 {
                let client = Client(port: port)
                client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n")
                _ = client.answer()
                first.append(client)
            }
            let late = Client(port: port)
            late.send("GET /late HTTP/1.1\r\nHost: t\r\n\r\n")
            first.removeAll()
            return late.answer()?.body
        }
        #expect(statuses == "GET /late 0")
        await echo.stop()
    }

    @Test @LoopActor func connectionsWithoutARequestAreRemoved() async throws {
        let echo = try EchoServer()
        let port = echo.port
        await offLoop {
            let clients = (0..<20).map { _ in Client(port: port) }
            for client in clients { client.send("GET /unfinished HTT") }
            for client in clients { client.finishSending() }
        }
        #expect(await echo.waits { $0.server.connectionCount == 0 })
        await echo.stop()
    }
}
