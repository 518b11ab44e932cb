package import Alerts
import Logging
import Support

/// Told what the journal does, on the journal's queue: return soon.
package protocol JournalObserver: Sendable {
    func journalCommitted(_ commit: JournalCommit)
    func journalChanged(to state: JournalState)
    /// Of an open journal: the severities that it refuses, for the sake of more urgent ones.
    func journalRefuses(_ severities: Set<Severity>)
}

/// One transaction, for metrics.
package struct JournalCommit: Sendable, Equatable {
    package var duration: Duration
    /// Payloads answered by it, duplicates included.
    package var requests: Int
    package var notifications: Int
    /// The bytes of their bodies.
    package var bytes: Int
    package var settlements: Int
    var duplicates: Int
}

/// The journal at a glance, as of the last commit or inspection.
package struct JournalSnapshot: Sendable, Equatable {
    package var state: JournalState = .open
    /// What a person should look at although the journal works.
    package var degraded: String?
    /// The names of the receivers that have queues.
    package var receivers: [ReceiverID: String] = [:]
    package var pending: [Destination: Int] = [:]
    package var deadLetters: [Destination: Int] = [:]
    /// When the oldest pending notification was accepted; up to a second behind the other figures.
    package var oldestPending: [Destination: Timestamp] = [:]
    package var usage = JournalUsage(usedBytes: 0, limitBytes: 0, appendLimitBytes: 0)
    /// Of an open journal: the severities that it refuses, for the sake of more urgent ones.
    package var reserved: Set<Severity> = []
    /// Duplicates suppressed since the start.
    var duplicates = 0
    /// Acknowledged notifications that the start found missing.
    package var missing = 0
    /// Damaged notifications found since the start.
    package var damaged = 0

    package func accepts(_ severity: Severity) -> Bool {
        state.refusal == nil && !reserved.contains(severity)
    }

    /// Over all destinations.
    package var totalPending: Int { pending.values.reduce(0, +) }
}

/// Where the journal's queue tells what happened.
struct JournalReporting<Ticket: Sendable>: Sendable {
    var observer: (any JournalObserver)?
    var now: @Sendable () -> Timestamp
    var onFailure: @Sendable (String) -> Void
    var acknowledge: @Sendable ([Journal<Ticket>.Acknowledgement]) -> Void
}
