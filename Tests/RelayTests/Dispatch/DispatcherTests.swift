import DeliveryCore
import Dispatch
import Libevent
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import Support

@Suite(.timeLimit(.minutes(1))) @LoopActor struct DispatcherTests {
    // MARK: Delivery

    @Test func deliveredNotificationIsSettled() async throws {
        let bench = try DispatcherBench(.warning)
        bench.dispatcher.start([])
        let id = try bench.send("A")
        try await bench.waitForDelivery(of: id)
        #expect(bench.journal.settled == [.init(id: id, settlement: .delivered)])
        let room = try bench.room(.warning)
        #expect(room.posts.count == 1 && room.posts[0].text.contains("A"))
        #expect(bench.metrics.notifications["warning"].current == 1)

        // The hook record committed before the post names the notification.
        let rows = try #require(bench.journal.commits.first)
        #expect(rows.map(\.key) == [HookRecordRow.key(room.hook)])
        let record = HookRecordRow.record(of: HookID(0), rows[0].value, at: MachineClock().reading()) { destination in
            destination == .warning ? QueueID(1) : nil
        }
        #expect(record?.posts.count == 1 && record?.unfinished?.through == EntryID(id))
    }

    @Test func pendingRowsAreDeliveredWithoutDispatch() async throws {
        let bench = try DispatcherBench(.warning, .critical)
        let first = try bench.journal.append("A").id
        let second = try bench.journal.append("B", to: .critical).id
        #expect(bench.journal.rowReads.isEmpty, "nothing begins before the start")
        bench.dispatcher.start([])
        try await bench.waitForDelivery(of: first, second)
        #expect(try bench.room(.warning).posts.count == 1 && bench.room(.critical).posts.count == 1)
    }

    @Test func newestRowOfEachDestinationCounts() async throws {
        let bench = try DispatcherBench(.warning, .critical)
        bench.dispatcher.start([])
        let first = try bench.journal.append("A")
        bench.dispatcher.dispatch([first])
        try await bench.waitForDelivery(of: first.id)
        let others = [try bench.journal.append("B", to: .critical), try bench.journal.append("C")]
        bench.dispatcher.dispatch(others + [first])
        try await bench.waitForDelivery(of: others[0].id, others[1].id)
    }

    @Test func throttledPostIsRepeatedWhenTheTimerFires() async throws {
        let bench = try DispatcherBench(.warning)
        let room = try bench.room(.warning)
        room.next(RoomServer.http(429, headers: ["Retry-After: 1"]))
        bench.dispatcher.start([])
        let start = ContinuousClock.now
        try await bench.waitForDelivery(of: bench.send("A"))
        #expect(ContinuousClock.now - start >= .seconds(1) && room.requests.count == 2)
    }

    @Test func spentBudgetHoldsTheNextPost() async throws {
        let bench = try DispatcherBench(.warning)
        let room = try bench.room(.warning)
        room.next(RoomServer.http(200, #"{"success":true}"#, headers: RoomServer.spent(for: .seconds(1))))
        bench.dispatcher.start([])
        let start = ContinuousClock.now
        try await bench.waitForDelivery(of: bench.send("A"), bench.send("B"))
        #expect(ContinuousClock.now - start >= .milliseconds(900) && room.requests.count == 2)
    }

    @Test func unreadableJournalIsReadAgain() async throws {
        let bench = try DispatcherBench(.warning)
        bench.journal.script.withLock { $0.failingRowReads = 4 }
        bench.dispatcher.start([])
        try await bench.waitForDelivery(of: bench.send("A"))
        #expect(try bench.room(.warning).requests.count == 1)
    }

    @Test func unreadableBodiesAreReadAgain() async throws {
        let bench = try DispatcherBench(.warning)
        bench.journal.script.withLock { $0.bodyReadsLeft = 0 }
        bench.dispatcher.start([])
        let id = try bench.send("A")
        try await bench.wait { bench.journal.bodyReads.count >= 1 }
        bench.journal.script.withLock { $0.bodyReadsLeft = nil }
        try await bench.waitForDelivery(of: id)
    }

    // MARK: Settlements

    @Test func unreadableNotificationBecomesADeadLetter() async throws {
        let bench = try DispatcherBench(.warning)
        let bad = try bench.journal.appendUnreadable()
        bench.dispatcher.start([])
        try await bench.wait { !bench.journal.settled.isEmpty }
        guard case .dead(.unreadable, 0, let answer?) = bench.journal.settled[0].settlement else {
            Issue.record("\(bench.journal.settled)")
            return
        }
        #expect(bench.journal.settled[0].id == bad.id && !answer.isEmpty)
    }

    @Test func crashingNotificationBecomesADeadLetter() async throws {
        let crashing = JournalID(sequence: 1, destination: .warning)
        let crashGuard = try CrashGuard.after([(crashing, 3, 2)])
        let bench = try DispatcherBench(.warning, crashGuard: crashGuard)
        #expect(try bench.journal.append("A").id == crashing)
        bench.dispatcher.start([])
        try await bench.wait { !bench.journal.settled.isEmpty }
        let answer = "the relay crashed 3 times while handling it"
        #expect(
            bench.journal.settled == [
                .init(id: crashing, settlement: .dead(reason: .crash, attempts: 0, answer: answer))
            ])
        #expect(bench.log.lines.contains { $0.hasPrefix("error dead letter: ") && $0.contains(answer) })
        #expect(crashGuard.crashes(of: crashing).all == 0, "settled notifications are no longer suspects")
        #expect(try bench.room(.warning).requests.isEmpty)
    }

    @Test func expiredAndVanishedRowsAreSettled() async throws {
        let bench = try DispatcherBench(.warning) { $0.maxAge = .seconds(5) }
        let old = try bench.journal.append("A", acceptedAt: Timestamp.now().advanced(bySeconds: -60))
        let vanished = try bench.journal.append("B", group: 2)
        let resolve = try bench.journal.append("A", status: .resolved)
        bench.journal.script.withLock { $0.damaged = [vanished.id] }
        bench.dispatcher.start([])
        try await bench.waitForDelivery(of: resolve.id)
        #expect(
            bench.journal.settled == [
                .init(id: old.id, settlement: .expired), .init(id: vanished.id, settlement: .expired),
                .init(id: resolve.id, settlement: .delivered),
            ])
        #expect(bench.metrics.notificationsExpired["warning"].current == 1)
    }

    // MARK: End

    @Test func stopWaitsForThePostInFlight() async throws {
        let bench = try DispatcherBench(.warning, .critical)
        let (room, gate) = (try bench.room(.warning), DispatchSemaphore(value: 0))
        room.next(Self.success(after: gate))
        bench.dispatcher.start([])
        let id = try bench.send("A")
        try await bench.wait { room.requests.count >= 1 }
        var settledAtEnd: [[JournalID]] = []
        bench.dispatcher.stop { settledAtEnd.append(bench.journal.delivered) }
        #expect(settledAtEnd.isEmpty)
        gate.signal()
        try await bench.wait { !settledAtEnd.isEmpty }
        #expect(settledAtEnd == [[id]])

        let reads = bench.journal.rowReads.count
        try bench.send("B")
        try bench.send("C", to: .critical)
        bench.reload()
        #expect(bench.journal.rowReads.count == reads && bench.journal.commits.count == 1)
        #expect(settledAtEnd.count == 1)
    }

    private nonisolated static func success(after gate: DispatchSemaphore) -> String {
        gate.wait()
        return RoomServer.success
    }

    @Test func idleDispatcherStopsAtOnce() throws {
        let bench = try DispatcherBench(.warning)
        bench.dispatcher.start([])
        var stops = 0
        bench.dispatcher.stop { stops += 1 }
        #expect(stops == 1)
    }

    // MARK: State of an earlier process

    @Test func recordsKeepTheBudget() async throws {
        let limit = RateLimit(posts: 2, per: .seconds(60))
        let bench = try DispatcherBench(.warning, .critical) { $0.posting.rateLimit = limit }
        let reading = MachineClock().reading()
        let posts = [reading.steady, reading.steady]
        let row = HookRecordRow.row(
            HookRecord(hook: HookID(0), posts: posts), key: HookRecordRow.key(try bench.room(.warning).hook),
            at: reading)
        let (held, other) = (try bench.journal.append("A").id, try bench.journal.append("B", to: .critical).id)
        bench.dispatcher.start([row])
        try await bench.waitForDelivery(of: other)
        #expect(bench.journal.rowReads.count >= 2 && !bench.journal.delivered.contains(held))
        #expect(try bench.room(.warning).requests.isEmpty)
    }

    @Test func unfinishedPostIsRepeatedAsItWas() async throws {
        let bench = try DispatcherBench(.critical, .warning)
        let (first, second) = (try bench.journal.append("A"), try bench.journal.append("B", group: 2))
        let reading = MachineClock().reading()
        var record = HookRecord(hook: HookID(0), posts: [reading.steady])
        record.unfinished = .init(queue: QueueID(9), through: second.entry, form: .plain, until: reading.steady)
        let row = HookRecordRow.row(record, key: HookRecordRow.key(try bench.room(.warning).hook), at: reading)
        bench.dispatcher.start([HookRow(key: row.key, value: []), row])
        try await bench.waitForDelivery(of: first.id, second.id)
        let posts = try bench.room(.warning).posts
        #expect(posts.count == 1 && posts[0].attachments == nil)
        #expect(posts[0].text.contains("2 notifications folded"))
    }
}
