package import Alerts

/// The engine of a journal: assigns ids, decides duplicates and stores, all within one commit. Synchronous; all calls are
/// made on the journal's queue.
///
/// `EmbeddedEngine` decides in memory, over a `JournalStore` that only this process uses. A shared engine decides inside
/// the database's transaction, because other replicas append at the same time; it also has a `SharedJournalEngine`.
/// `JournalEngineTests` tests the contract.
///
/// - When `commit` returns, its draft survives SIGKILL and a power failure of the process's machine. A shared engine
///   returns only after the quorum's commit, also for a draft that has nothing but duplicates: the notification that a
///   payload repeats may be of another replica, whose commit is still waiting.
/// - Ids become visible in ascending order within a destination: no reader finds an id and later a lower one.
/// - An error of a read does not concern appends. After `unavailable` from a commit its outcome is unknown.
package protocol JournalEngine: JournalContents {
    /// Opens the storage and recovers what an earlier process left. Called once, before all other calls.
    ///
    /// A shared engine does not wait for the database: it returns, and calls fail with `unavailable` until it is
    /// connected.
    func open(at now: Timestamp) throws(JournalOpenError) -> JournalOpening

    /// Commits the draft, all of it or nothing. Returns a result for each payload, in their order.
    func commit(_ draft: JournalDraft) throws(JournalStoreError) -> [AppendResult]

    /// Makes dead letters pending again in one transaction, under new ids. Forgets their `laterStates` if `isForced`.
    ///
    /// From its death until it is dropped or its replay is settled, a dead letter collects `laterStates`. `commit` and
    /// `exchange` add the alerts of each delivered notification that has the same group and destination and was
    /// accepted after it.
    ///
    /// - Parameter history: The records of the dead letters, which are written for those that are replayed.
    func replay(
        _ ids: [JournalID], isForced: Bool, history: HistoryNote?
    ) throws(JournalStoreError) -> Replay<StoredNotification>

    /// Checks that the storage works and has space. Called each second; after `unavailable` its success reopens the
    /// journal.
    ///
    /// A shared engine that has committed nothing within a second commits an empty transaction: a read succeeds where no
    /// commit can.
    func inspect() throws(JournalStoreError) -> StorageSpace
}

/// What opening a journal found.
package struct JournalOpening: Sendable, Equatable {
    /// The stored rows of components, without the damaged ones. In a shared journal the hooks have other records
    /// (`SharedHookRecord`).
    package var hooks: [HookRow] = []
    /// Whether the journal is new, or was closed by the last process. Always true in a shared journal.
    package var wasClosed = true
    /// A problem that an operator should check, in a sentence; nil if there is none.
    package var degraded: String?
    /// The number of acknowledged notifications that were not found.
    package var missing = 0

    package init(hooks: [HookRow] = [], wasClosed: Bool = true, degraded: String? = nil, missing: Int = 0) {
        self.hooks = hooks
        self.wasClosed = wasClosed
        self.degraded = degraded
        self.missing = missing
    }
}

/// The changes of one commit, before ids are assigned and duplicates are decided.
package struct JournalDraft: Sendable {
    /// The notifications of a webhook, and by what the engine decides whether it is a duplicate.
    package struct Payload: Sendable {
        /// The state of the group, without the mark of a deliberate repeat.
        package var key: ShortDedupeKey
        package var reason: AlertBatch.Reason
        /// All of one group. If there is none, the result is `stored([])`.
        package var notifications: [Notification]

        package init(_ batch: AlertBatch) {
            key = ShortDedupeKey(batch.dedupeKey, isRepeat: false)
            reason = batch.reason
            notifications = batch.notifications
        }
    }

    /// Decided in this order: a payload can be a duplicate of an earlier one.
    package var payloads: [Payload] = []
    /// Ids that are not pending are ignored, so settling twice is safe. A shared engine applies them without the
    /// tenure too; settlements of posts that need it are in `PostingDraft`.
    package var settlements: [JournalTransaction.Settled] = []
    /// The rows of components to write. Each replaces the row with the same key.
    package var hooks: [HookRow] = []
    /// History records without a settlement.
    package var history: [HistoryRecord] = []
    /// The wall-clock time of the commit, which becomes `DeadLetter.diedAt`. The embedded engine compares it with the
    /// dedupe window; a shared engine uses the database's clock, because the clocks of replicas differ.
    package var at: Timestamp
    /// A shared engine must look at the clock right before it sends the draft, and fail with `unavailable(.timedOut)`
    /// afterwards: the sender of a payload has given up, and its retry may be outside the window. Nil for no limit.
    package var sendBefore: ContinuousClock.Instant?

    package init(
        payloads: [Payload] = [], settlements: [JournalTransaction.Settled] = [], hooks: [HookRow] = [],
        history: [HistoryRecord] = [], at: Timestamp, sendBefore: ContinuousClock.Instant? = nil
    ) {
        self.payloads = payloads
        self.settlements = settlements
        self.hooks = hooks
        self.history = history
        self.at = at
        self.sendBefore = sendBefore
    }

    /// Whether there is nothing to write.
    package var isEmpty: Bool {
        payloads.isEmpty && settlements.isEmpty && hooks.isEmpty && history.isEmpty
    }
}

/// The result of one payload. The rule for it is that of `GroupState`.
package enum AppendResult: Sendable, Equatable {
    /// The stored notifications in the order of the payload, with their ids and their `repeats`, which the engine counts.
    case stored([StoredNotification])
    /// The state equals the last accepted one of its group, within the window. Nothing was stored.
    case duplicate
}
