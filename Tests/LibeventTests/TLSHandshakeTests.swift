import Libevent
import TestSupport
import Testing

/// Limits of unfinished TLS handshakes.
@Suite(.timeLimit(.minutes(5)))
struct TLSHandshakeTests {
    /// A complete record that begins a handshake message of 128 KiB.
    private static let largeHello: [UInt8] = [0x16, 0x03, 0x01, 0x00, 0x04, 0x01, 0x02, 0x00, 0x00]
    /// An eighth of this allows 16 handshakes of 64 KiB.
    private static let memory = 8 << 20
    private static let cost = 64 << 10

    private static var limits: HTTPLimits {
        var limits = HTTPLimits()
        limits.memory = memory
        // No handshake may time out on a slow machine.
        (limits.firstByteTimeout, limits.headerTimeout, limits.requestTimeout) =
            (.seconds(600), .seconds(600), .seconds(600))
        return limits
    }

    /// Otherwise a flood of failed handshakes would keep OpenSSL's buffers until the next sweep.
    @Test @LoopActor func failedHandshakeIsClosedBeforeTheSweep() async throws {
        let echo = try await EchoServer(tls: TLSIdentity())
        var fastest = Duration.seconds(10)
        // The sweep runs 250 ms after the only connection. Several rounds, because the machine may be busy in some.
        for round in 1...20 where fastest > .milliseconds(100) {
            let start = ContinuousClock.now
            let client = Client(port: echo.port)
            client.send("no TLS at all, but long enough to be taken for a record of it")
            #expect(await echo.waits { $0.server.failedHandshakes == round })
            fastest = min(fastest, .now - start)
            #expect(echo.server.connectionCount == 0 && echo.server.memoryUsed == 0)
        }
        #expect(fastest < .milliseconds(100))
        await echo.stop()
    }

    @Test @LoopActor func unfinishedHandshakesAreLimitedFairlyPerAddress() async throws {
        let identity = try await TLSIdentity()
        let echo = try EchoServer(limits: Self.limits, tls: identity)
        var displaced: [String] = []
        echo.server.onClose = { closing, origin in if closing == .crowded { displaced.append(origin.remoteAddress) } }
        let (patient, flood) = (SocketCrowd(port: echo.port), SocketCrowd(port: echo.port))
        patient.add(SocketCrowd.Script(Self.largeHello), from: 0x10003)
        patient.run(for: .seconds(10)) { patient.bytesSent == Self.largeHello.count }
        #expect(await echo.waits { $0.server.memoryUsed == Self.cost })
        for number in 1...40 {
            flood.add(SocketCrowd.Script(Self.largeHello), from: 0x10002)
            flood.run(for: .seconds(10)) { flood.bytesSent == number * Self.largeHello.count }
            #expect(await echo.waits { $0.server.connectionCount + displaced.count == number + 1 })
            // Let the loop read the hello: connections with unread bytes are not displaced.
            await pause(.milliseconds(10))
        }
        #expect(displaced.count >= 40 - 16)
        #expect(Set(displaced) == ["127.1.0.2"])
        #expect(echo.server.memoryUsed <= 17 * Self.cost)
        patient.run(for: .milliseconds(20))
        #expect(patient.openCount == 1)
        #expect(await identity.curl(echo.url + "/a").output == "GET /a 0")
        flood.closeAll()
        patient.closeAll()
        #expect(await echo.waits { $0.server.memoryUsed == 0 && $0.server.connectionCount == 0 })
        await echo.stop()
    }

    @Test @LoopActor func finishedHandshakesAreNotCharged() async throws {
        let identity = try await TLSIdentity()
        let echo = try EchoServer(limits: Self.limits, tls: identity)
        echo.holds = true
        let url = echo.url + "/held"
        async let answer = identity.curl(url)
        #expect(await echo.waits { !$0.held.isEmpty })
        #expect(echo.server.memoryUsed == 0)
        echo.answerHeld()
        #expect(await answer.output == "GET /held 0")
        await echo.stop()
    }
}
