import DeliveryCore
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay

/// One queue on a fake journal, and the room that it posts to.
struct QueueBench {
    static let hook = HookID(0)

    let journal = FakeJournal()
    let room: RoomServer
    let abort = DeliveryAbort()
    let queue: OutboundQueue
    var settings: QueueSettings

    init(crashGuard: CrashGuard = CrashGuard(HandlingFile(folder: nil))) throws {
        room = try RoomServer()
        queue = OutboundQueue(
            destination: .warning, services: .init(journal: journal, crashGuard: crashGuard, abort: abort))
        settings = QueueSettings(routes: [Self.hook: Self.route(to: room)])
    }

    static func route(to room: RoomServer, _ change: (inout PostingSettings) -> Void = { _ in }) -> QueueSettings.Route
    {
        // A proxy of the machine that runs the tests must not be used.
        var posting = PostingSettings(noProxy: "*")
        change(&posting)
        return QueueSettings.Route(
            hook: room.hook, room: "warning", target: posting.target(for: room.hook),
            posting: posting.delivererSettings)
    }

    func load(after: EntryID = .zero, limit: Int = 10) async -> Page? {
        await withCheckedContinuation { continuation in
            queue.load(after: after, limit: limit) { continuation.resume(returning: $0) }
        }
    }

    func compose(
        _ ids: [EntryID], form: Form = .full, banner: Banner = [], thread: String? = nil, at hook: HookID = Self.hook
    ) async -> Manifest? {
        let composition = Composition(
            queue: QueueID(1), hook: hook, ids: ids, form: form, marks: banner, thread: thread)
        return await withCheckedContinuation { continuation in
            queue.compose(composition, settings) { continuation.resume(returning: $0) }
        }
    }

    func compose(
        _ notifications: Journaled<Alerts.Notification>..., form: Form = .full, banner: Banner = [],
        thread: String? = nil
    ) async throws -> Manifest {
        try #require(await compose(notifications.map(\.entry), form: form, banner: banner, thread: thread))
    }

    func post(
        _ part: Int = 0, to hook: HookID = Self.hook, _ route: QueueSettings.Route? = nil, record: HookRow? = nil
    ) async throws -> PostReport {
        let route = try route ?? #require(settings.routes[Self.hook])
        return await withCheckedContinuation { continuation in
            queue.post(part: part, to: hook, route, record) { continuation.resume(returning: $0) }
        }
    }

    /// Posts every part of the last composition and returns the resulting posts.
    func show(_ manifest: Manifest) async throws -> [RoomServer.Post] {
        let before = room.posts.count
        for part in 0..<manifest.parts {
            let report = try await post(part)
            #expect(report.result == .delivered(messageID: nil), "\(String(describing: report.outcome))")
        }
        return Array(room.posts.dropFirst(before))
    }
}
