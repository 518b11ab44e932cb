import DeliveryCore
import Testing

/// Entries that a room accepts more slowly than they arrive are folded, also without a limit.
struct SlowRoomTests {
    /// Posts entry 1 in the given time, then returns the next actions. Entries up to `newest` have arrived meanwhile.
    private func afterPost(of duration: Int, newest: Int64, _ result: PostResult = .delivered) -> [Action] {
        var relay = Driver(routes: [[0]], limit: nil)
        #expect(relay.accept((1...newest).map { entry($0) }, at: 1_000) == [compose([1])])
        #expect(relay.composed() == [post()])
        return relay.ended(result, at: 1_000 + duration)
    }

    @Test(arguments: [(50, 101), (500, 11), (2_000, 3), (9_000, 2)] as [(Int, Int64)])
    func entriesAreSeparateIfTheRoomAcceptsThemInTime(_ duration: Int, _ newest: Int64) {
        #expect(afterPost(of: duration, newest: newest) == [settle([1]), compose([2])])
    }

    @Test(arguments: [(50, 102), (500, 12), (2_000, 4), (9_000, 3)] as [(Int, Int64)])
    func entriesAreFoldedIfTheRoomIsTooSlow(_ duration: Int, _ newest: Int64) {
        #expect(afterPost(of: duration, newest: newest) == [settle([1]), compose(Array(2...newest))])
    }

    @Test func fastRoomGetsEntriesOneByOne() {
        #expect(afterPost(of: 0, newest: 256) == [settle([1]), compose([2])])
        #expect(afterPost(of: 7, newest: 256) == [settle([1]), compose([2])])
    }

    @Test func gapsInRowNumbersDoNotDelayAnEntry() {
        var relay = Driver(routes: [[0]], limit: nil)
        _ = relay.accept(entry(1), at: 1_000)
        _ = relay.composed()
        #expect(relay.ended(.delivered, at: 7_000) == [settle([1])])
        #expect(relay.accept(entry(900), at: 8_000) == [compose([900])])
    }

    @Test func rowsThatAreNotLoadedCount() {
        var relay = Driver(routes: [[0]], limit: nil)
        _ = relay.accept((1...2).map { entry($0) }, at: 1_000)
        _ = relay.composed()
        for id in 3...5_000 as ClosedRange<Int64> { _ = relay.on(.available(QueueID(0), through: EntryID(id))) }
        let actions = relay.ended(.delivered, at: 1_050)
        #expect(actions == [settle([1]), .load(QueueID(0), after: EntryID(2), limit: 4_096)])
        let page = Page(entries: (3...5_000).map { entry($0) }, cursor: EntryID(5_000), isLast: true)
        #expect(relay.on(.loaded(QueueID(0), page)) == [compose(Array(2...5_000))])
    }

    @Test func rowsThatLeaveTheWindowCount() {
        var relay = Driver(routes: [[0]], limit: nil)
        _ = relay.accept((1...256).map { entry($0) }, at: 1_000)
        _ = relay.composed()
        let unread = (257...300 as ClosedRange<Int64>).map { EntryID($0) }
        for id in unread { _ = relay.on(.available(QueueID(0), through: id)) }
        // 299 entries take 4.5 s, 398 take 6 s.
        #expect(relay.ended(.delivered, at: 1_015) == [settle([1]), compose([2])])
        for id in 301...400 as ClosedRange<Int64> { _ = relay.on(.available(QueueID(0), through: EntryID(id))) }
        _ = relay.composed()
        let actions = relay.ended(.delivered, at: 1_030)
        #expect(actions == [settle([2]), .load(QueueID(0), after: EntryID(256), limit: 4_096)])
    }

    /// A timeout is not the room's speed: after it only probes are posted, and the next delivery shows the speed.
    @Test func failedPostDoesNotCount() {
        var relay = Driver(routes: [[0]], limit: nil)
        _ = relay.accept((1...100).map { entry($0) }, at: 1_000)
        _ = relay.composed()
        var actions = relay.ended(.down, at: 11_000)
        for _ in 0..<10 where actions.isEmpty { actions = relay.fireTimer() }
        #expect(actions == [compose([1])])
        #expect(relay.post(.delivered) == [settle([1]), compose([2])])
    }

    @Test func slowRoomWithABudgetIsFolded() {
        var relay = Driver(routes: [[0]], limit: PostLimit(posts: 1_000, per: .seconds(1)))
        #expect(relay.accept((1...100).map { entry($0) }, at: 1_000) == [compose([1])])
        _ = relay.composed()
        #expect(relay.ended(.delivered, at: 1_100) == [settle([1]), compose(Array(2...100))])
    }
}
