import Libevent

/// Hands accepted notifications to the queue of their severity; holds none itself.
///
/// It runs on the loop's single thread, in the order of the journal's commits, and takes only what the journal has
/// made durable: nothing else can make a `Journaled`.
@LoopActor
final class Dispatcher {
    private let queues: [Severity: OutboundQueue]

    init(queues: [OutboundQueue]) {
        self.queues = Dictionary(uniqueKeysWithValues: queues.map { ($0.severity, $0) })
    }

    func dispatch(_ notifications: [Journaled<Notification>]) {
        for notification in notifications {
            guard let queue = queues[notification.value.severity] else {
                preconditionFailure("every severity has a queue")
            }
            queue.offer(notification)
        }
    }
}
