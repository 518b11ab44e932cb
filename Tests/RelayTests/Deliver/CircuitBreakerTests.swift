import Testing

@testable import Relay

@Suite struct CircuitBreakerTests {
    private static let failure = DeliveryOutcome.retry(.network, maybeDelivered: false, detail: "")
    private static let broken = DeliveryOutcome.misconfigured(.authError, detail: "")

    private let start = ContinuousClock.now
    private var breaker = CircuitBreaker()

    private mutating func post(_ outcome: DeliveryOutcome, at now: ContinuousClock.Instant) {
        breaker.start(at: now)
        breaker.finish(outcome, at: now)
    }

    @Test mutating func fiveFailuresInARowOpenIt() {
        for failures in 1...4 {
            post(Self.failure, at: start)
            #expect(breaker.state == .closed(failures: failures))
        }
        post(Self.failure, at: start)
        #expect(breaker.state == .open(until: start + .seconds(5), probes: 0))
        #expect(breaker.nextSlot(now: start) == start + .seconds(5))
    }

    @Test(arguments: [
        DeliveryOutcome.delivered(.init()), .rateLimited(wait: .seconds(1)), .fixable(.resplit, detail: ""),
        .unknown(.clientError, maybeDelivered: false, detail: ""),
    ])
    mutating func anAnswerOfAWorkingServerStartsTheCountAgain(outcome: DeliveryOutcome) {
        for _ in 0..<4 { post(Self.failure, at: start) }
        post(outcome, at: start)
        #expect(breaker.state == .closed(failures: 0))
    }

    @Test mutating func aHookThatIsMisconfiguredOpensItAtOnce() {
        post(Self.broken, at: start)
        #expect(breaker.state == .open(until: start + .seconds(5), probes: 0))
    }

    @Test mutating func onlyOneProbeLeavesWhenItIsTime() {
        post(Self.broken, at: start)
        let later = start + .seconds(7)
        #expect(breaker.nextSlot(now: later) == later)
        breaker.start(at: later)
        #expect(breaker.state == .halfOpen(probes: 0))
        #expect(breaker.nextSlot(now: later + .seconds(60)) == nil)
        breaker.finish(.delivered(.init()), at: later)
        #expect(breaker.state == .closed(failures: 0))
    }

    @Test mutating func everyProbeThatFailsDoublesThePauseUpToTheLongest() {
        post(Self.broken, at: start)
        var now = start + .seconds(5)
        for (probe, seconds) in [10, 20, 40, 60, 60, 60].enumerated() {
            post(Self.failure, at: now)
            #expect(breaker.state == .open(until: now + .seconds(seconds), probes: probe + 1))
            now += .seconds(seconds)
        }
    }
}
