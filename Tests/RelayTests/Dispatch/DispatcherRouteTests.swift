import DeliveryCore
import Libevent
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import Support

@Suite(.timeLimit(.minutes(1))) @LoopActor struct DispatcherRouteTests {
    private static let title = "✅ Resolved since; the resolve was posted to another room:"

    // MARK: Reload

    @Test func reloadMovesTheNextMessage() async throws {
        let bench = try DispatcherBench(.warning)
        bench.dispatcher.start([])
        try await bench.waitForDelivery(of: bench.send("A"))
        let moved = try RoomServer()
        bench.configuration.hooks[.warning] = moved.hook
        bench.reload()
        try await bench.waitForDelivery(of: bench.send("B"))
        #expect(try bench.room(.warning).posts.count == 1)
        #expect(moved.posts.count == 1 && moved.posts[0].text.contains("B"))
    }

    @Test func reloadClosesTheConnectionToTheOldHook() async throws {
        let bench = try DispatcherBench(.warning, .critical)
        let (old, other) = (try bench.room(.warning), try bench.room(.critical))
        bench.dispatcher.start([])
        try await bench.waitForDelivery(of: bench.send("A"), bench.send("B", to: .critical))
        #expect(old.openConnections == 1 && other.openConnections == 1)
        let moved = try RoomServer()
        bench.configuration.hooks[.warning] = moved.hook
        bench.reload()
        try await bench.wait { old.openConnections == 0 }
        try await bench.waitForDelivery(of: bench.send("C"), bench.send("D", to: .critical))
        #expect(moved.posts.count == 1 && other.requests.map(\.connection) == [1, 1], "others keep theirs")
    }

    @Test func reloadAddsQueues() async throws {
        let bench = try DispatcherBench(.warning)
        bench.dispatcher.start([])
        let room = try RoomServer()
        var receiver = ReceiverConfiguration(name: "database", matchers: [], posting: bench.configuration.posting)
        receiver.hook = room.hook
        bench.configuration.receivers = [receiver]
        let id = ReceiverID(rawValue: 1)
        bench.reload(receivers: [id: "database"])
        let sent = try bench.send("A", to: Destination(receiver: id, severity: .info))
        try await bench.waitForDelivery(of: sent)
        #expect(room.posts.count == 1 && bench.metrics.messagesSent["info", "database"].current == 1)
    }

    /// The resolve itself was delivered, so its refused copy is not retried in another form.
    @Test func refusedThreadCopyIsLeftOut() async throws {
        let bench = try DispatcherBench(.warning) { $0.usesThreads = true }
        let room = try bench.room(.warning)
        bench.dispatcher.start([])
        room.next(RoomServer.success(id: "thread1"))
        try await bench.waitForDelivery(of: bench.send("A"))
        room.next(RoomServer.success)
        room.next(RoomServer.refusal("error-invalid-thread"))
        let start = room.posts.count
        try await bench.waitForDelivery(of: bench.send("A", status: .resolved))
        #expect(room.posts.dropFirst(start).map(\.tmid) == [nil, "thread1"])
    }

    // MARK: Conditions

    @Test func conditionIsThatOfTheOwnHook() async throws {
        let bench = try DispatcherBench(.warning, .fallback)
        bench.dispatcher.start([])
        #expect(bench.dispatcher.conditions.map(\.destination) == Destination.severityRooms)
        #expect(bench.dispatcher.conditions.allSatisfy { $0.condition == .working })
        try bench.room(.warning).always(RoomServer.http(404))
        try await bench.waitForDelivery(of: bench.send("A"))
        #expect(bench.dispatcher.conditions.map(\.condition) == [.working, .suspended, .working, .working])
    }

    @Test func destinationWithoutHookIsLeftAlone() throws {
        let bench = try DispatcherBench()
        bench.dispatcher.start([])
        #expect(bench.dispatcher.conditions.allSatisfy { $0.condition == .suspended })
    }

    // MARK: Broken hooks

    /// Delivers a firing group to the room of warnings, and its resolve to the fallback room.
    private func benchWithFollowUp() async throws -> DispatcherBench {
        let bench = try DispatcherBench(.warning, .fallback)
        bench.dispatcher.start([])
        try await bench.waitForDelivery(of: bench.send("DiskFull"))
        try bench.room(.warning).always(RoomServer.http(404))
        try await bench.waitForDelivery(of: bench.send("DiskFull", status: .resolved))
        return bench
    }

    private func waitForFollowUps(_ bench: DispatcherBench, count: Int = 1) async throws {
        try await bench.wait {
            bench.log.texts.count { $0.hasPrefix("resolve follow-up delivered") } == count
        }
    }

    @Test func brokenHookFailsOverAndItsRoomGetsAFollowUp() async throws {
        let bench = try await benchWithFollowUp()
        let (room, fallback) = (try bench.room(.warning), try bench.room(.fallback))
        #expect(fallback.posts.count == 1)
        #expect(fallback.posts[0].text.contains("(rerouted from warning, whose hook does not work) resolved"))
        #expect(bench.metrics.messagesRerouted["warning"].current == 1)

        room.always(RoomServer.success)
        bench.reload()
        try await bench.wait { room.posts.count >= 3 }
        #expect(room.posts[2].text == Self.title + "\n- DiskFull")
        try await waitForFollowUps(bench)
        #expect(bench.journal.commits.last?.map(\.key) == [HookRecordRow.key(room.hook)])

        try await bench.waitForDelivery(of: bench.send("A", group: 2))
        #expect(room.posts.count == 4 && fallback.posts.count == 1, "the hook works again")
        #expect(Set(room.requests.map(\.connection)).count == 2, "one of the queue, one of the follow-ups")
    }

    @Test func followUpsOfARoomShareAConnection() async throws {
        let bench = try await benchWithFollowUp()
        let room = try bench.room(.warning)
        for count in 1...2 {
            room.always(RoomServer.success)
            bench.reload()
            try await waitForFollowUps(bench, count: count)
            try await bench.waitForDelivery(of: bench.send("HostDown", group: 2))
            room.always(RoomServer.http(404))
            try await bench.waitForDelivery(of: bench.send("HostDown", status: .resolved, group: 2))
        }
        let notes = room.requests.filter { String(decoding: $0.body, as: UTF8.self).contains("Resolved since") }
        #expect(notes.count == 2 && Set(notes.map(\.connection)).count == 1)
    }

    @Test func spentBudgetOfAFollowUpHoldsTheHook() async throws {
        let bench = try await benchWithFollowUp()
        let room = try bench.room(.warning)
        room.always(RoomServer.success)
        room.next(RoomServer.http(200, #"{"success":true}"#, headers: RoomServer.spent(for: .seconds(1))))
        let start = ContinuousClock.now
        bench.reload()
        try await waitForFollowUps(bench)
        try await bench.waitForDelivery(of: bench.send("A", group: 2))
        #expect(ContinuousClock.now - start >= .milliseconds(900))
        #expect(room.posts.count == 4)
    }

    @Test func refusedPermitRepeatsTheFollowUp() async throws {
        let bench = try await benchWithFollowUp()
        let room = try bench.room(.warning)
        room.always(RoomServer.success)
        bench.journal.script.withLock { $0.commitResult = .failure(.overloaded) }
        let commits = bench.journal.commits.count
        bench.reload()
        try await bench.wait { bench.journal.commits.count > commits }
        bench.journal.script.withLock { $0.commitResult = .success(()) }
        try await bench.wait { room.posts.count >= 3 }
        #expect(room.posts[2].text == Self.title + "\n- DiskFull")
    }

    /// A queue's post must not wait for a follow-up that has no route.
    @Test func followUpWaitsForItsRoute() async throws {
        let bench = try await benchWithFollowUp()
        let room = try bench.room(.warning)
        room.always(RoomServer.success)
        bench.configuration.hooks[.warning] = nil
        bench.reload()
        try await bench.waitForDelivery(of: bench.send("A", group: 2))
        #expect(room.posts.count == 2)
        bench.configuration.hooks[.warning] = room.hook
        bench.reload()
        try await bench.wait { room.posts.count >= 3 }
        #expect(room.posts[2].text == Self.title + "\n- DiskFull")
    }
}
