import Logging

/// Told what the journal does, on the journal's queue: return soon.
protocol JournalObserver: Sendable {
    func journalCommitted(_ commit: JournalCommit)
    func journalChanged(to state: JournalState)
    /// Of an open journal: the severities that it refuses, for the sake of more urgent ones.
    func journalRefuses(_ severities: Set<Severity>)
}

/// One transaction, for metrics.
struct JournalCommit: Sendable, Equatable {
    var duration: Duration
    /// Payloads answered by it, duplicates included.
    var requests: Int
    var notifications: Int
    /// The bytes of their bodies.
    var bytes: Int
    var settlements: Int
    var duplicates: Int
}

/// The journal at a glance, as of the last commit or inspection.
struct JournalSnapshot: Sendable, Equatable {
    var state: JournalState = .open
    /// What a person should look at although the journal works.
    var degraded: String?
    /// The names of the receivers that have queues.
    var receivers: [ReceiverID: String] = [:]
    var pending: [Destination: Int] = [:]
    var deadLetters: [Destination: Int] = [:]
    /// When the oldest pending notification was accepted; up to a second behind the other figures.
    var oldestPending: [Destination: Timestamp] = [:]
    var usage = JournalUsage(usedBytes: 0, limitBytes: 0, appendLimitBytes: 0)
    /// Of an open journal: the severities that it refuses, for the sake of more urgent ones.
    var reserved: Set<Severity> = []
    /// Duplicates suppressed since the start.
    var duplicates = 0
    /// Acknowledged notifications that the start found missing.
    var missing = 0
    /// Damaged notifications found since the start.
    var damaged = 0

    func accepts(_ severity: Severity) -> Bool {
        state.refusal == nil && !reserved.contains(severity)
    }

    /// Over all destinations.
    var totalPending: Int { pending.values.reduce(0, +) }
}

/// Where the journal's queue tells what happened.
struct JournalReporting<Ticket: Sendable>: Sendable {
    var observer: (any JournalObserver)?
    var now: @Sendable () -> Timestamp
    var onFailure: @Sendable (String) -> Void
    var acknowledge: @Sendable ([Journal<Ticket>.Acknowledgement]) -> Void
}

/// Turns what the journal reports into metrics and log lines.
struct JournalWatch: JournalObserver {
    var metrics: Metrics
    var logger: Logger

    func journalCommitted(_ commit: JournalCommit) {
        metrics.journalCommitDuration[].observe(commit.duration)
    }

    func journalRefuses(_ severities: Set<Severity>) {
        guard !severities.isEmpty else { return logger.notice("journal takes webhooks of every severity") }
        logger.error(
            "journal keeps its space for more urgent alerts, webhooks are refused",
            metadata: ["severities": "\(Severity.list(severities))"])
    }

    func journalChanged(to state: JournalState) {
        switch state {
        case .open: logger.notice("journal takes webhooks")
        case .full(let reason): logger.error("journal is full, webhooks are refused", metadata: ["reason": "\(reason)"])
        case .failed(let reason): logger.critical("journal failed", metadata: ["err": "\(reason)"])
        case .closed: logger.debug("journal closed")
        }
    }
}
