import Dispatch
import Libevent
import Logging

/// The backlog of one severity on its way to one hook: accepted notifications go in on the loop, messages come out on a
/// Dispatch queue of its own, one post at a time, in the order of acceptance.
///
/// A slow or broken hook stops this queue only; its backlog waits in the journal, of which it holds a small window.
final class OutboundQueue: Sendable {
    /// What a queue works with; nothing in it is shared with another queue but what is safe to share.
    struct Services: Sendable {
        var hook: HookURL
        var journal: any OutboundJournal
        var renderer: MessageRenderer
        var gate: HookGate
        var policy: RetryPolicy
        var metrics: Metrics
        var logger: Logger
        /// Made on the queue's own thread and used there only.
        var makeDeliverer: @Sendable () -> any Deliverer
    }

    let severity: Severity
    private let window: Locked<QueueWindow>
    private let worker: OutboundWorker

    init(severity: Severity, limits: QueueWindow.Limits = .init(), services: Services) {
        self.severity = severity
        window = Locked(QueueWindow(limits: limits))
        worker = OutboundWorker(severity: severity, window: window, services: services)
    }

    /// Begins with what recovery found.
    func start() {
        worker.wake()
    }

    /// Takes a notification that the journal has just made durable.
    func offer(_ notification: Journaled<Notification>) {
        let mustWake = window.withLock { window in
            let wasEmpty = window.first == nil
            window.offer(notification)
            return wasEmpty
        }
        // A worker that has something in its window looks for more by itself.
        if mustWake { worker.wake() }
    }

    /// Begins no more posts; calls back once the one in flight, if any, has ended and its outcome is with the journal.
    func stop(then done: @escaping @Sendable () -> Void) {
        worker.stop(then: done)
    }
}

/// What a queue asks of the journal.
protocol OutboundJournal: Sendable {
    /// Reads pending notifications behind `after`, oldest first; calls back on the journal's queue, with nil when the
    /// journal has failed.
    func load(
        _ severity: Severity, after: JournalID?, limit: Int, byteLimit: Int,
        then done: @escaping @Sendable (PendingWindow?) -> Void)

    /// Writes the final outcome of a notification with a coming commit, and tries until it is written.
    func settle(_ id: JournalID, as settlement: Settlement)
}

extension Journal: OutboundJournal {
    func load(
        _ severity: Severity, after: JournalID?, limit: Int, byteLimit: Int,
        then done: @escaping @Sendable (PendingWindow?) -> Void
    ) {
        load(severity, after: after, limit: limit, byteLimit: byteLimit) { result in done(try? result.get()) }
    }
}
