import Foundation
import Libevent
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct TLSServerTests {
    @Test @LoopActor func requestsOfOneClientShareAnHTTP1Connection() async throws {
        let identity = try await TLSIdentity()
        let echo = try EchoServer(tls: identity)
        let (code, output) = await identity.curl(
            "--http2", "-w", " %{http_version} %{num_connects}\n", echo.url + "/a", echo.url + "/b")
        #expect(code == 0)
        #expect(output == "GET /a 0 1.1 1\nGET /b 0 1.1 0\n")
        #expect(await echo.waits { $0.server.connectionCount == 0 })
        #expect(echo.server.failedHandshakes == 0)
        await echo.stop()
    }

    /// Above 1 MB curl sends Expect: 100-continue.
    @Test(arguments: [1, 1 << 20, 5 << 20]) @LoopActor func largeBodiesArriveComplete(size: Int) async throws {
        let identity = try await TLSIdentity()
        let echo = try EchoServer(tls: identity)
        let body = try identity.file("body", String(repeating: "x", count: size))
        let (code, output) = await identity.curl("--data-binary", "@" + body, echo.url + "/p")
        #expect(code == 0)
        #expect(output == "POST /p \(size)")
        await echo.stop()
    }

    /// The body arrives before the server has finished writing 100 Continue.
    @Test @LoopActor func bodySentWithoutWaitingFor100ContinueIsAnswered() async throws {
        let echo = try await EchoServer(tls: TLSIdentity())
        let proxy = try RecordProxy(to: echo.port, .join)
        let input = Pipe()
        let client = try Program(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(proxy.port)", "-tls1_2", "-quiet"],
            input: input.fileHandleForReading.fileDescriptor)
        async let isServed: Void = offLoop { proxy.serveOne() }
        let head =
            "POST /e HTTP/1.1\r\nHost: t\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        try input.fileHandleForWriting.write(contentsOf: Data(head.utf8))
        #expect(await echo.waits { _ in proxy.isHolding })
        try input.fileHandleForWriting.write(contentsOf: Data("abc".utf8))
        await isServed
        #expect(await echo.waits { _ in client.output.contains("POST /e 3") })
        #expect(client.output.contains("100 Continue"))
        await echo.stop()
    }

    /// The client's write is one TLS record. If reading stopped within it, its rest would wait in OpenSSL unnoticed.
    @Test @LoopActor func pipelinedRequestsOfOneRecordAreAnswered() async throws {
        var limits = HTTPLimits()
        limits.headerSize = 1024
        let echo = try await EchoServer(limits: limits, tls: TLSIdentity())
        echo.holds = true
        let input = Pipe()
        let client = try Program(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(echo.port)", "-quiet"],
            input: input.fileHandleForReading.fileDescriptor)
        let body = String(repeating: "x", count: 100)
        let request = "POST /p HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n\(body)"
        for count in [29, 8, 11] {
            let before = client.output.components(separatedBy: "POST /p 100").count
            try input.fileHandleForWriting.write(contentsOf: Data(String(repeating: request, count: count).utf8))
            let isAnswered = await echo.waits { echo in
                echo.answerHeld()
                return client.output.components(separatedBy: "POST /p 100").count == before + count
            }
            #expect(isAnswered, "\(count) requests")
        }
        await echo.stop()
    }

    @Test @LoopActor func largeRepliesAreSentComplete() async throws {
        let identity = try await TLSIdentity()
        let size = 8 << 20
        let server = HTTPServer(limits: HTTPLimits()) { exchange in
            exchange.reply(status: 200, body: [UInt8](repeating: UInt8(ascii: "x"), count: size))
        }
        server.tls = try TLSContext(identity.files())
        let port = try server.listen(on: SocketAddress(host: "127.0.0.1", port: 0)).port
        // The client reads slower than the server writes, so that the server must wait for the socket.
        let (code, output) = await identity.curl(
            "--limit-rate", "16M", "-o", "/dev/null", "-w", "%{size_download}", "https://127.0.0.1:\(port)/")
        #expect(code == 0)
        #expect(output == "\(size)")
        server.stopListening()
        // curl may exit before the server has finished the exchange.
        await withCheckedContinuation { done in server.whenIdle { done.resume() } }
    }

    @Test @LoopActor func reloadAppliesToNewConnectionsOnly() async throws {
        let (old, new) = (try await TLSIdentity(), try await TLSIdentity())
        let echo = try EchoServer(tls: old)
        let input = Pipe()
        let kept = try Program(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(echo.port)", "-quiet", "-CAfile", old.certificate],
            input: input.fileHandleForReading.fileDescriptor)
        try input.fileHandleForWriting.write(contentsOf: Data("GET /one HTTP/1.1\r\nHost: t\r\n\r\n".utf8))
        #expect(await echo.waits { _ in kept.output.contains("GET /one 0") })

        echo.server.tls = try TLSContext(new.files())
        #expect(await new.curl(echo.url + "/new").output == "GET /new 0")
        #expect(await old.curl(echo.url + "/new").code == 60)

        try input.fileHandleForWriting.write(
            contentsOf: Data("GET /two HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".utf8))
        #expect(await echo.waits { _ in !kept.isRunning })
        #expect(kept.output.contains("GET /two 0"))
        #expect(!kept.output.contains("unexpected eof"), "the server says that it closes")
        #expect(await echo.waits { $0.server.connectionCount == 0 })
        await echo.stop()
    }

    @Test @LoopActor func removingTheContextServesPlainHTTP() async throws {
        let identity = try await TLSIdentity()
        let echo = try EchoServer(tls: identity)
        echo.server.tls = nil
        let port = echo.port
        let answer = await offLoop { Client.request("GET", "/plain", port: port) }
        #expect(answer?.body == "GET /plain 0")
        await echo.stop()
    }

    // MARK: Clients that are refused

    @Test @LoopActor func onlyClientsWithACertificateOfTheCAAreServed() async throws {
        let (identity, client, stranger) = (try await TLSIdentity(), try await TLSIdentity(), try await TLSIdentity())
        let echo = try EchoServer(tls: identity, clientCA: client)
        let url = echo.url + "/a"
        #expect(await identity.curl("--cert", client.certificate, "--key", client.key, url).output == "GET /a 0")
        #expect(await identity.curl(url).code != 0)
        #expect(await identity.curl("--cert", stranger.certificate, "--key", stranger.key, url).code != 0)
        #expect(await identity.curl("--tls-max", "1.2", url).code != 0)
        #expect(await echo.waits { $0.server.connectionCount == 0 && $0.server.failedHandshakes == 3 })
        await echo.stop()
    }

    @Test @LoopActor func sessionsOfClientsWithCertificatesAreResumed() async throws {
        let (identity, client) = (try await TLSIdentity(), try await TLSIdentity())
        let echo = try EchoServer(tls: identity, clientCA: client)
        let (code, output) = await sClient(
            echo.port, "-tls1_2", "-reconnect", "-cert", client.certificate, "-key", client.key)
        #expect(code == 0)
        #expect(output.components(separatedBy: "Reused, TLSv1.2").count == 6)
        #expect(output.contains("Acceptable client certificate CA names"))
        await echo.stop()
    }

    @Test @LoopActor func oldVersionsAreRefused() async throws {
        let echo = try await EchoServer(tls: TLSIdentity())
        for version in ["-tls1", "-tls1_1"] {
            let (code, output) = await sClient(echo.port, version, "-cipher", "ALL:@SECLEVEL=0")
            #expect(code != 0)
            #expect(output.contains("alert protocol version"))
        }
        for version in ["-tls1_2", "-tls1_3"] {
            #expect(await sClient(echo.port, version).code == 0)
        }
        await echo.stop()
    }

    @Test @LoopActor func onlyHTTP1IsNegotiated() async throws {
        let echo = try await EchoServer(tls: TLSIdentity())
        let http2 = await sClient(echo.port, "-alpn", "h2")
        #expect(http2.code != 0)
        #expect(http2.output.contains("no application protocol"))
        #expect(await sClient(echo.port, "-alpn", "h2,http/1.1").output.contains("ALPN protocol: http/1.1"))
        #expect(await sClient(echo.port).output.contains("No ALPN negotiated"))
        await echo.stop()
    }

    @Test @LoopActor func renegotiationIsRefused() async throws {
        let echo = try await EchoServer(tls: TLSIdentity())
        let input = Pipe()
        let client = try Program(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(echo.port)", "-tls1_2"],
            input: input.fileHandleForReading.fileDescriptor)
        try input.fileHandleForWriting.write(contentsOf: Data("R\n".utf8))
        #expect(await echo.waits { _ in !client.isRunning })
        #expect(client.output.contains("no renegotiation"))
        #expect(await echo.waits { $0.server.connectionCount == 0 })
        await echo.stop()
    }

    @Test @LoopActor func plainHTTPIsClosedWithoutAReply() async throws {
        let identity = try await TLSIdentity()
        let echo = try EchoServer(tls: identity)
        let port = echo.port
        let answer = await offLoop { Client.request("GET", "/", port: port) }
        #expect(answer == nil)
        #expect(await echo.waits { $0.server.connectionCount == 0 && $0.server.failedHandshakes == 1 })
        #expect(await identity.curl(echo.url + "/a").output == "GET /a 0")
        await echo.stop()
    }

    // MARK: Clients that leave or stall

    @Test @LoopActor func stalledHandshakesTimeOut() async throws {
        var limits = HTTPLimits()
        limits.requestTimeout = .seconds(2)
        let echo = try await EchoServer(limits: limits, tls: TLSIdentity())
        let (silent, slow) = (Client(port: echo.port), Client(port: echo.port))
        slow.send("", Self.startOfHello)
        // On a busy machine both connections may time out before this task runs again.
        #expect(await echo.waits { $0.server.connectionCount == 0 && $0.server.failedHandshakes > 0 })
        // The silent client does not count as a failed handshake.
        #expect(echo.server.failedHandshakes == 1)
        #expect(silent.answer() == nil && slow.answer() == nil, "no 408 in plain text")
        #expect(echo.descriptorCount == 1)
        await echo.stop()
    }

    @Test @LoopActor func anEstablishedConnectionMayIdleBeyondTheRequestTimeout() async throws {
        var limits = HTTPLimits()
        limits.requestTimeout = .seconds(1)
        let echo = try await EchoServer(limits: limits, tls: TLSIdentity())
        let input = Pipe()
        let client = try Program(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(echo.port)", "-quiet"],
            input: input.fileHandleForReading.fileDescriptor)
        #expect(await echo.waits { _ in client.output.contains("verify return") })
        await pause(.seconds(2))
        try input.fileHandleForWriting.write(contentsOf: Data("GET /late HTTP/1.1\r\nHost: t\r\n\r\n".utf8))
        #expect(await echo.waits { _ in client.output.contains("GET /late 0") })
        client.killNow()
        #expect(await echo.waits { $0.server.connectionCount == 0 })
        await echo.stop()
    }

    @Test @LoopActor func slowRequestIsAnsweredWithinTheSession() async throws {
        var limits = HTTPLimits()
        limits.requestTimeout = .seconds(2)
        let echo = try await EchoServer(limits: limits, tls: TLSIdentity())
        let input = Pipe()
        let client = try Program(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(echo.port)", "-quiet"],
            input: input.fileHandleForReading.fileDescriptor)
        try input.fileHandleForWriting.write(contentsOf: Data("GET /unfinished".utf8))
        #expect(await echo.waits { _ in !client.isRunning })
        #expect(client.output.contains("HTTP/1.1 408 "))
        #expect(!client.output.contains("wrong version number"))
        #expect(await echo.waits { $0.server.connectionCount == 0 })
        await echo.stop()
    }

    /// evhttp sees nothing of an incomplete record, and each of its bytes would restart the idle timeout.
    @Test @LoopActor func unfinishedRecordTimesOut() async throws {
        var limits = HTTPLimits()
        limits.requestTimeout = .seconds(2)
        let identity = try await TLSIdentity()
        let echo = try EchoServer(limits: limits, tls: identity)
        let proxy = try RecordProxy(to: echo.port, .halve)
        let request = try identity.file("request", "GET /half HTTP/1.1\r\nHost: t\r\n\r\n")
        let input = try FileHandle(forReadingFrom: URL(filePath: request))
        let client = try Program(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(proxy.port)", "-tls1_2", "-quiet"],
            input: input.fileDescriptor)
        let time = await offLoop { ContinuousClock().measure { proxy.serveOne() } }
        #expect(time < limits.idleTimeout / 2)
        #expect(await echo.waits { $0.server.connectionCount == 0 && $0.descriptorCount == 1 })
        #expect(echo.server.failedHandshakes == 0)
        #expect(!client.output.contains("GET /half 0"))
        await echo.stop()
    }

    /// At the end of its input, s_client sends close_notify, shuts down its side of the socket and exits.
    @Test @LoopActor func halfClosedTLSClientIsServedAndRemoved() async throws {
        let identity = try await TLSIdentity()
        let echo = try EchoServer(tls: identity)
        echo.holds = true
        let request = try identity.file("request", "POST /end HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc")
        let input = try FileHandle(forReadingFrom: URL(filePath: request))
        #expect(await sClient(echo.port, input: input.fileDescriptor).code == 0)
        #expect(await echo.waits { $0.held.first?.head.path == "/end" })
        echo.answerHeld()
        #expect(await echo.waits { $0.server.connectionCount == 0 && $0.server.unfinished == 0 })
        #expect(echo.descriptorCount == 1)
        await echo.stop()
    }

    @Test @LoopActor func abortedHandshakesLeakNoConnections() async throws {
        let identity = try await TLSIdentity()
        let echo = try EchoServer(tls: identity)
        let port = echo.port
        for round in 0..<200 {
            let client = Client(port: port)
            switch round % 4 {
            case 0: client.send("", Self.startOfHello)
            case 1: client.send("no TLS at all, but long enough to be taken for a record of it")
            case 2: client.finishSending()
            default: break
            }
        }
        // These clients do not trust the certificate and send an alert.
        for _ in 0..<5 {
            let (code, _) = await run("curl", ["-sS", "--max-time", "20", echo.url])
            #expect(code == 60)
        }
        #expect(await echo.waits { $0.server.connectionCount == 0 && $0.descriptorCount == 1 })
        #expect(await identity.curl(echo.url + "/a").output == "GET /a 0")
        await echo.stop()
    }

    /// The header of a record of 512 bytes and the start of a handshake message.
    private static let startOfHello: [UInt8] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03]
}
