import Libevent
import Testing

@testable import Relay

@Suite struct HookGateTests {
    private let start = ContinuousClock.now
    private let woken = Locked<[Severity]>([])

    private func ask(_ gate: HookGate, _ severity: Severity, after seconds: Int = 0) -> HookGate.Permission {
        gate.ask(severity, now: start + .seconds(seconds)) { woken.withLock { $0.append(severity) } }
    }

    @Test func onePostAtATimeAndTheMostUrgentIsWokenFirst() {
        let gate = HookGate(limiter: PostLimiter(limits: []))
        #expect(ask(gate, .info) == .granted)
        #expect(ask(gate, .warning) == .taken)
        #expect(ask(gate, .critical) == .taken)
        gate.finish(at: start, reachedServer: true, pause: nil)
        #expect(woken.withLock { $0 } == [.critical, .warning])
        #expect(ask(gate, .warning) == .taken)
        #expect(ask(gate, .critical) == .granted)
        gate.finish(at: start, reachedServer: true, pause: nil)
        #expect(ask(gate, .warning) == .granted)
    }

    @Test func theNextSlotOfASharedBudgetGoesToTheMostUrgent() {
        let gate = HookGate(limiter: PostLimiter(limits: [PostLimit(posts: 1, per: .seconds(10))]))
        #expect(ask(gate, .info) == .granted)
        gate.finish(at: start, reachedServer: true, pause: nil)
        guard case .notBefore(let slot) = ask(gate, .info, after: 1) else { Issue.record("granted"); return }
        #expect(slot >= start + .seconds(10))
        guard case .notBefore = ask(gate, .critical, after: 2) else { Issue.record("granted"); return }
        #expect(ask(gate, .info, after: 20) == .taken)
        #expect(ask(gate, .critical, after: 20) == .granted)
    }

    @Test func whoHasNothingToPostAnyMoreStandsInNobodysWay() {
        let gate = HookGate(limiter: PostLimiter(limits: []))
        #expect(ask(gate, .info) == .granted)
        #expect(ask(gate, .critical) == .taken)
        gate.withdraw(.critical)
        gate.finish(at: start, reachedServer: true, pause: nil)
        #expect(ask(gate, .info) == .granted)
    }

    @Test func aPauseHoldsEverySeverity() {
        let gate = HookGate(limiter: PostLimiter(limits: []))
        #expect(ask(gate, .critical) == .granted)
        gate.finish(at: start, reachedServer: true, pause: .seconds(30))
        #expect(ask(gate, .critical, after: 1) == .notBefore(start + .seconds(30)))
    }
}
