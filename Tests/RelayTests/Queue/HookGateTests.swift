import Libevent
import Testing

@testable import Relay

@Suite struct HookGateTests {
    private let start = ContinuousClock.now
    private let woken = Locked<[Destination]>([])

    private func isGranted(_ gate: HookGate, _ destination: Destination, after seconds: Int = 0) -> Bool {
        if case .granted = ask(gate, destination, after: seconds) { true } else { false }
    }

    private func ask(_ gate: HookGate, _ destination: Destination, after seconds: Int = 0) -> HookGate.Permission {
        gate.ask(destination, now: start + .seconds(seconds)) { woken.withLock { $0.append(destination) } }
    }

    @Test func onePostAtATimeAndTheMostUrgentIsWokenFirst() {
        let gate = HookGate(limiter: PostLimiter(limits: []))
        #expect(isGranted(gate, .info))
        #expect(ask(gate, .warning) == .taken)
        #expect(ask(gate, .critical) == .taken)
        gate.finish(.delivered(.init()), at: start, reachedServer: true, pause: nil)
        #expect(woken.withLock { $0 } == [.critical, .warning])
        #expect(ask(gate, .warning) == .taken)
        #expect(isGranted(gate, .critical))
        gate.finish(.delivered(.init()), at: start, reachedServer: true, pause: nil)
        #expect(isGranted(gate, .warning))
    }

    @Test func theNextSlotOfASharedBudgetGoesToTheMostUrgent() {
        let gate = HookGate(limiter: PostLimiter(limits: [PostLimit(posts: 1, per: .seconds(10))]))
        #expect(isGranted(gate, .info))
        gate.finish(.delivered(.init()), at: start, reachedServer: true, pause: nil)
        guard case .notBefore(let slot) = ask(gate, .info, after: 1) else { Issue.record("granted"); return }
        #expect(slot >= start + .seconds(10))
        guard case .notBefore = ask(gate, .critical, after: 2) else { Issue.record("granted"); return }
        #expect(ask(gate, .info, after: 20) == .taken)
        #expect(isGranted(gate, .critical, after: 20))
    }

    @Test func whoHasNothingToPostAnyMoreStandsInNobodysWay() {
        let gate = HookGate(limiter: PostLimiter(limits: []))
        #expect(isGranted(gate, .info))
        #expect(ask(gate, .critical) == .taken)
        gate.withdraw(.critical)
        gate.finish(.delivered(.init()), at: start, reachedServer: true, pause: nil)
        #expect(isGranted(gate, .info))
    }

    @Test func aPauseHoldsEverySeverity() {
        let gate = HookGate(limiter: PostLimiter(limits: []))
        #expect(isGranted(gate, .critical))
        gate.finish(.rateLimited(wait: .seconds(30)), at: start, reachedServer: true, pause: .seconds(30))
        #expect(ask(gate, .critical, after: 1) == .notBefore(start + .seconds(30)))
    }

    /// Its breaker has just opened.
    private func gateOfAFailedHook() -> HookGate {
        let gate = HookGate(
            limiter: PostLimiter(limits: []), breaker: CircuitBreaker(settings: .init(threshold: 1)))
        #expect(isGranted(gate, .critical))
        gate.finish(
            .retry(.network, maybeDelivered: false, detail: ""), at: start, reachedServer: false, pause: nil)
        return gate
    }

    @Test func aHookThatFailsIsLeftAloneAndTriedOutWithOnePost() {
        let gate = gateOfAFailedHook()
        #expect(ask(gate, .critical, after: 1) == .notBefore(start + .seconds(5)))
        #expect(ask(gate, .critical, after: 5) == .granted(.init(isProbe: true)))
        gate.finish(.delivered(.init()), at: start + .seconds(6), reachedServer: true, pause: nil)
        #expect(ask(gate, .critical, after: 6) == .granted(.init(isProbe: false)))
    }

    @Test func aProbeThatWasNotMadeIsStillToBeMade() {
        let gate = gateOfAFailedHook()
        #expect(isGranted(gate, .critical, after: 5))
        gate.giveBack(at: start + .seconds(5))
        #expect(ask(gate, .critical, after: 5) == .granted(.init(isProbe: true)))
    }

    @Test func sayHowManyPostsTheBudgetStillHolds() {
        let gate = HookGate(limiter: PostLimiter(limits: [PostLimit(posts: 3, per: .seconds(60))]))
        #expect(ask(gate, .critical) == .granted(.init(spare: 2)))
        gate.finish(.delivered(.init()), at: start, reachedServer: true, pause: nil)
        #expect(ask(gate, .critical) == .granted(.init(spare: 1)))
    }
}
