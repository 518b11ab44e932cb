import DeliveryCore
import Testing

/// The states that operators see.
@Suite struct HookStatusTests {
    private func instant(_ relay: Driver) -> Instant { Instant(nanoseconds: Int64(relay.now) * 1_000_000) }

    @Test func budgetAndNextPostAreShown() throws {
        var relay = Driver(routes: [[0]])
        for id in 1...3 {
            _ = relay.accept(entry(Int64(id)), at: id * 1_001)
            _ = relay.post(.delivered)
        }
        let status = try #require(relay.machine.status(of: HookID(0), at: instant(relay)))
        #expect(status.postsLeft == 0 && status.limit == .rocketChat && status.nextPost > instant(relay))
        #expect(status.health == .working && status.unhealthySince == nil && !status.isPosting)
        #expect(relay.machine.status(of: HookID(1), at: instant(relay)) == nil)
    }

    @Test func brokenHookAndItsSubstituteAreShown() throws {
        var relay = Driver(routes: [[0, 1]], limit: nil)
        _ = relay.accept(entry(1), at: 1_000)
        #expect(relay.machine.substitute(of: QueueID(0)) == nil)
        _ = relay.post(.hookBroken)
        let status = try #require(relay.machine.status(of: HookID(0), at: instant(relay)))
        #expect(status.health == .broken && status.condition == .suspended && status.unhealthySince == instant(relay))
        #expect(status.postsLeft == nil && status.limit == nil)
        _ = relay.post(.delivered)
        #expect(relay.machine.substitute(of: QueueID(0)) == HookID(1))
        #expect(relay.machine.substitute(of: QueueID(7)) == nil)
    }
}
