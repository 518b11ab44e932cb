import Libevent
import Logging
import Support

/// Limits similar log lines per time window: per sender, and in total. Suppressed lines are counted, and the counts are
/// reported when the window ends.
///
/// Remembers at most `capacity` senders. Lines of all further senders are counted together.
struct LogLimiter<Sender: Hashable & Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The suppressed lines of an ended window.
    struct Summary: Sendable, Equatable {
        /// The senders with the most suppressed lines, in descending order.
        var senders: [(sender: Sender, count: Int)] = []
        /// Suppressed lines of all other senders.
        var others = 0

        var isEmpty: Bool { senders.isEmpty && others == 0 }

        static func == (one: Summary, other: Summary) -> Bool {
            one.others == other.others && one.senders.map(\.sender) == other.senders.map(\.sender)
                && one.senders.map(\.count) == other.senders.map(\.count)
        }
    }

    private struct Lines {
        var written = 0
        var suppressed = 0
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
    ///   - limit: lines per sender and window.
    ///   - total: lines per window.
    ///   - capacity: the maximum number of senders that are counted separately.
    ///   - named: the maximum number of senders that a summary names.
    init(
        limit: Int = 10, total: Int = 200, per window: Duration = .seconds(60), capacity: Int = 1024, named: Int = 10
    ) {
        expect(limit > 0 && total >= limit && window > .zero, "the limits must be positive, and total at least limit")
        self.limit = limit
        self.total = total
        self.window = window
        self.capacity = capacity
        self.named = named
    }

    /// The number of remembered senders.
    var count: Int { lines.count }

    /// Whether a line may be written now, and the summary of the window that ended before.
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
            let suppressed = lines[sender, default: Lines()].suppressed
            lines[sender, default: Lines()].suppressed = suppressed.saturated(adding: 1)
        }
        return (isWritten, summary)
    }

    /// When the next non-empty summary is due; nil if nothing was suppressed.
    fileprivate var summaryDue: Instant? {
        guard let end, others > 0 || lines.values.contains(where: { $0.suppressed > 0 }) else { return nil }
        return end
    }

    /// The summary of the window if it has ended; otherwise empty.
    mutating func summary(at now: Instant) -> Summary {
        guard let end, now >= end else { return Summary() }
        let suppressed = lines.filter { $0.value.suppressed > 0 }.sorted { $0.value.suppressed > $1.value.suppressed }
        let summary = Summary(
            senders: suppressed.prefix(named).map { ($0.key, $0.value.suppressed) },
            others: suppressed.dropFirst(named).reduce(others) { $0.saturated(adding: $1.value.suppressed) })
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

/// Logs refused requests. A client that sends thousands of requests a second gets a few lines a minute, then one line
/// with the count of the rest.
///
///     log.warning("webhook refused", from: authorizer.client(of: exchange), ["reason": "unauthorized"])
///
/// Lines are limited per `ClientAddress.source` and contain the full address.
@LoopActor
final class SenderLog {
    typealias Source = ClientAddress.Source

    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private var limiter: LogLimiter<Source>
    /// Logs the summary even if the sender sends nothing more.
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
    ///   - client: logged as `from`.
    ///   - metadata: the other keys; evaluated only if the line is written.
    func warning(
        _ message: Logger.Message, from client: ClientAddress, _ metadata: @autoclosure () -> Logger.Metadata = [:]
    ) {
        let (isWritten, summary) = limiter.admit(client.source, at: now())
        logSummary(summary)
        if isWritten {
            logger.warning(message, metadata: metadata().merging(["from": "\(client)"]) { $1 })
        } else if timer == nil {
            scheduleSummary()
        }
    }

    private func scheduleSummary() {
        guard let due = limiter.summaryDue else { return }
        timer = LoopEvent.timer(after: max(.milliseconds(1), due - now())) { [unowned self] in
            timer = nil
            logSummary(limiter.summary(at: now()))
            // The loop clock may be behind, so the timer can fire early.
            scheduleSummary()
        }
    }

    private func logSummary(_ summary: LogLimiter<Source>.Summary) {
        for (source, count) in summary.senders {
            logger.warning("log lines suppressed", metadata: ["from": "\(source)", "count": "\(count)"])
        }
        if summary.others > 0 {
            logger.warning("log lines suppressed", metadata: ["from": "others", "count": "\(summary.others)"])
        }
    }
}
