import Alerts
import Dispatch
import Journaling
import Libevent
import Logging
import RocketChat
import SQLiteJournal
import Support

/// The end of the program: waits for requests and posts in flight, closes the journal, and exits in bounded time
/// whatever the network and the disk do. What is not settled stays in the journal.
@LoopActor
final class Drain {
    /// How long the end takes beyond the drain timeout at most: posts notice the cut, the journal commits and closes.
    nonisolated static let closingTime = Duration.seconds(1)

    private let timeout: Duration
    private let journal: Intake.AlertJournal
    private let abort: DeliveryAbort
    private let logger: Logger
    private let finish: @Sendable (Int32) -> Void
    private let queue = DispatchQueue(label: "drain")
    private let steps = DispatchGroup()
    private var deadline: LoopEvent?
    private var isClosing = false

    /// - Parameter finish: called with the exit code: 0 once the journal is closed, 1 where storage failed or hangs.
    init(
        timeout: Duration, journal: Intake.AlertJournal, abort: DeliveryAbort, logger: Logger,
        finish: @escaping @Sendable (Int32) -> Void
    ) {
        self.timeout = timeout
        self.journal = journal
        self.abort = abort
        self.logger = logger
        self.finish = finish
    }

    /// To be called once. The server listens no more.
    func begin(_ server: HTTPServer, _ dispatcher: Dispatcher) {
        exitAtTheLatest(after: timeout + Self.closingTime)
        steps.enter()
        server.whenIdle { [steps] in steps.leave() }
        steps.enter()
        dispatcher.stop { [steps] in steps.leave() }
        // After the deadline posts are cut; their outcome is not known, so they are made again at the next start.
        deadline = LoopEvent.timer(after: timeout) { [unowned self] in
            logger.warning("drain timeout, cutting posts in flight")
            abort.abort()
            // Half of the closing time for posts to notice, the other half for the journal.
            deadline = LoopEvent.timer(after: Self.closingTime / 2) { [unowned self] in closeJournal() }
        }
        // @Sendable: it runs off the loop, whose isolation a plain closure would inherit.
        steps.notify(queue: queue) { @Sendable [weak self] in LoopActor.post { self?.closeJournal() } }
    }

    /// On a queue of its own: whatever waits for the disk, the loop included, must not hold it up.
    private func exitAtTheLatest(after limit: Duration) {
        let (logger, journal, finish) = (logger, journal, finish)
        DispatchQueue(label: "exit").asyncAfter(deadline: .now() + limit.dispatch) { @Sendable in
            logger.error(
                "storage does not answer, exiting without closing the journal",
                metadata: ["pending": "\(journal.snapshot.totalPending)"])
            finish(1)
        }
    }

    private func closeJournal() {
        guard !isClosing else { return }
        isClosing = true
        deadline = nil
        let (journal, logger, finish) = (journal, logger, finish)
        queue.async { @Sendable in
            let isClosed = journal.close()
            logger.info("stopped", metadata: ["pending": "\(journal.snapshot.totalPending)"])
            finish(isClosed ? 0 : 1)
        }
    }
}
