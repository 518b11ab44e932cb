package import Alerts
import Dispatch
import Support

/// Commits the content of the inbox on the journal queue, acknowledges it, and keeps the journal's state.
///
/// Owned by `Journal`.
// @unchecked because mutable state is accessed only on `queue`, which each entry point checks.
final class JournalWriter<Ticket: Sendable>: @unchecked Sendable {
    let queue = DispatchQueue(label: "journal", qos: .userInitiated)

    private let store: any JournalStore
    private let recovery: JournalRecovery
    private let settings: JournalSettings
    private let inbox: Locked<JournalInbox<Ticket>>
    private let latestSnapshot: Locked<JournalSnapshot>
    private let callbacks: JournalCallbacks<Ticket>
    private var dedupe: DedupeIndex
    private var nextSequence: Int64
    /// Settlements that are not committed yet.
    private var unsettled: [JournalTransaction.Settled] = []
    private var state = JournalState.open
    private var shares = JournalShares()
    private var duplicates = DuplicateLog()
    private var inspection: (any DispatchSourceTimer)?

    /// False after the store has failed or is closed. Each call of the store can change it.
    private var isUsable: Bool {
        switch state {
        case .open, .full: true
        case .failed, .closed: false
        }
    }

    init(
        store: any JournalStore, recovery: JournalRecovery, settings: JournalSettings,
        inbox: Locked<JournalInbox<Ticket>>, latestSnapshot: Locked<JournalSnapshot>,
        callbacks: JournalCallbacks<Ticket>
    ) {
        self.store = store
        store.historyLimits = settings.history
        self.recovery = recovery
        self.settings = settings
        self.inbox = inbox
        self.latestSnapshot = latestSnapshot
        self.callbacks = callbacks
        dedupe = DedupeIndex(
            window: settings.dedupeWindow, capacity: settings.dedupeCapacity,
            seen: recovery.seen, lastID: recovery.lastSeenID)
        nextSequence = recovery.nextSequence
        latestSnapshot.withLock {
            $0.degraded = recovery.degraded
            $0.missing = recovery.missing
        }
    }

    /// Inspects the storage, so that the state is known before the first append, and then at regular intervals.
    func start() {
        queue.sync { inspect() }
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(
            deadline: .now() + settings.inspectionInterval.dispatch, repeating: settings.inspectionInterval.dispatch,
            leeway: .milliseconds(100))
        timer.setEventHandler { [weak self] in self?.inspect() }
        timer.activate()
        queue.sync { inspection = timer }
    }

    /// Commits one transaction from the inbox, and schedules the next one if more waits.
    func flushInbox() {
        dispatchPrecondition(condition: .onQueue(queue))
        writeBatch()
        if inbox.withLock({ $0.finishStep() }) {
            queue.async { self.flushInbox() }
        }
    }

    func load(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int
    ) -> Result<PendingWindow, JournalRefusal> {
        attempt { store throws(JournalStoreError) in
            let now = callbacks.now()
            let (window, damaged) = try store.load(
                destination, after: after, limit: limit, byteLimit: byteLimit, at: now)
            if damaged > 0 {
                reportDamage(damaged)
            }
            return window
        }
    }

    func rows(_ destination: Destination, after: JournalID?, limit: Int) -> Result<PendingRows, JournalRefusal> {
        // A settled row must not be read as pending.
        commitNow([]).flatMap {
            attempt { store throws(JournalStoreError) in
                let (rows, damaged) = try store.rows(destination, after: after, limit: limit, at: callbacks.now())
                if damaged > 0 {
                    reportDamage(damaged)
                }
                return rows
            }
        }
    }

    func replay(
        _ ids: [JournalID], isForced: Bool, _ records: [JournalID: HistoryRecord]
    ) -> Result<Replay<Journaled<Notification>>, JournalRefusal> {
        attempt { store throws(JournalStoreError) in
            let note = HistoryNote(records: records, at: callbacks.now())
            let replay = try store.requeue(ids, firstSequence: nextSequence, isForced: isForced, history: note)
            nextSequence += Int64(ids.count)
            return replay
        }
    }

    func drop(_ ids: [JournalID], _ records: [JournalID: HistoryRecord]) -> Result<Int, JournalRefusal> {
        attempt { store throws(JournalStoreError) in
            try store.drop(ids, history: HistoryNote(records: records, at: callbacks.now()))
        }
    }

