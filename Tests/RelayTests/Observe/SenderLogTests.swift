import Libevent
import Logging
import TestSupport
import Testing

@testable import Relay
@testable import Support

@Suite struct LogLimiterTests {
    private let start = ContinuousClock.now

    @Test func linesBeyondTheLimitOfASenderAreCounted() {
        var limiter = LogLimiter<String>(limit: 3, total: 100)
        let written = (0..<21_000).filter { number in
            limiter.admit("a", at: start + .microseconds(48 * number)).isWritten
        }
        #expect(written == [0, 1, 2])
        #expect(limiter.admit("b", at: start + .seconds(59)).isWritten, "another sender has its own limit")
        #expect(limiter.summary(at: start + .seconds(59)).isEmpty)
        let (isWritten, summary) = limiter.admit("a", at: start + .seconds(60))
        #expect(isWritten)
        #expect(summary == .init(senders: [("a", 20_997)]))
        #expect(limiter.summary(at: start + .seconds(120)).isEmpty)
    }

    @Test func manySendersShareALimitAndUseBoundedMemory() {
        var limiter = LogLimiter<Int>(limit: 2, total: 50, capacity: 100, named: 3)
        var written = 0
        for number in 0..<10_000 where limiter.admit(number, at: start).isWritten { written += 1 }
        for _ in 0..<5 { _ = limiter.admit(7, at: start) }
        #expect(written == 50)
        #expect(limiter.count == 100)
        let summary = limiter.summary(at: start + .seconds(60))
        #expect(summary.senders.count == 3)
        #expect(summary.senders.first?.sender == 7 && summary.senders.first?.count == 5)
        #expect(summary.senders.map(\.count).reduce(summary.others, +) == 10_005 - 50)
        #expect(limiter.count == 0)
    }

    @Test(arguments: 1...20)
    func everyLineIsWrittenOrCountedWithinTheTotalLimit(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var limiter = LogLimiter<Int>(limit: 4, total: 10, per: .seconds(10), capacity: 5, named: 2)
        var (now, asked, written, counted) = (start, 0, 0, 0)
        func add(_ summary: LogLimiter<Int>.Summary) {
            counted += summary.senders.map(\.count).reduce(summary.others, +)
        }
        for _ in 0..<2000 {
            now += .milliseconds(Int.random(in: 0...300, using: &random))
            let (isWritten, summary) = limiter.admit(Int.random(in: 0...8, using: &random), at: now)
            asked += 1
            written += isWritten ? 1 : 0
            add(summary)
        }
        add(limiter.summary(at: now + .seconds(10)))
        #expect(written + counted == asked)
        #expect(written <= 10 * (Int((now - start) / .seconds(10)) + 2))
    }
}

@Suite struct SenderLogTests {
    @Test(.timeLimit(.minutes(1))) @LoopActor func countIsLoggedWithoutAnotherLine() async throws {
        let lines = CollectedLog()
        let log = SenderLog(lines.logger, limiter: LogLimiter(limit: 2, total: 10, per: .milliseconds(200)))
        let client = ClientAddress(IPAddress("192.0.2.1"))
        for _ in 0..<50 { log.warning("webhook refused", from: client, ["reason": "unauthorized"]) }
        while lines.texts.count < 3 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(
            lines.texts == [
                "webhook refused from=192.0.2.1 reason=unauthorized",
                "webhook refused from=192.0.2.1 reason=unauthorized",
                "log lines suppressed count=48 from=192.0.2.1",
            ])
    }

    /// libevent's timers can fire early after a long iteration of the loop.
    @Test(.timeLimit(.minutes(1))) @LoopActor func countIsLoggedDespiteAnEarlyTimer() async throws {
        let lines = CollectedLog()
        let clock = Locked((now: ContinuousClock.now, reads: 0))
        let log = SenderLog(
            lines.logger, limiter: LogLimiter(limit: 1, total: 10, per: .milliseconds(20)),
            now: {
                clock.withLock {
                    $0.reads += 1
                    return $0.now
                }
            })
        for _ in 0..<3 { log.warning("webhook refused", from: ClientAddress(nil)) }
        let reads = clock.withLock { $0.reads }
        // The timer reads the clock when it fires, and again to be set.
        while clock.withLock({ $0.reads < reads + 4 }) { try await Task.sleep(for: .milliseconds(5)) }
        #expect(lines.texts.count == 1, "its window has not ended")
        clock.withLock { $0.now += .milliseconds(20) }
        while lines.texts.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(lines.texts.last == "log lines suppressed count=2 from=unknown")
    }
}
