import DeliveryCore
import Testing

/// Stop, rows, tenure, and the hook records at a restart.
struct RestartTests {
    @Test func stopFinishesTheCurrentPostAndStartsNone() {
        var relay = Driver(routes: [[0], [1]])
        _ = relay.accept(entry(1), at: 1_000)
        _ = relay.composed()
        #expect(relay.on(.stop) == [])
        #expect(relay.accept(entry(2), to: 1) == [])
        #expect(relay.ended(.delivered) == [settle([1]), .stopped])
    }

    @Test func fencedPostReloadsTheRows() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept(entry(1), at: 1_000)
        #expect(relay.post(.notSent) == [.load(QueueID(0), after: .zero, limit: 256)])
        let empty = Page(entries: [], cursor: .zero, isLast: true)
        #expect(relay.on(.loaded(QueueID(0), empty)) == [])
        #expect(relay.timer == nil)
    }

    @Test func rowsWithoutACommitEventAreReadAgain() {
        var relay = Driver(routes: [[0]])
        _ = relay.on(.tenureGained(Tenure(validUntil: .distantFuture)), at: 1_000)
        let page = Page(entries: [entry(1)], cursor: EntryID(1), isLast: true)
        #expect(relay.on(.loaded(QueueID(0), page)) == [compose([1])])
        #expect(relay.post(.notSent) == [.load(QueueID(0), after: .zero, limit: 256)])
    }

    @Test func pageReadBeforeAReloadIsVoid() {
        var relay = Driver(routes: [[0]], limit: nil)
        _ = relay.accept(entry(1), at: 1_000)
        _ = relay.post(.down)
        #expect(
            relay.on(.available(QueueID(0), through: EntryID(2))) == [
                .load(QueueID(0), after: EntryID(1), limit: 255)
            ])
        #expect(relay.fireTimer() == [compose([1])])
        #expect(relay.post(.notSent) == [])
        let page = Page(entries: [entry(2)], cursor: EntryID(2), isLast: true)
        #expect(relay.on(.loaded(QueueID(0), page)) == [.load(QueueID(0), after: .zero, limit: 256)])
    }

    @Test func rowsAreNotLoadedDuringAPost() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept(entry(1), at: 1_000)
        _ = relay.composed()
        _ = relay.on(.tenureLost)
        // The page would contain the entry that the post will settle.
        #expect(relay.on(.tenureGained(Tenure(validUntil: .distantFuture))) == [])
        #expect(relay.ended(.delivered) == [settle([1]), .load(QueueID(0), after: .zero, limit: 256)])
    }

    @Test func unfinishedPostIsFollowedUp() {
        let unfinished = HookRecord.Unfinished(
            queue: QueueID(0), through: EntryID(1), form: .full, until: Instant(nanoseconds: 11_000_000_000))
        let records = [
            HookRecord(hook: HookID(0), posts: [.init(nanoseconds: 0)], unfinished: unfinished),
            HookRecord(hook: HookID(1)),
        ]
        var relay = Driver(routes: [[1, 0]], limit: nil, tenure: Tenure(validUntil: .distantFuture, hooks: records))
        _ = relay.accept(entry(1, group: 7), at: 1_000)
        #expect(relay.post(.delivered) == [settle([1])])
        #expect(relay.accept(entry(2, group: 7, resolved: true), at: 3_000) == [compose([2], to: 1)])
        #expect(relay.post(.delivered) == [settle([2])])
        let actions = relay.fireTimer()
        guard case .followUp(HookID(0), let followUps)? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        #expect(relay.now == 11_000 && followUps.map(\.id) == [EntryID(2)])
    }

    @Test func unfinishedPostDelaysTheHookAndIsRepeated() {
        let unfinished = HookRecord.Unfinished(
            queue: QueueID(0), through: EntryID(2), form: .plain, until: Instant(nanoseconds: 10_000_000_000))
        let record = HookRecord(hook: HookID(0), posts: [.init(nanoseconds: 0)], unfinished: unfinished)
        var relay = Driver(routes: [[0]], tenure: Tenure(validUntil: .distantFuture, hooks: [record]))
        #expect(relay.accept((1...3).map { entry($0) }, at: 1_000) == [])
        #expect(relay.timer == 10_000)
        #expect(relay.fireTimer() == [compose([1, 2], .plain)])
    }

    @Test func nothingIsPostedWithoutTenure() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept(entry(1), at: 1_000)
        #expect(relay.on(.tenureLost) == [])
        #expect(relay.composed() == [])
        #expect(relay.timer == nil)
    }

    @Test func commitDuringALoadIsKept() {
        var relay = Driver(routes: [[0]], limit: nil)
        _ = relay.on(.available(QueueID(0), through: EntryID(1)))
        // The queue is already behind: no action follows, but the number is recorded.
        #expect(relay.on(.available(QueueID(0), through: EntryID(2))) == [])
        let page = Page(entries: [entry(1)], cursor: EntryID(1), isLast: true)
        #expect(relay.on(.loaded(QueueID(0), page)) == [compose([1])])
        #expect(relay.post(.delivered) == [settle([1]), .load(QueueID(0), after: EntryID(1), limit: 256)])
    }

    // MARK: Records

    private static let start = Instant(nanoseconds: 1_000_000_000)
    private static let restart = Instant(nanoseconds: 2_600_000_000)

    @Test func recordHoldsBudgetPauseAndUnfinishedPost() {
        var relay = Driver(routes: [[0]])
        _ = relay.accept((1...4).map { entry($0) }, at: 1_000)
        #expect(relay.machine.record(of: HookID(0), until: Self.restart) == HookRecord(hook: HookID(0)))
        _ = relay.composed()
        let unfinished = HookRecord.Unfinished(
            queue: QueueID(0), through: EntryID(4), form: .full, until: Self.restart)
        #expect(
            relay.machine.record(of: HookID(0), until: Self.restart)
                == HookRecord(hook: HookID(0), posts: [Self.start], unfinished: unfinished))
        _ = relay.on(.paused(HookID(0), .seconds(30)), at: 2_000)
        _ = relay.ended(.delivered)
        let end = Self.start + .seconds(1)
        #expect(
            relay.machine.record(of: HookID(0), until: Self.restart)
                == HookRecord(hook: HookID(0), posts: [end], pausedUntil: end + .seconds(30)))
        #expect(relay.machine.record(of: HookID(1), until: Self.restart) == nil)
    }

    @Test func recordHoldsFailingButNotThrottling() {
        var relay = Driver(routes: [[0], [1]])
        _ = relay.accept(entry(1), at: 1_000)
        _ = relay.post(.down)
        #expect(
            relay.machine.record(of: HookID(0), until: Self.restart)
                == HookRecord(hook: HookID(0), failingSince: Self.start))
        _ = relay.accept(entry(2), to: 1)
        _ = relay.post(.throttled(.seconds(5)), of: 1)
        #expect(relay.machine.record(of: HookID(1), until: Self.restart)?.failingSince == nil)
    }

    @Test func recordHoldsAnUnfinishedFollowUp() {
        var relay = Driver.resolvingInTheSecondRoom()
        _ = relay.post(.delivered)
        _ = relay.fireTimer()
        #expect(
            relay.machine.record(of: HookID(0), until: Self.restart)?.unfinished
                == HookRecord.Unfinished(queue: QueueID(0), through: EntryID(2), form: .notice, until: Self.restart))
    }

    @Test func restartKeepsBudgetAndRepeatsTheUnfinishedPost() throws {
        var killed = Driver(routes: [[0]])
        for id in 1...3 as ClosedRange<Int64> {
            if !killed.accept(entry(id), at: killed.now).contains(compose([id])) { _ = killed.fireTimer() }
            _ = killed.composed()
            if id < 3 { _ = killed.ended(.delivered) }
        }
        #expect(killed.now == 2_000)
        let record = try #require(killed.machine.record(of: HookID(0), until: Self.restart))

        var relay = Driver(routes: [[0]])
        _ = relay.on(.tenureGained(Tenure(validUntil: .distantFuture, hooks: [record])), at: 2_600)
        let page = Page(entries: (3...5).map { entry($0) }, cursor: EntryID(5), isLast: true)
        #expect(relay.on(.loaded(QueueID(0), page)) == [])
        #expect(relay.timer == 8_572)
        #expect(relay.fireTimer() == [compose([3])])
    }

    /// The hook has failed since 50 s before the machine's start; the failover delay is 60 s.
    @Test func restartDoesNotDelayTheFailover() {
        let record = HookRecord(hook: HookID(0), failingSince: Instant(nanoseconds: -50_000_000_000))
        let tenure = Tenure(validUntil: .distantFuture, hooks: [record])
        var relay = Driver(routes: [[0, 1]], limit: nil, tenure: tenure)
        var actions = relay.accept((1...3).map { entry($0) }, at: 1_000)
        #expect(actions == [compose([1])], "a failing hook gets one entry")
        let other = compose([1], to: 1, marks: .rerouted)
        while relay.now < 60_000, actions != [other] {
            if actions == [compose([1])] { _ = relay.post(.down) }
            actions = relay.fireTimer()
        }
        #expect(relay.now == 10_000 && actions == [other])
    }

    @Test func followUpWaitsWhileNoQueueIsRoutedToItsHook() {
        var relay = Driver.resolvingInTheSecondRoom()
        func topology(_ hooks: Int...) -> Topology {
            Topology(
                limits: [nil, nil],
                queues: [QueuePlan(urgency: 0, routes: hooks.map { HookID($0) }, failoverDelay: .seconds(60))])
        }
        _ = relay.on(.reconfigured(topology(1)))
        #expect(relay.post(.delivered) == [settle([2])])
        #expect(relay.on(.timer, at: 900_000) == [])
        let back = relay.on(.reconfigured(topology(0, 1)))
        #expect(back.count == 1)
        if case .followUp(HookID(0), _)? = back.first {} else { Issue.record("\(back)") }
    }
}
