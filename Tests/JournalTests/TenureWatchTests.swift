import Testing

@testable import Journaling

/// Events in, decisions out. Times are in milliseconds.
@Suite struct TenureWatchTests {
    private let origin = ContinuousClock.now
    private let tenure = JournalTenure(epoch: 4, holder: "me")

    private func at(_ milliseconds: Int) -> ContinuousClock.Instant {
        origin.advanced(by: .milliseconds(milliseconds))
    }

    private func sight(_ beat: Int64, _ holder: String? = "other") -> TenureSight {
        TenureSight(epoch: 3, beat: beat, holder: holder)
    }

    /// Applies an event of a step that took no time.
    private func apply(_ watch: inout TenureWatch, _ event: TenureWatch.Event, _ time: Int) -> TenureWatch.Decision {
        watch.apply(event, began: at(time), now: at(time))
    }

    /// Looks each 250 ms. Returns when the watch decides to take, nil if it does not.
    private func timeOfTake(
        until end: Int, _ watch: inout TenureWatch, see: (Int) -> TenureWatch.Event
    ) -> Int? {
        var time = 0
        while time < end {
            let decision = apply(&watch, see(time), time)
            if case .take = decision.step { return time }
            #expect(decision.step == .look && decision.at == at(time + 250) && decision.change == nil)
            time += 250
        }
        return nil
    }

    @Test func aFreeTenureIsTakenAtOnce() {
        var watch = TenureWatch(replica: "me")
        let decision = apply(&watch, .saw(sight(0, nil)), 10)
        #expect(decision == .init(change: nil, step: .take(sight(0, nil)), at: at(10)))
        let taken = apply(&watch, .took(tenure), 20)
        #expect(taken == .init(change: .gained(tenure), step: .keep(tenure), at: at(1020)))
        #expect(watch.tenure == tenure)
    }

    @Test func aSilentHolderIsReplacedAfterTheTimeout() {
        var watch = TenureWatch(replica: "me")
        #expect(timeOfTake(until: 20_000, &watch) { _ in .saw(sight(1)) } == 5000)
    }

    @Test(arguments: [250, 1000, 4750])
    func aHolderThatBeatsIsNotReplaced(interval: Int) {
        var watch = TenureWatch(replica: "me")
        #expect(timeOfTake(until: 60_000, &watch) { .saw(sight(Int64($0 / interval))) } == nil)
    }

    @Test func anotherHolderStartsTheTimeAgain() {
        var watch = TenureWatch(replica: "me")
        let taken = timeOfTake(until: 20_000, &watch) { time in
            .saw(TenureSight(epoch: time < 4000 ? 3 : 4, beat: 0, holder: "other"))
        }
        #expect(taken == 9000)
    }

    @Test func aFailedLookBreaksTheLooks() {
        var watch = TenureWatch(replica: "me")
        #expect(timeOfTake(until: 20_000, &watch) { $0 == 4000 ? .failed : .saw(sight(1)) } == 9250)
    }

    /// This replica was frozen: the holder may have been, too.
    @Test func aGapBreaksTheLooks() {
        var watch = TenureWatch(replica: "me")
        _ = apply(&watch, .saw(sight(1)), 0)
        #expect(apply(&watch, .saw(sight(1)), 60_000).step == .look)
        var time = 60_000
        while apply(&watch, .saw(sight(1)), time).step == .look { time += 250 }
        #expect(time == 65_000)
    }

    /// Only the time between the end of the first look and the beginning of the last counts.
    @Test func slowLooksCountTheirLeastTime() {
        var watch = TenureWatch(replica: "me")
        var decision = watch.apply(.saw(sight(1)), began: at(0), now: at(1000))
        var began = 1250
        while decision.step == .look {
            decision = watch.apply(.saw(sight(1)), began: at(began), now: at(began + 1000))
            began += 1250
        }
        #expect(began - 1250 == 6250, "the looks end at 1000, …; the sixth begins at 6250")
    }

    @Test func whoIsSlowerLooksOn() {
        var watch = TenureWatch(replica: "me")
        _ = apply(&watch, .saw(sight(0, nil)), 0)
        #expect(apply(&watch, .took(nil), 10) == .init(change: nil, step: .look, at: at(260)))
        #expect(watch.tenure == nil)
    }

    /// The answer of the take was lost. The next look shows whether it was stored.
    @Test func anUnknownTakeIsFoundByTheNextLook() {
        var watch = TenureWatch(replica: "me")
        _ = apply(&watch, .saw(sight(0, nil)), 0)
        #expect(apply(&watch, .failed, 5000) == .init(change: nil, step: .look, at: at(5250)))
        let decision = apply(&watch, .saw(TenureSight(epoch: 4, beat: 0, holder: "me")), 5250)
        #expect(decision == .init(change: .gained(tenure), step: .keep(tenure), at: at(6250)))
    }

    @Test func theHolderBeatsEachSecond() {
        var watch = TenureWatch(replica: "me")
        _ = apply(&watch, .took(tenure), 0)
        let decision = watch.apply(.kept(true), began: at(1000), now: at(1300))
        #expect(decision == .init(change: nil, step: .keep(tenure), at: at(2000)), "counted from its beginning")
    }

    /// The database may be away for all replicas. Posts need permits, so the tenure is kept until it is known to be lost.
    @Test func aFailedBeatKeepsTheTenure() {
        var watch = TenureWatch(replica: "me")
        _ = apply(&watch, .took(tenure), 0)
        for time in stride(from: 1000, through: 60_000, by: 1000) {
            #expect(apply(&watch, .failed, time).step == .keep(tenure))
        }
        #expect(watch.tenure == tenure)
    }

    @Test(arguments: [TenureWatch.Event.kept(false), .ended])
    func aLostTenureIsWatchedAgain(event: TenureWatch.Event) {
        var watch = TenureWatch(replica: "me")
        _ = apply(&watch, .took(tenure), 0)
        #expect(apply(&watch, event, 1000) == .init(change: .lost(tenure), step: .look, at: at(1250)))
        #expect(apply(&watch, event, 1100).change == nil, "reported once")
        var time = 1250
        while apply(&watch, .saw(sight(1)), time).step == .look { time += 250 }
        #expect(time == 6250)
    }
}
