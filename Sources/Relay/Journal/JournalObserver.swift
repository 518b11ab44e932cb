/// Told what the journal does, on the journal's queue: return soon.
protocol JournalObserver: Sendable {
    func journalCommitted(_ commit: JournalCommit)
    func journalChanged(to state: JournalState)
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
    var pending: [Severity: Int] = [:]
    var deadLetters: [Severity: Int] = [:]
    /// When the oldest pending notification was accepted; up to a second behind the other figures.
    var oldestPending: [Severity: Timestamp] = [:]
    var usage = JournalUsage(usedBytes: 0, limitBytes: 0)
    /// Duplicates suppressed since the start.
    var duplicates = 0
    /// Damaged notifications found since the start.
    var damaged = 0

    /// Over all severities.
    var totalPending: Int { pending.values.reduce(0, +) }
}