    /// Reads a page of the history, without rows that are too old.
    func history(before: Int64?, rows: Int, bytes: Int) -> Result<StoredHistory, JournalRefusal> {
        attempt { store throws(JournalStoreError) in
            var page = try store.history(before: before, limit: rows, byteLimit: bytes)
            page.rows.removeAll { !store.historyLimits.keeps($0.at, at: callbacks.now()) }
            return page
        }
    }

    func keepHistory(_ limits: HistoryLimits) {
        dispatchPrecondition(condition: .onQueue(queue))
        store.historyLimits = limits
    }

    /// Calls `body` with the store. Fails if the store has failed or is closed; an error updates the state.
    func attempt<Value>(
        _ body: (any JournalStore) throws(JournalStoreError) -> Value
    ) -> Result<Value, JournalRefusal> {
        dispatchPrecondition(condition: .onQueue(queue))
        guard isUsable else { return .failure(state.refusal ?? .closed) }
        do throws(JournalStoreError) {
            let value = try body(store)
            refreshSnapshot()
            return .success(value)
        } catch {
            return .failure(handle(error))
        }
    }

    /// `Journal.register`. Retries once if the disk is full, because the error releases the ballast.
    func register(
        _ names: [String], forgettingOthers: Bool
    ) -> Result<[ReceiverID: String], JournalRefusal> {
        for _ in 1...2 {
            let result = attempt { store throws(JournalStoreError) in
                try store.register(names, forgettingOthers: forgettingOthers)
            }
            guard case .failure(.full) = result else { return result }
        }
        return .success(store.receivers)
    }

    /// Commits the inbox and closes the store. Returns false if the storage failed.
    func close() -> Bool {
        dispatchPrecondition(condition: .onQueue(queue))
        guard state != .closed else { return true }
        inspection?.cancel()
        repeat { writeBatch() } while inbox.withLock { $0.finishStep() }
        writeDuplicates(isLast: true)
        // On a full disk the first attempt releases the ballast. If the second fails too, the next start recovers.
        for _ in 1...2 where isUsable {
            do throws(JournalStoreError) {
                try store.close(at: callbacks.now())
                change(to: .closed)
            } catch {
                _ = handle(error)
            }
        }
        guard isUsable else { return state == .closed }
        store.closeWithoutFlush()
        change(to: .closed)
        return true
    }
}

// MARK: - Commits

extension JournalWriter {
    private func writeBatch() {
        let batch = inbox.withLock { $0.dequeue() }
        unsettled += batch.settlements
        switch state {
        case .open:
            commit(admit(batch.requests))
        case .full(let reason):
            refuse(batch.requests.map(\.ticket), .full(reason))
            commitSettlements()
        case .failed, .closed:
            unsettled.removeAll()
            refuse(batch.requests.map(\.ticket), state.refusal ?? .closed)
        }
    }

    /// Returns the requests that fit into their severities' shares, and refuses the others.
    private func admit(_ requests: [JournalInbox<Ticket>.Request]) -> [JournalInbox<Ticket>.Request] {
        let usage = store.usage
        var used = usage.neededBytes
        var admitted: [JournalInbox<Ticket>.Request] = []
        admitted.reserveCapacity(requests.count)
        for request in requests {
            let severity = request.batch.mostUrgent
            switch shares.admit(request.batch, used: used, usage) {
            case .admitted:
                used += request.batch.journalBytes
                admitted.append(request)
            case let verdict:
                refuse([request.ticket], severity == .critical ? .full(.journalLimit) : .reserved(severity))
                // The requests admitted before it are still committed.
                if severity == .critical, verdict == .exhausted { change(to: .full(.journalLimit)) }
            }
        }
        publishShares()
        return admitted
    }

    private func commit(_ requests: [JournalInbox<Ticket>.Request]) {
        guard !requests.isEmpty || !unsettled.isEmpty else { return }
        let firstSequence = nextSequence
        let plan = JournalPlan(
            requests: requests, settlements: unsettled, sequence: &nextSequence, dedupe: &dedupe, at: callbacks.now())
        do throws(JournalStoreError) {
            try commit(plan)
        } catch {
            dedupe.removeNewest(plan.transaction.seen.count)
            nextSequence = firstSequence
            refuse(plan.outcomes.map(\.ticket), handle(error))
            commitSettlements()
        }
        maintain()
    }

