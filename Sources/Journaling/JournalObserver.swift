package import Alerts
import Logging

/// Observes journal events. Called on the journal queue; implementations must not block.
package protocol JournalObserver: Sendable {
    /// Called after each commit.
    func journalCommitted(_ commit: JournalCommit)
    /// Called when the state changes.
    func journalChanged(to state: JournalState)
    /// Called when the set of severities changes that the open journal refuses, to keep space for more urgent ones.
    func journalRefuses(_ severities: Set<Severity>)
    /// Called with the duplicates since the last call, one entry for each group. At most once a minute in the long run.
    func journalSuppressed(_ duplicates: [HistoryEntry])
}

/// The figures of one transaction, for metrics.
package struct JournalCommit: Sendable, Equatable {
    package var duration: Duration
    /// The number of acknowledged payloads, including duplicates.
    package var requests: Int
    package var notifications = 0
    /// The size of the notifications' bodies in bytes.
    package var bytes = 0
    package var settlements: Int
    var duplicates = 0

    mutating func count(_ outcome: AppendOutcome) {
        if outcome.isDuplicate { duplicates += 1 }
        notifications += outcome.notifications.count
        for notification in outcome.notifications { bytes += notification.value.body.count }
    }
}

/// The figures of the journal as of the last commit or inspection.
package struct JournalSnapshot: Sendable, Equatable {
    package var state: JournalState = .open
    /// A problem that an operator should check although the journal works; nil if there is none.
    package var degraded: String?
    /// The names of the receivers that have queues.
    package var receivers: [ReceiverID: String] = [:]
    package var pending: [Destination: Int] = [:]
    package var deadLetters: [Destination: Int] = [:]
    /// When the oldest pending notification was accepted. Updated once a second.
    package var oldestPending: [Destination: Timestamp] = [:]
    package var usage = JournalUsage(usedBytes: 0, limitBytes: 0, appendLimitBytes: 0)
    /// The severities that the open journal refuses, to keep space for more urgent ones.
    package var reserved: Set<Severity> = []
    package var history = HistoryUsage()
    /// The number of duplicates since the start.
    var duplicates = 0
    /// The number of acknowledged notifications that were missing at the start.
    package var missing = 0
    /// The number of damaged notifications found since the start.
    package var damaged = 0

    /// Whether appends of the severity are accepted.
    package func accepts(_ severity: Severity) -> Bool {
        state.refusal == nil && !reserved.contains(severity)
    }

    /// The number of pending notifications of all destinations.
    package var totalPending: Int { pending.values.reduce(0, +) }
}

/// The clock and the callbacks of the journal queue.
struct JournalCallbacks<Ticket: Sendable>: Sendable {
    var observer: (any JournalObserver)?
    var now: @Sendable () -> Timestamp
    var onFailure: @Sendable (String) -> Void
    var acknowledge: @Sendable ([Journal<Ticket>.Acknowledgement]) -> Void
}
