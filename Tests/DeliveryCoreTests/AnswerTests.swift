import DeliveryCore
import Testing

/// Effects of posts and compositions besides their results: pauses, conditions of hooks, expired entries.
struct AnswerTests {
    // MARK: Pauses

    @Test func pauseAppliesToAnyResult() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept(entry(1))
        _ = relay.composed()
        _ = relay.on(.paused(HookID(0), .seconds(30)))
        #expect(relay.ended(.delivered) == [settle([1])])
        #expect(relay.accept(entry(2), at: 1_000) == [])
        #expect(relay.timer == 30_000)
        #expect(relay.on(.timer, at: 30_000) == [compose([2])])
    }

    @Test func pauseDelaysAFollowUp() {
        var relay = Driver.resolvingInTheSecondRoom()
        _ = relay.post(.delivered)
        let followUp = relay.fireTimer()
        let start = relay.now
        #expect(followUp.count == 1)
        _ = relay.on(.paused(HookID(0), .seconds(20)))
        #expect(relay.on(.followUpEnded(HookID(0), .down)) == [])
        #expect(relay.timer == start + 20_000)
        #expect(relay.fireTimer() == followUp)
    }

    @Test func shorterWaitDoesNotEndALongerPause() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept(entry(1))
        _ = relay.composed()
        _ = relay.on(.paused(HookID(0), .seconds(90)))
        #expect(relay.ended(.throttled(.seconds(5))) == [])
        #expect(relay.fireTimer() == [] && relay.now == 60_000)
        #expect(relay.fireTimer() == [compose([1])] && relay.now == 90_000)
    }

    @Test(arguments: [(1, 1_000), (2_500, 2_500), (3_600_000, 600_000)] as [(Int64, Int)])
    func pauseIsClampedToOneSecondToTenMinutes(_ asked: Int64, _ kept: Int) {
        var relay = Driver(routes: [[0]], limit: nil)
        _ = relay.accept(entry(1))
        _ = relay.composed()
        _ = relay.on(.paused(HookID(0), .milliseconds(asked)))
        _ = relay.ended(.delivered)
        #expect(relay.accept(entry(2)) == [])
        #expect(relay.timer == kept)
    }

    @Test func searchAtAFailingHookDoesNotWaitForALongPause() {
        var relay = Driver(routes: [[0, 1]], limit: nil, failoverDelay: 10)
        _ = relay.accept(entry(1))
        _ = relay.post(.down)
        #expect(relay.fireTimer() == [compose([1])])
        _ = relay.composed()
        _ = relay.on(.paused(HookID(0), .seconds(60)))
        #expect(relay.ended(.refused(nil)) == [])
        #expect(relay.fireTimer() == [compose([1], to: 1, marks: .rerouted)] && relay.now == 10_000)
    }

    // MARK: Conditions

    @Test func hookIsLeftAloneAfterFiveFailures() {
        var relay = Driver(routes: [[0]], limit: nil)
        _ = relay.accept(entry(1))
        for failure in 1...5 {
            #expect(relay.machine.condition(of: HookID(0)) == .working)
            _ = relay.post(.down)
            while failure < 5, relay.fireTimer() != [compose([1])] {}
        }
        #expect(relay.machine.condition(of: HookID(0)) == .suspended)
        while relay.fireTimer() != [compose([1])] {}
        #expect(relay.machine.condition(of: HookID(0)) == .probing)
        _ = relay.post(.delivered)
        #expect(relay.machine.condition(of: HookID(0)) == .working)
        #expect(relay.machine.condition(of: HookID(7)) == .working)
    }

    @Test func brokenHookIsLeftAloneAtOnce() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept(entry(1))
        _ = relay.post(.hookBroken)
        #expect(relay.machine.condition(of: HookID(0)) == .suspended)
    }

    // MARK: Expired entries

    @Test func expiredEntriesAreSettledWithoutAPost() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept(entry(1), entry(2))
        #expect(
            relay.on(.composed(QueueID(0), parts: 0, expired: [EntryID(1)])) == [settle([1], .expired), compose([2])])
        _ = relay.post(.delivered)
        _ = relay.accept(entry(3), entry(4), entry(5), entry(6), entry(7), at: 2_000)
        let composed = Event.composed(
            QueueID(0), parts: 1, unreadable: [EntryID(4)], expired: [EntryID(3), EntryID(9)])
        #expect(relay.on(composed) == [settle([3], .expired), settle([4], .dead(.unreadable)), post()])
        #expect(relay.ended(.delivered) == [settle([5, 6, 7])])
    }

    @Test func expiryEndsASearch() {
        var relay = Driver(routes: [[0]], limit: nil)
        _ = relay.accept(entry(1))
        #expect(relay.post(.refused(nil)) == [compose([1], .plain)])
        #expect(relay.on(.composed(QueueID(0), parts: 0, expired: [EntryID(1)])) == [settle([1], .expired)])
        #expect(relay.accept(entry(2)) == [compose([2])])
    }

    @Test func expiredFiringThatMayBeShownGetsAFollowUp() {
        var relay = Driver(routes: [[0, 1]], limit: nil)
        _ = relay.accept(entry(1, group: 9))
        _ = relay.post(.lost)
        _ = relay.fireTimer()
        #expect(relay.on(.composed(QueueID(0), parts: 0, expired: [EntryID(1)])) == [settle([1], .expired)])
        _ = relay.accept(entry(2, group: 9, resolved: true))
        _ = relay.post(.hookBroken)
        #expect(relay.post(.delivered) == [settle([2])])
        guard case .followUp(HookID(0), _)? = relay.fireTimer().first else {
            Issue.record("no follow-up")
            return
        }
    }
}
