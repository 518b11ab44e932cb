import Dispatch
import Libevent
import Logging

/// The backlog of one destination on its way to one hook: accepted notifications go in on the loop, messages come out on a
/// Dispatch queue of its own, one post at a time, in the order of acceptance.
///
/// A slow or broken hook stops this queue only; its backlog waits in the journal, of which it holds a small window.
final class OutboundQueue: Sendable {
    /// What a queue works with; nothing in it is shared with another queue but what is safe to share.
    struct Services: Sendable {
        /// The receiver's name; nil for a severity's own queue.
        var receiver: String?
        /// The destination's own hook.
        var own: OutboundRoute
        /// Where messages go while the own hook cannot take them; nil where there is no other.
        var fallback: OutboundRoute?
        var journal: any OutboundJournal
        var policy = RetryPolicy()
        /// How long the own hook may fail before the fallback takes over.
        var patience: Duration
        /// A firing that is older, and resolved since, is not told any more.
        var maxAge: Duration
        /// Put a resolve into the thread of its firing too, where the server tells messages' ids.
        var usesThreads = false
        var metrics: Metrics
        var logger: Logger
    }

    let destination: Destination
    private let window: Locked<QueueWindow>
    private let worker: OutboundWorker
    private let gate: Locked<HookGate>

    init(destination: Destination, limits: QueueWindow.Limits = .init(), services: Services) {
        self.destination = destination
        window = Locked(QueueWindow(limits: limits))
        gate = Locked(services.own.gate)
        worker = OutboundWorker(destination: destination, window: window, services: services)
    }

    /// Works with other hooks or settings from the next message on.
    func reconfigure(_ services: Services) {
        gate.withLock { $0 = services.own.gate }
        worker.reconfigure(services)
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

    /// Whether the destination's own hook is taken for working.
    var breakerState: CircuitBreaker.State { gate.withLock { $0 }.breakerState }

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
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int,
        then done: @escaping @Sendable (PendingWindow?) -> Void)

    /// As `load`, but waits for the journal's queue: never to be called on the loop or on that queue.
    func loadNow(_ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int) -> PendingWindow?

    /// Writes the final outcome of a notification with a coming commit, and tries until it is written.
    func settle(_ id: JournalID, as settlement: Settlement)
}

extension Journal: OutboundJournal {
    func load(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int,
        then done: @escaping @Sendable (PendingWindow?) -> Void
    ) {
        load(destination, after: after, limit: limit, byteLimit: byteLimit) { result in done(try? result.get()) }
    }

    func loadNow(_ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int) -> PendingWindow? {
        withWriter { try? $0.load(destination, after: after, limit: limit, byteLimit: byteLimit).get() }
    }
}
