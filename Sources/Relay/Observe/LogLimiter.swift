import Alerts
import Journaling
import Libevent
import Logging
import RocketChat

/// Decides which of many like log lines are written: at most so many of a sender in a window of time, and so many in all;
/// of the others it keeps the count, which is due when the window ends.
///
/// It holds at most `capacity` senders; what comes from further ones is counted in one.
struct LogLimiter<Sender: Hashable & Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// What was left out in a window that has ended.
    struct Summary: Sendable, Equatable {
        /// Those of whom most was left out, the most first.
        var senders: [(sender: Sender, count: Int)] = []
        /// Left out of all others.
        var others = 0

        var isEmpty: Bool { senders.isEmpty && others == 0 }

        static func == (one: Summary, other: Summary) -> Bool {
            one.others == other.others && one.senders.map(\.sender) == other.senders.map(\.sender)
                && one.senders.map(\.count) == other.senders.map(\.count)
        }
    }

    private struct Lines {
        var written = 0
        var leftOut = 0
    }

    let window: Duration
    private let limit: Int
    private let total: Int
    private let capacity: Int
    private let named: Int

    private var end: Instant?
    private var written = 0
    private var lines: [Sender: Lines] = [:]
    private var others = 0

    /// - Parameters:
    ///   - limit: lines of a sender in a window.
    ///   - total: lines of all senders in a window.
    ///   - capacity: how many senders are told from each other.
    ///   - named: how many of them a summary names.
    init(
        limit: Int = 10, total: Int = 200, per window: Duration = .seconds(60), capacity: Int = 1024, named: Int = 10
    ) {
        precondition(limit > 0 && total >= limit && window > .zero, "a limit that writes nothing")
        self.limit = limit
        self.total = total
        self.window = window
        self.capacity = capacity
        self.named = named
    }

    /// How many senders are remembered.
    var count: Int { lines.count }

    /// Whether a line may be written now, and what the window that has ended before it left out.
    mutating func admit(_ sender: Sender, at now: Instant) -> (isWritten: Bool, summary: Summary) {
        let summary = summary(at: now)
        if end == nil { end = now + window }
        guard lines[sender] != nil || lines.count < capacity else {
            others = others.saturated(adding: 1)
            return (false, summary)
        }
        let isWritten = written < total && lines[sender, default: Lines()].written < limit
        if isWritten {
            written += 1
            lines[sender, default: Lines()].written += 1
        } else {
            let leftOut = lines[sender, default: Lines()].leftOut
            lines[sender, default: Lines()].leftOut = leftOut.saturated(adding: 1)
        }
        return (isWritten, summary)
    }

    /// When a summary will be due that is not empty; nil while nothing has been left out.
    fileprivate var summaryDue: Instant? {
        guard let end, others > 0 || lines.values.contains(where: { $0.leftOut > 0 }) else { return nil }
        return end
    }

    /// What the window left out, once it has ended; empty before.
    mutating func summary(at now: Instant) -> Summary {
        guard let end, now >= end else { return Summary() }
        let leftOut = lines.filter { $0.value.leftOut > 0 }.sorted { $0.value.leftOut > $1.value.leftOut }
        let summary = Summary(
            senders: leftOut.prefix(named).map { ($0.key, $0.value.leftOut) },
            others: leftOut.dropFirst(named).reduce(others) { $0.saturated(adding: $1.value.leftOut) })
        self.end = nil
        written = 0
        lines = [:]
        others = 0
        return summary
    }
}

extension Int {
    fileprivate func saturated(adding other: Int) -> Int {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }
}

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
