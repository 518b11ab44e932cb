import DeliveryCore
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import RocketChat
@testable import Support

@Suite(.timeLimit(.minutes(1))) struct OutboundQueuePostTests {
    private let record = HookRow(key: [1], value: [2])

    // MARK: The permit

    @Test func recordIsCommittedBeforeTheRequestLeaves() async throws {
        let bench = try QueueBench()
        _ = try await bench.compose(bench.journal.append("A"))
        let requests = Locked<[Int]>([])
        let room = bench.room
        bench.journal.script.withLock {
            $0.duringCommit = { requests.withLock { $0.append(room.requests.count) } }
        }
        #expect(try await bench.post(record: record).result == .delivered(messageID: nil))
        #expect(requests.withLock { $0 } == [0] && bench.room.requests.count == 1)
        #expect(bench.journal.commits == [[record]])
    }

    @Test func settlementsAreCommittedWithoutARecordToo() async throws {
        let bench = try QueueBench()
        _ = try await bench.compose(bench.journal.append("A"))
        _ = try await bench.post()
        #expect(bench.journal.commits == [[]])
    }

    @Test(arguments: [JournalRefusal.failed("fsync"), .closed, .overloaded, .reserved(.info), .unavailable(.busy)])
    func nothingLeavesWithoutAPermit(refusal: JournalRefusal) async throws {
        let bench = try QueueBench()
        _ = try await bench.compose(bench.journal.append("A"))
        bench.journal.script.withLock { $0.commitResult = .failure(refusal) }
        let report = try await bench.post(record: record)
        #expect(report.result == .notSent && report.outcome == nil && report.pause == nil)
        #expect(bench.room.requests.isEmpty)
        bench.journal.script.withLock { $0.commitResult = .success(()) }
        #expect(try await bench.post().result == .delivered(messageID: nil), "the message is kept")
    }

    @Test(arguments: [FullReason.journalLimit, .diskFull])
    func fullDiskDoesNotPreventPosts(reason: FullReason) async throws {
        let bench = try QueueBench()
        _ = try await bench.compose(bench.journal.append("A"))
        bench.journal.script.withLock { $0.commitResult = .failure(.full(reason)) }
        #expect(try await bench.post(record: record).result == .delivered(messageID: nil))
    }

    // MARK: Parts

    @Test func severalPartsStayUntilTheNextBatch() async throws {
        var bench = try QueueBench()
        bench.settings.usesThreads = true
        let resolve = try bench.journal.append("A", status: .resolved)
        #expect(try await bench.compose(resolve, thread: "thread1").parts == 2)
        for part in [0, 1, 1, 0] { #expect(try await bench.post(part).result == .delivered(messageID: nil)) }
        #expect(bench.room.posts.map(\.tmid) == [nil, "thread1", "thread1", nil])
        for part in [2, -1, .max, .min] { #expect(try await bench.post(part).result == .notSent) }
        #expect(bench.room.requests.count == 4 && bench.journal.commits.count == 4)
    }

    @Test func onePartIsPostedOnce() async throws {
        let bench = try QueueBench()
        let only = try bench.journal.append("A")
        #expect(try await bench.post().result == .notSent, "nothing is composed")
        _ = try await bench.compose(only)
        bench.room.next(RoomServer.http(500))
        #expect(try await bench.post().result == .failed(maybeDelivered: false, reachedServer: true))
        #expect(try await bench.post().result == .notSent, "the machine composes it again")
        #expect(bench.room.requests.count == 1)
    }

    @Test func emptyBatchReplacesThePreviousOne() async throws {
        let bench = try QueueBench()
        _ = try await bench.compose(bench.journal.append("A"))
        _ = try await bench.compose(bench.journal.appendUnreadable())
        #expect(try await bench.post().result == .notSent)
        #expect(bench.room.requests.isEmpty)
    }

    @Test func abortCutsPosts() async throws {
        let bench = try QueueBench()
        _ = try await bench.compose(bench.journal.append("A"))
        bench.abort.abort()
        #expect(try await bench.post().result == .failed(maybeDelivered: false, reachedServer: false))
        #expect(bench.room.requests.isEmpty)
    }

    // MARK: Connections

    @Test func connectionLastsAsLongAsItsSettings() async throws {
        let bench = try QueueBench()
        let notification = try bench.journal.append("A")
        let other = QueueBench.route(to: bench.room) { $0.postTimeout = .seconds(21) }
        for route in [nil, nil, other, other, nil] {
            _ = try await bench.compose(notification)
            #expect(try await bench.post(0, to: QueueBench.hook, route).result == .delivered(messageID: nil))
        }
        #expect(bench.room.requests.map(\.connection) == [1, 1, 2, 2, 3])
    }

    @Test func eachHookHasItsConnection() async throws {
        let (bench, second) = (try QueueBench(), try RoomServer())
        let notification = try bench.journal.append("A")
        for hook in [QueueBench.hook, HookID(1), QueueBench.hook, HookID(1)] {
            _ = try await bench.compose(notification)
            let route = hook == HookID(1) ? QueueBench.route(to: second) : nil
            #expect(try await bench.post(0, to: hook, route).result == .delivered(messageID: nil))
        }
        #expect(bench.room.requests.map(\.connection) == [1, 1] && second.requests.map(\.connection) == [1, 1])
    }
}

@Suite(.timeLimit(.minutes(1))) struct FollowUpQueueTests {
    private let journal = FakeJournal()
    private let abort = DeliveryAbort()
    private let room: RoomServer
    private let queue: FollowUpQueue

    init() throws {
        room = try RoomServer()
        queue = FollowUpQueue(
            hook: HookID(0),
            services: .init(journal: journal, crashGuard: CrashGuard(HandlingFile(folder: nil)), abort: abort))
    }

    private func post(_ text: String, _ change: (inout PostingSettings) -> Void = { _ in }) async -> PostReport {
        let route = QueueBench.route(to: room, change)
        return await withCheckedContinuation { continuation in
            queue.post(Message(text: text).json(), to: route, HookRow(key: [3], value: [4])) {
                continuation.resume(returning: $0)
            }
        }
    }

    @Test func messageIsPostedWithItsRecord() async throws {
        room.next(RoomServer.http(200, #"{"success":true}"#, headers: RoomServer.spent(for: .seconds(30))))
        let report = await post("late")
        #expect(report.result == .delivered(messageID: nil))
        #expect(try #require(report.pause) > .seconds(25))
        #expect(room.posts.map(\.text) == ["late"])
        #expect(journal.commits == [[HookRow(key: [3], value: [4])]])
    }

    @Test func nothingLeavesWithoutAPermit() async {
        journal.script.withLock { $0.commitResult = .failure(.closed) }
        #expect(await post("late").result == .notSent)
        #expect(room.requests.isEmpty)
    }

    @Test func abortCutsPosts() async {
        abort.abort()
        #expect(await post("late").result == .failed(maybeDelivered: false, reachedServer: false))
    }

    @Test func connectionLastsAsLongAsItsSettings() async {
        for timeout in [20, 20, 21, 21] { _ = await post("late") { $0.postTimeout = .seconds(timeout) } }
        #expect(room.requests.map(\.connection) == [1, 1, 2, 2])
    }
}
