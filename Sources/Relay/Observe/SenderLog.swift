import Libevent
import Logging

/// The log of what senders are refused: whoever asks thousands of times a second gets some lines a minute, and then
/// one with the count of the rest.
///
///     log.warning("webhook refused", from: admission.client(of: exchange), ["reason": "unauthorized"])
///
/// Lines are limited by `ClientAddress.source`, and name the address itself.
@LoopActor
final class SenderLog {
    typealias Source = ClientAddress.Source

    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private var limiter: LogLimiter<Source>
    /// Tells the count although nobody comes again.
    private var timer: LoopEvent?

    init(
        _ logger: Logger, limiter: LogLimiter<Source> = LogLimiter(),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.logger = logger
        self.limiter = limiter
        self.now = now
    }

    /// - Parameters:
    ///   - client: is logged as `from`.
    ///   - metadata: the other keys; made only for a line that is written.
    func warning(
        _ message: Logger.Message, from client: ClientAddress, _ metadata: @autoclosure () -> Logger.Metadata = [:]
    ) {
        let (isWritten, summary) = limiter.admit(client.source, at: now())
        tell(summary)
        if isWritten {
            logger.warning(message, metadata: metadata().merging(["from": "\(client)"]) { $1 })
        } else if timer == nil {
            awaitSummary()
        }
    }

    private func awaitSummary() {
        guard let due = limiter.summaryDue else { return }
        timer = LoopEvent.timer(after: max(.milliseconds(1), due - now())) { [unowned self] in
            timer = nil
            tell(limiter.summary(at: now()))
            // The loop counts from when its turn began, by a clock of its own, so it can be early.
            awaitSummary()
        }
    }

    private func tell(_ summary: LogLimiter<Source>.Summary) {
        for (source, count) in summary.senders {
            logger.warning("more of the same left out", metadata: ["from": "\(source)", "count": "\(count)"])
        }
        if summary.others > 0 {
            logger.warning("more of the same left out", metadata: ["from": "others", "count": "\(summary.others)"])
        }
    }
}
