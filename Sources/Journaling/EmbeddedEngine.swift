package import Alerts

/// The engine of one process: assigns ids and decides duplicates in memory, over a storage that no other process uses.
package final class EmbeddedEngine: JournalEngine {
    private let store: any JournalStore
    private let window: Duration
    private let capacity: Int
    private var dedupe: DedupeIndex
    private var nextSequence: Int64 = 1

    /// - Parameters:
    ///   - window: How long an identical payload is a duplicate; zero switches deduplication off.
    ///   - capacity: The maximum number of remembered states. The oldest are removed first.
    package init(_ store: any JournalStore, window: Duration, capacity: Int = JournalSettings().dedupeCapacity) {
        self.store = store
        self.window = window
        self.capacity = capacity
        dedupe = DedupeIndex(window: window, capacity: capacity)
    }

    package func open(at now: Timestamp) throws(JournalOpenError) -> JournalOpening {
        let recovery = try store.open(at: now)
        nextSequence = recovery.nextSequence
        dedupe = DedupeIndex(window: window, capacity: capacity, seen: recovery.seen, lastID: recovery.lastSeenID)
        return JournalOpening(
            hooks: recovery.hooks, wasClosed: recovery.wasClosed, degraded: recovery.degraded,
            missing: recovery.missing)
    }

    package func commit(_ draft: JournalDraft) throws(JournalStoreError) -> [AppendResult] {
        let firstSequence = nextSequence
        let plan = JournalPlan(draft, sequence: &nextSequence, dedupe: &dedupe)
        guard !plan.transaction.isEmpty else { return plan.results }
        do throws(JournalStoreError) {
            try store.commit(plan.transaction)
        } catch {
            dedupe.removeNewest(plan.transaction.seen.count)
            nextSequence = firstSequence
            throw handled(error)
        }
        if let through = plan.transaction.forgetSeenThrough {
            dedupe.deletedRows(through: through)
        }
        return plan.results
    }

    package func replay(
        _ ids: [JournalID], isForced: Bool, history: HistoryNote?
    ) throws(JournalStoreError) -> Replay<StoredNotification> {
        let replay = try attempt { store throws(JournalStoreError) in
            try store.replay(ids, firstSequence: nextSequence, isForced: isForced, history: history)
        }
        nextSequence += Int64(ids.count)
        return replay
    }

    /// Calls `body` with the store.
    private func attempt<Value>(
        _ body: (any JournalStore) throws(JournalStoreError) -> Value
    ) throws(JournalStoreError) -> Value {
        do throws(JournalStoreError) {
            return try body(store)
        } catch {
            throw handled(error)
        }
    }

    /// Releases the ballast if the disk is full, so that the next settlement has space.
    private func handled(_ error: JournalStoreError) -> JournalStoreError {
        guard error == .full(.diskFull) else { return error }
        do throws(JournalStoreError) {
            try store.releaseBallast()
        } catch .broken(let reason) {
            return .broken(reason)
        } catch {}
        return error
    }
}

// MARK: - Calls of the store

extension EmbeddedEngine {
    package func register(
        _ names: [String], forgettingOthers: Bool
    ) throws(JournalStoreError) -> [ReceiverID: String] {
        try attempt { store throws(JournalStoreError) in
            try store.register(names, forgettingOthers: forgettingOthers)
        }
    }

    package func maintain() throws(JournalStoreError) {
        try attempt { store throws(JournalStoreError) in try store.maintain() }
    }

    package func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> StoredWindow {
        try attempt { store throws(JournalStoreError) in
            try store.pending(destination, after: after, limit: limit, byteLimit: byteLimit, at: now)
        }
    }

    package func rows(
        _ destination: Destination, after: JournalID?, limit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (rows: PendingRows, damaged: Int) {
        try attempt { store throws(JournalStoreError) in
            try store.rows(destination, after: after, limit: limit, at: now)
        }
    }

    package func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp? {
        try attempt { store throws(JournalStoreError) in try store.oldestPending(destination) }
    }

    package var receivers: [ReceiverID: String] { store.receivers }
    package var pendingCounts: [Destination: Int] { store.pendingCounts }
    package var deadLetterCounts: [Destination: Int] { store.deadLetterCounts }
    package var usage: JournalUsage { store.usage }
    package var hasCapacity: Bool { store.hasCapacity }

    package func deadLetters(after: JournalID?, limit: Int) throws(JournalStoreError) -> [DeadLetter] {
        try attempt { store throws(JournalStoreError) in try store.deadLetters(after: after, limit: limit) }
    }

    package func deadLetter(_ id: JournalID) throws(JournalStoreError) -> DeadLetterContent? {
        try attempt { store throws(JournalStoreError) in try store.deadLetter(id) }
    }

    package func drop(_ ids: [JournalID], history: HistoryNote?) throws(JournalStoreError) -> Int {
        try attempt { store throws(JournalStoreError) in try store.drop(ids, history: history) }
    }

    package var historyLimits: HistoryLimits {
        get { store.historyLimits }
        set { store.historyLimits = newValue }
    }

    package var historyUsage: HistoryUsage { store.historyUsage }

    package func history(before: Int64?, limit: Int, byteLimit: Int) throws(JournalStoreError) -> StoredHistory {
        try attempt { store throws(JournalStoreError) in
            try store.history(before: before, limit: limit, byteLimit: byteLimit)
        }
    }

    package func pruneHistory(at now: Timestamp) throws(JournalStoreError) {
        try attempt { store throws(JournalStoreError) in try store.pruneHistory(at: now) }
    }

    package func inspect() throws(JournalStoreError) -> StorageSpace {
        try attempt { store throws(JournalStoreError) in try store.inspect() }
    }

    package func close(at now: Timestamp) throws(JournalStoreError) {
        try attempt { store throws(JournalStoreError) in try store.close(at: now) }
    }

    package func closeWithoutFlush() {
        store.closeWithoutFlush()
    }
}

extension Journal {
    /// Opens a journal of this process alone on the store.
    package convenience init(
        opening store: sending any JournalStore,
        settings: JournalSettings = JournalSettings(),
        observer: (any JournalObserver)? = nil,
        now: @escaping @Sendable () -> Timestamp = { Timestamp.now() },
        onFailure: @escaping @Sendable (String) -> Void,
        acknowledge: @escaping @Sendable ([Acknowledgement]) -> Void
    ) throws(JournalOpenError) {
        let engine = EmbeddedEngine(store, window: settings.dedupeWindow, capacity: settings.dedupeCapacity)
        try self.init(
            opening: engine, settings: settings, observer: observer, now: now, onFailure: onFailure,
            acknowledge: acknowledge)
    }
}
