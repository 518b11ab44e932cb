import Dispatch
import Journaling
import Libevent
import Logging
import Posting
import Support

/// Stops the program: waits for requests and posts in flight, closes the journal, and exits. The time is bounded even
/// if the network or the disk hangs. Unsettled notifications stay in the journal.
@LoopActor
final class Drain {
    /// The maximum time after the drain timeout: posts are aborted, the journal commits and closes.
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

    /// - Parameter finish: called with the exit code: 0 if the journal is closed, 1 if storage failed or hangs.
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

    /// Must be called once, after the server has stopped listening.
    func begin(_ server: HTTPServer, _ dispatcher: Dispatcher) {
        scheduleForcedExit(after: timeout + Self.closingTime)
        steps.enter()
        server.whenIdle { [steps] in steps.leave() }
        steps.enter()
        dispatcher.stop { [steps] in steps.leave() }
        // After the deadline posts are aborted. Their result is unknown, so the next start repeats them.
        deadline = LoopEvent.timer(after: timeout) { [unowned self] in
            logger.warning("drain timeout, aborting posts in flight")
            abort.abort()
            // Half of the closing time is for posts to end, the other half for the journal.
            deadline = LoopEvent.timer(after: Self.closingTime / 2) { [unowned self] in closeJournal() }
        }
        // @Sendable, because it runs off the loop: a plain closure would inherit the isolation.
        steps.notify(queue: queue) { @Sendable [weak self] in LoopActor.post { self?.closeJournal() } }
    }

    /// On its own queue, so that code that waits for the disk, or a blocked loop, cannot delay it.
    private func scheduleForcedExit(after limit: Duration) {
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
