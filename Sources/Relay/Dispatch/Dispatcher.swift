import Libevent

/// Hands accepted notifications to the queue of their destination; holds none itself.
///
/// It runs on the loop's single thread, in the order of the journal's commits, and takes only what the journal has
/// made durable: nothing else can make a `Journaled`.
@LoopActor
final class Dispatcher {
    private var queues: [Destination: OutboundQueue]

    init(queues: [OutboundQueue]) {
        self.queues = Dictionary(uniqueKeysWithValues: queues.map { ($0.destination, $0) })
    }

    /// Takes on a queue that the configuration has added.
    func add(_ queue: OutboundQueue) {
        queues[queue.destination] = queue
    }

    func dispatch(_ notifications: [Journaled<Notification>]) {
        for notification in notifications {
            guard let queue = queues[notification.value.destination] else {
                preconditionFailure("every destination has a queue")
            }
            queue.offer(notification)
        }
    }
}
