package import Alerts

/// The storage of `EmbeddedEngine`, which assigns ids and decides duplicates. Synchronous; all calls are made on one
/// queue.
///
/// When `commit` returns, its transaction survives SIGKILL and a power failure. `JournalStoreTests` tests the contract.
package protocol JournalStore: JournalContents {
    /// Opens the storage and recovers the state of an earlier process. Called once, before all other calls.
    func open(at now: Timestamp) throws(JournalOpenError) -> JournalRecovery

    /// Writes the transaction, all of it or nothing. Durable on return.
    func commit(_ transaction: JournalTransaction) throws(JournalStoreError)

    /// Makes dead letters pending again in one transaction, with new ids whose sequence numbers start at
    /// `firstSequence`. Forgets their `laterStates` if `isForced`.
    ///
    /// From its death until it is dropped or its replay is settled, a dead letter collects `laterStates`. `commit` adds
    /// the alerts of each delivered notification that has the same group and destination and was accepted after it.
    ///
    /// - Parameter history: The records of the dead letters, which are written for those that are replayed.
    func replay(
        _ ids: [JournalID], firstSequence: Int64, isForced: Bool, history: HistoryNote?
    ) throws(JournalStoreError) -> Replay<StoredNotification>

    /// Checks the free space and that the files still exist. Called regularly.
    func inspect() throws(JournalStoreError) -> StorageSpace
    /// Deletes the ballast file, so that settlements and checkpoints work on a full disk.
    func releaseBallast() throws(JournalStoreError)
}

/// The state that opening a journal found.
package struct JournalRecovery: Sendable, Equatable {
    /// No id with this or a higher sequence number was ever assigned.
    package var nextSequence: Int64
    /// The stored dedupe keys, oldest first.
    package var seen: [SeenKey] = []
    /// The highest id of a stored dedupe key; 0 if there is none.
    package var lastSeenID: Int64 = 0
    /// The hook records without the damaged ones.
    package var hooks: [HookRow] = []
    /// Whether the journal is new, or was closed by the last process.
    package var wasClosed: Bool
    /// A problem that an operator should check, in a sentence; nil if there is none.
    package var degraded: String?
    /// The number of acknowledged notifications that were not found.
    package var missing = 0

    package init(
        nextSequence: Int64, seen: [SeenKey] = [], lastSeenID: Int64 = 0, hooks: [HookRow] = [], wasClosed: Bool,
        degraded: String? = nil, missing: Int = 0
    ) {
        self.nextSequence = nextSequence
        self.seen = seen
        self.lastSeenID = lastSeenID
        self.hooks = hooks
        self.wasClosed = wasClosed
        self.degraded = degraded
        self.missing = missing
    }
}

/// A page of pending notifications.
package struct StoredWindow: Sendable, Equatable {
    package var notifications: [StoredNotification] = []
    /// The last id that was read, after which the next page starts.
    package var cursor: JournalID?
    /// Whether nothing is pending after the cursor.
    package var isLast = true
    /// The number of damaged notifications that were moved to the dead letters.
    package var damaged = 0

    package init(
        notifications: [StoredNotification] = [], cursor: JournalID? = nil, isLast: Bool = true, damaged: Int = 0
    ) {
        self.notifications = notifications
        self.cursor = cursor
        self.isLast = isLast
        self.damaged = damaged
    }
}

/// The size of the journal and its limits in bytes.
package struct JournalUsage: Sendable, Equatable {
    package var usedBytes: Int64
    package var limitBytes: Int64
    /// The limit for appends. It is below `limitBytes`, so that settlements have space.
    package var appendLimitBytes: Int64
    /// The part of `usedBytes` that the history uses at least. It gives way to appends.
    package var historyBytes: Int64 = 0

    /// The bytes that appends cannot use.
    package var neededBytes: Int64 { max(0, usedBytes - historyBytes) }

    package init(usedBytes: Int64, limitBytes: Int64, appendLimitBytes: Int64) {
        self.usedBytes = usedBytes
        self.limitBytes = limitBytes
        self.appendLimitBytes = appendLimitBytes
    }
}

/// The free space of the storage.
package enum StorageSpace: Sendable, Equatable {
    case ample
    /// Below the reserve: appends must be refused.
    case low
}

/// The changes of one commit, which are written together or not at all.
package struct JournalTransaction: Sendable {
    /// A notification and its outcome.
    package struct Settled: Sendable, Equatable {
        package var id: JournalID
        package var settlement: JournalSettlement
        /// The record of this notification and of those before it that are continued. Written if one of them is settled.
        ///
        /// A dead letter without a record gets one from its row.
        package var history: HistoryRecord?
        /// Whether the next settlement belongs to the same record, so that one transaction must have both.
        package var isContinued = false

        package init(
            id: JournalID, settlement: JournalSettlement, history: HistoryRecord? = nil, isContinued: Bool = false
        ) {
            (self.id, self.settlement, self.history, self.isContinued) = (id, settlement, history, isContinued)
        }
    }

    /// The notifications of each accepted payload.
    package var appends: [[StoredNotification]] = []
    /// The dedupe keys of the payloads, in the order of their ids.
    package var seen: [SeenKey] = []
    /// The id up to which (inclusive) dedupe keys are deleted; nil for none.
    package var forgetSeenThrough: Int64?
    /// Ids that are not pending are ignored, so settling twice is safe.
    package var settlements: [Settled] = []
    /// The hook records to write. Each replaces the record with the same key.
    package var hooks: [HookRow] = []
    /// History records without a settlement.
    package var history: [HistoryRecord] = []
    /// The wall-clock time of the commit, which becomes `DeadLetter.diedAt`.
    package var at: Timestamp

    /// Whether there is nothing to write.
    package var isEmpty: Bool {
        appends.isEmpty && seen.isEmpty && forgetSeenThrough == nil && settlements.isEmpty && hooks.isEmpty
            && history.isEmpty
    }

    /// The size of all appended bodies in bytes.
    package var bytes: Int {
        appends.joined().reduce(0) { $0 + $1.notification.body.count }
    }
}

/// A notification with its id. It need not be stored yet; `Journaled` is the type for stored ones.
package struct StoredNotification: Sendable, Equatable {
    package var id: JournalID
    package var notification: Notification

    package init(id: JournalID, notification: Notification) {
        self.id = id
        self.notification = notification
    }
}

/// The stored state of one hook, or of another component under a key that no hook has. The journal does not interpret
/// it.
package struct HookRow: Sendable, Equatable {
    package var key: [UInt8]
    package var value: [UInt8]

    package init(key: [UInt8], value: [UInt8]) {
        self.key = key
        self.value = value
    }
}
