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
        echo.server.onReplyOverdue = { $0.reply(status: 503, body: "late".utf8) }
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
