import DeliveryCore
import Testing

/// Schedules with their exact actions, one per rule of docs/DELIVERY.md.
struct RuleTests {
    @Test func entryIsLoadedComposedPostedSettled() {
        var relay = Driver(routes: [[0]])
        #expect(
            relay.on(.available(QueueID(0), through: EntryID(7)), at: 1_000) == [
                .load(QueueID(0), after: .zero, limit: 256)
            ])
        let page = Page(entries: [entry(7)], cursor: EntryID(7), isLast: true)
        #expect(relay.on(.loaded(QueueID(0), page)) == [compose([7])])
        #expect(relay.composed() == [post()])
        #expect(relay.ended(.delivered) == [settle([7])])
        #expect(relay.timer == nil)
    }

    // MARK: 1. Route

    @Test func failingHookFailsOverAfterTheDelay() {
        var relay = Driver(routes: [[0, 1]], failoverDelay: 60)
        _ = relay.accept(entry(1), at: 1_000)
        _ = relay.post(.down)
        var actions: [Action] = []
        for _ in 0..<100 where actions.first != compose([1], to: 1, marks: .rerouted) {
            actions = relay.fireTimer()
            if actions == [compose([1])] { _ = relay.post(.down) }
            #expect(relay.now <= 61_000)
        }
        #expect(relay.now == 61_000)
        #expect(relay.composed() == [post(to: 1)])
        #expect(relay.facts.contains(.failedOver(QueueID(0), to: HookID(1))))
    }

    @Test func brokenHookFailsOverAtOnceAndIsProbedAfterFiveSeconds() {
        var relay = Driver(routes: [[0, 1]])
        _ = relay.accept(entry(1), at: 1_000)
        #expect(relay.post(.hookBroken) == [compose([1], to: 1, marks: .rerouted)])
        #expect(relay.post(.delivered) == [settle([1])])
        #expect(relay.accept(entry(2), at: 3_000) == [compose([2], to: 1, marks: .rerouted)])
        #expect(relay.post(.delivered) == [settle([2])])
        #expect(relay.accept(entry(3), at: 6_000) == [compose([3])])
        #expect(relay.post(.delivered) == [settle([3])])
        #expect(relay.facts.contains(.hookWorks(HookID(0))))
    }

    // MARK: 2. Cause, 3. Dead letter

    @Test func refusedEntryIsDeadLetteredAfterNoticeAndAllRoutes() {
        var relay = Driver(routes: [[0, 1]], limit: nil)
        _ = relay.accept(entry(1), at: 1_000)
        #expect(relay.post(.refused(.smaller)) == [compose([1], .reduced)])
        #expect(relay.post(.refused(nil)) == [compose([1], .plain)])
        #expect(relay.post(.refused(nil)) == [compose([1], .notice)])
        #expect(relay.post(.delivered) == [compose([1], .plain)])
        #expect(relay.post(.refused(nil)) == [compose([1], to: 1, marks: [.rerouted, .refused])])
        #expect(relay.post(.hookBroken) == [settle([1], .dead(.refused))])
        #expect(
            relay.facts.last
                == .deadLettered(QueueID(0), EntryID(1), .refused, asked: [HookID(0), HookID(1)]))
    }

    @Test func refusedNoticeMarksTheHookAsBroken() {
        var relay = Driver(routes: [[0, 1]], limit: nil)
        _ = relay.accept(entry(1), at: 1_000)
        _ = relay.post(.refused(nil))
        #expect(relay.post(.refused(nil)) == [compose([1], .notice)])
        #expect(relay.post(.refused(nil)) == [compose([1], to: 1, marks: .rerouted)])
        #expect(relay.post(.delivered) == [settle([1])])
        #expect(relay.facts.contains(.hookBroken(HookID(0))))
    }

    @Test func unreadableEntryIsDeadLetteredAndTheRestIsPosted() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept((1...5).map { entry($0) }, at: 1_000)
        let composed = Event.composed(QueueID(0), parts: 1, copies: 0, unreadable: [EntryID(3)])
        #expect(relay.on(composed) == [settle([3], .dead(.unreadable)), post()])
        #expect(relay.ended(.delivered) == [settle([1, 2, 4, 5])])
    }

    // MARK: Bisection

    @Test func bisectionDeadLettersOnlyTheRefusedEntry() {
        var relay = Driver(routes: [[0]], limit: PostLimit(posts: 1, per: .seconds(1)))
        _ = relay.accept((1...4).map { entry($0) }, at: 1_000)
        var dead: [EntryID] = []
        var delivered: [EntryID] = []
        var current: Composition?
        func inspect(_ actions: [Action]) {
            for action in actions {
                if case .compose(let next) = action { current = next }
                if case .settle(_, let ids, let how) = action {
                    if how == .delivered { delivered += ids } else { dead += ids }
                }
            }
        }
        _ = relay.post(.refused(nil))
        for _ in 0..<40 where delivered.count + dead.count < 4 {
            inspect(relay.fireTimer())
            guard let batch = current else { continue }
            current = nil
            let isRefused = batch.form != .notice && batch.ids.contains(EntryID(3))
            inspect(relay.post(isRefused ? .refused(nil) : .delivered))
        }
        #expect(dead == [EntryID(3)])
        #expect(delivered == [EntryID(1), EntryID(2), EntryID(4)])
    }

    // MARK: 5. Pace, 6. Fold

    @Test func threePostsFormABurstAndOthersAreSpread() {
        var relay = Driver(routes: [[0]])
        var times: [Int] = []
        for id in 1...5 as ClosedRange<Int64> {
            let actions = relay.accept(entry(id), at: relay.now)
            if !actions.contains(compose([id])) { #expect(relay.fireTimer() == [compose([id])]) }
            times.append(relay.now)
            _ = relay.post(.delivered)
        }
        #expect(times == [0, 1_000, 2_000, 8_572, 17_143])
    }

    @Test func entriesBeyondTheBudgetAreFolded() {
        var relay = Driver(routes: [[0]])
        #expect(relay.accept((1...3).map { entry($0) }, at: 1_000) == [compose([1])])
        var other = Driver(routes: [[0]])
        #expect(other.accept((1...4).map { entry($0) }, at: 1_000) == [compose([1, 2, 3, 4])])
    }

    @Test func probeCarriesOneEntry() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept((1...9).map { entry($0) }, at: 1_000)
        _ = relay.post(.down)
        var actions: [Action] = []
        for _ in 0..<10 where actions.isEmpty { actions = relay.fireTimer() }
        #expect(actions == [compose([1])])
    }

    @Test func probeOfABrokenHookCarriesOneEntry() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept((1...9).map { entry($0) }, at: 1_000)
        #expect(relay.post(.hookBroken) == [])
        #expect(relay.timer == 6_000)
        #expect(relay.fireTimer() == [compose([1])])
        #expect(relay.post(.hookBroken) == [])
        _ = relay.accept(entry(10))
        #expect(relay.timer == 16_000)
        #expect(relay.fireTimer() == [compose([1])])
        #expect(relay.post(.delivered) == [settle([1])])
        #expect(relay.fireTimer() == [compose(Array(2...10))], "the hook works again")
    }

    // MARK: 7. Maybe delivered

    @Test func possiblyDeliveredEntriesAreRepeatedExactly() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept((1...4).map { entry($0) }, at: 1_000)
        _ = relay.post(.lost)
        _ = relay.accept(entry(5))
        var actions: [Action] = []
        for _ in 0..<10 where actions.isEmpty { actions = relay.fireTimer() }
        #expect(actions == [compose([1, 2, 3, 4])])
    }

    // MARK: 8. Urgency

    @Test func moreUrgentQueuePrecedesAComposedBatch() {
        var relay = Driver(routes: [[0], [0]])
        #expect(relay.accept(entry(1), to: 1, at: 1_000) == [compose([1], of: 1)])
        #expect(relay.accept(entry(2)) == [])
        #expect(relay.composed(1) == [compose([2])])
        #expect(relay.composed(0) == [post()])
        #expect(relay.ended(.delivered) == [settle([2])])
        #expect(relay.fireTimer() == [compose([1], of: 1)])
    }

    @Test func longWaitingQueueOvertakesOnce() {
        var relay = Driver(routes: [[0], [0]], limit: PostLimit(posts: 1, per: .seconds(40)))
        _ = relay.accept(entry(1), at: 0)
        _ = relay.post(.delivered)
        _ = relay.accept(entry(2), to: 1, at: 100)
        _ = relay.accept(entry(3), to: 1, at: 200)
        _ = relay.accept(entry(4), at: 20_000)
        #expect(relay.fireTimer() == [compose([2, 3], of: 1)])
        _ = relay.post(.delivered, of: 1)
        _ = relay.accept(entry(5), to: 1)
        #expect(relay.fireTimer() == [compose([4])])
    }

    // MARK: 9. Follow-up

    @Test func resolveDeliveredElsewhereIsFollowedUp() {
        var relay = Driver.resolvingInTheSecondRoom()
        #expect(relay.post(.delivered) == [settle([2])])
        let actions = relay.fireTimer()
        guard case .followUp(HookID(0), let followUps)? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        #expect(followUps.map(\.group) == [9] && followUps.map(\.id) == [EntryID(2)])
        #expect(relay.facts.contains(.followUpWaits(HookID(0), followUps[0])))
        #expect(relay.on(.followUpEnded(HookID(0), .delivered)) == [])
        #expect(relay.timer == nil)
    }

    @Test func newerFiringCancelsTheFollowUp() {
        var relay = Driver.resolvingInTheSecondRoom()
        _ = relay.post(.delivered)
        _ = relay.accept(entry(3, group: 9))
        #expect(relay.post(.delivered) == [settle([3])])
        #expect(relay.timer == nil)
    }

    @Test func resolveJoinsTheThreadOfItsFiring() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept(entry(1, group: 9), at: 1_000)
        _ = relay.post(.delivered(messageID: "abc"))
        #expect(relay.accept(entry(2, group: 9, resolved: true), at: 5_000) == [compose([2], thread: "abc")])
        #expect(relay.on(.composed(QueueID(0), parts: 2, copies: 1, unreadable: [])) == [post()])
        #expect(relay.ended(.delivered) == [])
        #expect(relay.fireTimer() == [post(part: 1)])
        #expect(relay.ended(.refused(nil)) == [settle([2])])
    }

    // MARK: 10. Crash guard

    @Test(arguments: [(1, 3), (2, 3), (3, 1)] as [(UInt8, Int)])
    func batchesShrinkWithCrashes(_ crashes: UInt8, _ expected: Int) {
        var relay = Driver(routes: [[0]], limit: PostLimit(posts: 1, per: .seconds(60)))
        let actions = relay.accept((1...3).map { entry($0, crashes: crashes) }, at: 1_000)
        #expect(actions == [compose(Array(1...Int64(expected)))])
    }

    @Test func entryThatCrashesAloneIsDeadLettered() {
        var relay = Driver(routes: [[0]])
        #expect(relay.accept([entry(1, crashes: 4, alone: 1)], at: 1_000) == [compose([1])])
        #expect(relay.post(.delivered) == [settle([1])])
        #expect(relay.accept([entry(2, crashes: 4, alone: 2)], at: 3_000) == [settle([2], .dead(.crashed))])
    }

    @Test func suspectIsNotComposedBesideAnother() {
        var relay = Driver(routes: [[0], [1]])
        #expect(relay.accept(entry(1, crashes: 1), at: 1_000) == [compose([1])])
        #expect(relay.accept(entry(2), to: 1, at: 1_000) == [])
        #expect(relay.composed() == [post(), compose([2], of: 1, to: 1)])
    }

    // MARK: 11. Replayed, 12. Reload

    @Test func replayedEntriesCarryTheirBanner() {
        var relay = Driver(routes: [[0]], limit: PostLimit(posts: 1, per: .seconds(60)))
        var replayed = entry(1)
        replayed.isReplayed = true
        #expect(relay.accept([replayed, entry(2)], at: 1_000) == [compose([1], marks: .replayed)])
    }

    /// The room of the first hook shows the group as firing. A replay of that firing says in the other room that it is
    /// over, so the first room must learn it, too.
    @Test func entryShownAsOverCountsAsAResolve() {
        for isOver in [false, true] {
            var relay = Driver(routes: [[0, 1]], limit: nil)
            _ = relay.accept(entry(1, group: 9), at: 1_000)
            _ = relay.post(.delivered)
            _ = relay.accept(entry(2, group: 9))
            _ = relay.post(.hookBroken)
            _ = relay.on(.composed(QueueID(0), parts: 1, over: isOver ? [EntryID(2)] : []))
            #expect(relay.ended(.delivered) == [settle([2])])
            let waits = relay.facts.contains { if case .followUpWaits(HookID(0), _) = $0 { true } else { false } }
            #expect(waits == isOver)
        }
    }

    /// A follow-up that waits for a room must not be cancelled by a firing that no room shows.
    @Test func entryShownAsOverCancelsNoFollowUpElsewhere() {
        for isOver in [false, true] {
            var relay = Driver.resolvingInTheSecondRoom()
            _ = relay.post(.delivered)
            _ = relay.accept(entry(3, group: 9))
            _ = relay.on(.composed(QueueID(0), parts: 1, over: isOver ? [EntryID(3)] : []))
            #expect(relay.ended(.delivered) == [settle([3])])
            let actions = relay.fireTimer()
            let followsUp = actions.contains { if case .followUp(HookID(0), _) = $0 { true } else { false } }
            #expect(followsUp == isOver)
        }
    }

    @Test func reloadMakesProbesDueAndKeepsTheBudget() {
        var relay = Driver(routes: [[0]], limit: PostLimit(posts: 10, per: .seconds(60)))
        _ = relay.accept(entry(1), at: 1_000)
        _ = relay.post(.hookBroken)
        let topology = Topology(
            limits: [.rocketChat],
            queues: [QueuePlan(urgency: 0, routes: [HookID(0)], failoverDelay: .seconds(60))])
        #expect(relay.on(.reconfigured(topology), at: 1_500) == [])
        #expect(relay.timer == 2_000)
        #expect(relay.fireTimer() == [compose([1])])
    }

    private static func topology(_ routes: Int...) -> Topology {
        Topology(
            limits: [nil, nil],
            queues: [QueuePlan(urgency: 0, routes: routes.map { HookID($0) }, failoverDelay: .seconds(60))])
    }

    @Test func reloadKeepsAttemptsAndBackoff() {
        var relay = Driver(routes: [[0]], limit: nil)
        _ = relay.accept(entry(1), at: 1_000)
        _ = relay.post(.hookBroken)
        #expect(relay.timer == 6_000)
        // Each reload makes the probe due. The pauses after its failures continue to grow.
        for (number, pause) in [(2, 10_000), (3, 20_000), (4, 40_000)] {
            #expect(relay.on(.reconfigured(Self.topology(0)), at: relay.now + 1_000) == [compose([1])])
            #expect(relay.post(.hookBroken) == [])
            #expect(relay.timer == relay.now + pause)
            let attempts = relay.facts.compactMap { if case .posted(let attempt) = $0 { attempt.number } else { nil } }
            #expect(attempts.last == number)
        }
        #expect(relay.machine.condition(of: HookID(0)) == .suspended)
    }

    @Test func reloadDoesNotDelayTheFailover() {
        var relay = Driver(routes: [[0, 1]], limit: nil)
        _ = relay.accept(entry(1), at: 1_000)
        _ = relay.post(.down)
        var actions = relay.on(.reconfigured(Self.topology(0, 1)), at: 31_000)
        #expect(actions == [compose([1])])
        while relay.now < 61_000, actions != [compose([1], to: 1, marks: .rerouted)] {
            if actions == [compose([1])] { _ = relay.post(.down) }
            actions = relay.fireTimer()
        }
        #expect(relay.now == 61_000 && actions == [compose([1], to: 1, marks: .rerouted)])
    }

    @Test func repeatedCommitEventDoesNotStartAWait() {
        var relay = Driver(routes: [[0], [0]])
        _ = relay.accept(entry(1), to: 1, at: 1_000)
        _ = relay.post(.delivered, of: 1)
        _ = relay.on(.available(QueueID(1), through: EntryID(1)), at: 2_000)
        _ = relay.accept(entry(2), entry(4), at: 40_000)
        _ = relay.accept(entry(3), to: 1, at: 40_000)
        #expect(relay.post(.delivered) == [settle([2])])
        #expect(relay.fireTimer() == [compose([4])])
    }

    @Test func failedLoadIsRetried() {
        var relay = Driver(routes: [[0]])
        _ = relay.on(.available(QueueID(0), through: EntryID(1)), at: 1_000)
        #expect(relay.on(.loadFailed(QueueID(0))) == [])
        #expect(relay.timer == 2_000)
        #expect(relay.fireTimer() == [.load(QueueID(0), after: .zero, limit: 256)])
    }

    @Test func extremeNumbersDoNotTrap() {
        var relay = Driver(routes: [[0]], limit: PostLimit(posts: .max, per: .unlimited))
        _ = relay.accept(entry(.max), at: 1_000)
        _ = relay.post(.throttled(.unlimited))
        #expect(relay.timer != nil)
        _ = relay.on(.composed(QueueID(.max), parts: .min, copies: .max, unreadable: []))
        _ = relay.on(.followUpEnded(HookID(-1), .delivered))
        #expect(Instant.distantFuture + .unlimited == .distantFuture)
        #expect(Instant.distantFuture - .distantPast == .unlimited)
    }
}
