import Testing

@testable import Relay

@Suite struct RerouteTests {
    private let start = ContinuousClock.now
    private let failure = DeliveryOutcome.retry(.network, maybeDelivered: false, detail: "refused")

    @Test func aHookMayFailForAsLongAsTheSeverityCanWait() {
        var reroute = Reroute(patience: .seconds(60))
        reroute.take(failure, needsRepair: false, startedAt: start)
        reroute.take(failure, needsRepair: false, startedAt: start + .seconds(30))
        #expect(!reroute.isDue(at: start + .seconds(59)))
        #expect(reroute.isDue(at: start + .seconds(60)))
        #expect(reroute.dueAt == start + .seconds(60))
    }

    @Test func aHookThatAPersonMustRepairIsLeftAtOnce() {
        var reroute = Reroute(patience: .seconds(60))
        reroute.take(
            .misconfigured(.authError, detail: "error-not-allowed"), needsRepair: true, startedAt: start)
        #expect(reroute.isDue(at: start))
        reroute.take(failure, needsRepair: false, startedAt: start)
        #expect(reroute.isDue(at: start), "a failed probe is no repair")
    }

    @Test(arguments: [
        DeliveryOutcome.delivered(.init()), .rateLimited(wait: .seconds(1)), .fixable(.resplit, detail: ""),
        .unknown(.clientError, maybeDelivered: false, detail: ""),
    ])
    func whateverProvesThatTheHookWorksBringsMessagesBack(outcome: DeliveryOutcome) {
        var reroute = Reroute(patience: .seconds(60))
        reroute.take(failure, needsRepair: true, startedAt: start)
        reroute.take(outcome, needsRepair: false, startedAt: start + .seconds(1))
        #expect(reroute.state == .working)
        #expect(!reroute.isDue(at: start + .seconds(3600)))
    }
}
