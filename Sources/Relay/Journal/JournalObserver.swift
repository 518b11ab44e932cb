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