    private func commit(_ plan: JournalPlan<Ticket>) throws(JournalStoreError) {
        let start = ContinuousClock.now
        let journaled = plan.transaction.isEmpty ? [] : try store.journal(plan.transaction)
        let duration = ContinuousClock.now - start
        if let through = plan.transaction.forgetSeenThrough {
            dedupe.deletedRows(through: through)
        }
        unsettled.removeAll()
        let duplicates = plan.duplicates.count
        refreshSnapshot(duplicates: duplicates)
        if !plan.outcomes.isEmpty {
            callbacks.acknowledge(plan.acknowledgements(journaled))
        }
        for batch in plan.duplicates { self.duplicates.note(batch, at: plan.transaction.at) }
        callbacks.observer?.journalCommitted(
            JournalCommit(
                duration: duration, requests: plan.outcomes.count, notifications: journaled.reduce(0) { $0 + $1.count },
                bytes: plan.transaction.bytes, settlements: plan.transaction.settlements.count, duplicates: duplicates))
    }

    /// Commits all settlements and the hook records, without waiting appends. Does nothing if there are none.
    func commitNow(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        dispatchPrecondition(condition: .onQueue(queue))
        guard isUsable else { return .failure(state.refusal ?? .closed) }
        unsettled += inbox.withLock { $0.dequeueSettlements() }
        guard !unsettled.isEmpty || !hooks.isEmpty else { return .success(()) }
        var result = commitSettled(hooks)
        if case .failure(.full) = result {
            // The error has released the ballast, and settling in parts has freed pages.
            commitSettlements()
            if isUsable { result = commitSettled(hooks) }
        }
        reopenIfCapacity()
        maintain()
        // A post must not start if its outcome cannot be stored.
        return isUsable ? result : .failure(state.refusal ?? .closed)
    }

    private func commitSettled(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        let transaction = JournalTransaction(settlements: unsettled, hooks: hooks, at: callbacks.now())
        guard !transaction.isEmpty else { return .success(()) }
        let start = ContinuousClock.now
        do throws(JournalStoreError) {
            try store.commit(transaction)
        } catch {
            return .failure(handle(error))
        }
        let duration = ContinuousClock.now - start
        unsettled.removeAll()
        refreshSnapshot()
        callbacks.observer?.journalCommitted(
            JournalCommit(
                duration: duration, requests: 0, notifications: 0, bytes: 0,
                settlements: transaction.settlements.count, duplicates: 0))
        return .success(())
    }

    /// Commits settlements without appends while the journal is full. Deletions come first: they need the least space
    /// and free pages for dead letters.
    private func commitSettlements() {
        let isFinal = { (settled: JournalTransaction.Settled) in settled.settlement.isFinal }
        let parts = [unsettled.filter(isFinal), unsettled.filter { !isFinal($0) }]
        for part in parts where !part.isEmpty {
            guard case .full = state else { return }
            do throws(JournalStoreError) {
                try store.commit(JournalTransaction(settlements: part, at: callbacks.now()))
                unsettled.removeAll { isFinal($0) == isFinal(part[0]) }
                refreshSnapshot()
            } catch {
                _ = handle(error)
            }
        }
        reopenIfCapacity()
        maintain()
    }

    private func maintain() {
        guard isUsable else { return }
        do throws(JournalStoreError) {
            try store.maintain()
        } catch {
            _ = handle(error)
        }
    }

    private func refuse(_ tickets: [Ticket], _ refusal: JournalRefusal) {
        guard !tickets.isEmpty else { return }
        callbacks.acknowledge(
            tickets.map { Journal<Ticket>.Acknowledgement(ticket: $0, result: .failure(refusal)) })
    }
}

// MARK: - State

extension JournalWriter {
    private func inspect() {
        guard isUsable else { return }
        do throws(JournalStoreError) {
            try apply(store.inspect())
            // Committing settlements may have found the storage broken.
            guard isUsable else { return }
            var oldest: [Destination: Timestamp] = [:]
            for (destination, count) in store.pendingCounts where count > 0 {
                oldest[destination] = try store.oldestPending(destination)
            }
            latestSnapshot.withLock { [oldest] in $0.oldestPending = oldest }
            writeDuplicates()
            guard isUsable else { return }
            try store.pruneHistory(at: callbacks.now())
            refreshSnapshot()
        } catch {
            _ = handle(error)
        }
    }

