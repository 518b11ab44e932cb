import DeliveryCore
import Dispatch

/// Posts to one room what it is to hear late.
actor FollowUpQueue {
    private nonisolated let executor: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private nonisolated let services: OutboundQueue.Services
    private var postman: Postman?

    init(hook: HookID, services: OutboundQueue.Services) {
        self.services = services
        executor = QueueExecutor(label: "outbound.followups.\(hook.index)")
    }

    nonisolated func post(
        _ message: Message, to route: QueueSettings.Route, _ record: HookRow?,
        then done: @escaping @Sendable (PostReport) -> Void
    ) {
        executor.queue.async {
            done(self.assumeIsolated { $0.postNow(message, to: route, record) })
        }
    }

    private func postNow(_ message: Message, to route: QueueSettings.Route, _ record: HookRow?) -> PostReport {
        guard services.journal.permits(record) else { return .notSent }
        let postman = Postman.keeping(postman, for: route, abort: services.abort)
        self.postman = postman
        return postman.report(postman.deliver(message.json()))
    }
}
