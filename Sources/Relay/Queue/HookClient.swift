import Alerts
import DeliveryCore
import Dispatch
import Journaling
import Posting

/// Posts to one hook for one queue and classifies the responses.
///
/// Not Sendable: used only on the queue that owns it, one post at a time.
final class HookClient {
    private let settings: DelivererSettings
    private let target: any Target
    private let deliverer: any Deliverer

    init(_ route: QueueSettings.Route, abort: DeliveryAbort) {
        target = route.target
        settings = route.posting
        deliverer = CurlDeliverer(hook: route.hook, settings: route.posting, abort: abort)
    }

    /// Returns the earlier client with its connection, or a new one if the settings have changed.
    static func keeping(_ earlier: HookClient?, for route: QueueSettings.Route, abort: DeliveryAbort) -> HookClient {
        if let earlier, earlier.settings == route.posting { return earlier }
        return HookClient(route, abort: abort)
    }

    /// Blocks until the post has ended.
    func deliver(_ body: [UInt8]) -> DeliveryResult { deliverer.deliver(body) }

    func report(_ result: DeliveryResult) -> PostReport { target.classify(result, now: .now()) }
}

extension OutboundJournal {
    /// Commits the hook record before a post. If the process is then killed, only this post can be repeated. On a full
    /// disk the post is allowed, because not alerting would be worse.
    ///
    /// - Returns: false if the journal has stopped; then nothing may be posted.
    func permits(_ record: HookRow?) -> Bool {
        switch commitNow(record.map { [$0] } ?? []) {
        case .success, .failure(.full): true
        case .failure: false
        }
    }
}

/// Posts follow-ups to one hook.
actor FollowUpQueue {
    private nonisolated let executor: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private nonisolated let services: OutboundQueue.Services
    private var postman: HookClient?

    init(hook: HookID, services: OutboundQueue.Services) {
        self.services = services
        executor = QueueExecutor(label: "outbound.followups.\(hook.index)")
    }

    nonisolated func post(
        _ body: [UInt8], to route: QueueSettings.Route, _ record: HookRow?,
        then done: @escaping @Sendable (PostReport) -> Void
    ) {
        executor.queue.async {
            done(self.assumeIsolated { $0.postNow(body, to: route, record) })
        }
    }

    private func postNow(_ body: [UInt8], to route: QueueSettings.Route, _ record: HookRow?) -> PostReport {
        guard services.journal.permits(record) else { return .notSent }
        let postman = HookClient.keeping(postman, for: route, abort: services.abort)
        self.postman = postman
        return postman.report(postman.deliver(body))
    }
}

/// The journal operations that queues use.
protocol OutboundJournal: Sendable {
    /// Reads pending rows after `after`, oldest first, without bodies. Calls back on the journal queue, with nil if the
    /// journal has failed.
    func rows(
        _ destination: Destination, after: JournalID?, limit: Int,
        then done: @escaping @Sendable (PendingRows?) -> Void)

    /// Reads pending notifications after `after`, oldest first. Returns nil if the journal has failed. Blocks on the
    /// journal queue: must not be called on the loop or on that queue.
    func loadNow(_ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int) -> PendingWindow?

    /// Commits all earlier settlements and these records. Blocks like `loadNow`.
    func commitNow(_ hooks: [HookRow]) -> Result<Void, JournalRefusal>

    /// Records the common final outcome of notifications with a later commit, and their history. Retries until it is
    /// written.
    func settle(_ ids: [JournalID], as settlement: JournalSettlement, history: HistoryRecord?)
}

extension Journal: OutboundJournal {
    func rows(
        _ destination: Destination, after: JournalID?, limit: Int,
        then done: @escaping @Sendable (PendingRows?) -> Void
    ) {
        rows(destination, after: after, limit: limit) { result in done(try? result.get()) }
    }

    func loadNow(_ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int) -> PendingWindow? {
        try? load(destination, after: after, limit: limit, byteLimit: byteLimit).get()
    }
}