    /// Adds counted duplicates to the history, if a row may be written for them. They are not written again if it
    /// fails.
    private func writeDuplicates(isLast: Bool = false) {
        let due = duplicates.due(at: .now, isLast: isLast)
        guard !due.isEmpty, isUsable else { return }
        callbacks.observer?.journalSuppressed(due)
        guard state == .open, !store.historyLimits.isOff else { return }
        var transaction = JournalTransaction(at: callbacks.now())
        transaction.history = HistoryRecord.records(of: due)
        do throws(JournalStoreError) {
            try store.commit(transaction)
        } catch {
            _ = handle(error)
        }
    }

    private func apply(_ space: StorageSpace) {
        switch (state, space) {
        case (.open, .low): change(to: .full(.diskFull))
        case (.full(.diskFull), .ample): change(to: .open)
        default: break
        }
        if case .full = state {
            commitSettlements()
        } else if !unsettled.isEmpty {
            commit([])
        }
    }

    private func reopenIfCapacity() {
        if state == .full(.journalLimit), store.hasCapacity {
            change(to: .open)
        }
    }

    /// Changes the state after an error of the store. Returns the error for the callers of the journal.
    private func handle(_ error: JournalStoreError) -> JournalRefusal {
        switch error {
        case .full(let reason):
            change(to: .full(reason))
            if reason == .diskFull {
                releaseBallast()
            }
            return state.refusal ?? .full(reason)
        case .broken(let reason):
            fail(reason)
            return .failed(reason)
        }
    }

    private func releaseBallast() {
        do throws(JournalStoreError) {
            try store.releaseBallast()
        } catch .broken(let reason) {
            fail(reason)
        } catch {}
    }

    private func fail(_ reason: String) {
        inspection?.cancel()
        change(to: .failed(reason))
        store.closeWithoutFlush()
        callbacks.onFailure(reason)
    }

    private func change(to new: JournalState) {
        guard new != state else { return }
        state = new
        inbox.withLock { $0.state = new }
        callbacks.observer?.journalChanged(to: new)
    }

    private func reportDamage(_ count: Int) {
        latestSnapshot.withLock {
            $0.damaged += count
            let damage = "\($0.damaged) damaged notifications are in the dead letters"
            $0.degraded = [recovery.degraded, damage].compactMap(\.self).joined(separator: "; ")
        }
    }

    /// Updates the refused severities in the inbox and the snapshot, and notifies the observer of a change.
    private func publishShares() {
        shares.update(store.usage)
        let refused = shares.refused
        guard latestSnapshot.withLock({ $0.reserved }) != refused else { return }
        inbox.withLock { $0.reserved = refused }
        latestSnapshot.withLock { $0.reserved = refused }
        callbacks.observer?.journalRefuses(refused)
    }

    private func refreshSnapshot(duplicates: Int = 0) {
        let (pending, dead, usage) = (store.pendingCounts, store.deadLetterCounts, store.usage)
        let (receivers, history) = (store.receivers, store.historyUsage)
        latestSnapshot.withLock {
            $0.receivers = receivers
            $0.pending = pending
            $0.deadLetters = dead
            $0.usage = usage
            $0.history = history
            $0.duplicates += duplicates
        }
        publishShares()
    }
}

/// Whether the journal accepts notifications.
package enum JournalState: Sendable, Equatable {
    case open
    /// Appends are refused, settlements are still committed. The journal reopens when there is space.
    case full(FullReason)
    /// The storage failed permanently; for example, a failed fsync may have lost pages. The program must exit and
    /// recover at its next start.
    case failed(String)
    case closed
}

/// Why the journal is full.
package enum FullReason: Sendable, Equatable {
    /// The journal has reached its size limit.
    case journalLimit
    /// The disk is full, or its free space is below the reserve.
    case diskFull
}

/// Why an append was refused. It is not stored, except possibly after `failed`.
package enum JournalRefusal: Error, Equatable, Sendable {
    /// The inbox is full.
    case overloaded
    /// The remaining space is reserved for more urgent severities than this.
    case reserved(Severity)
    case full(FullReason)
    case failed(String)
    case closed
}

extension FullReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .journalLimit: "the journal has reached its size limit"
        case .diskFull: "the disk is full or its free space is below the reserve"
        }
    }
}

extension JournalState {
    /// Why appends are refused; nil if they are accepted.
    package var refusal: JournalRefusal? {
        switch self {
        case .open: nil
        case .full(let reason): .full(reason)
        case .failed(let reason): .failed(reason)
        case .closed: .closed
        }
    }
}
