package import Alerts
import Dispatch
import Support

/// The journal's side of its queue: takes from the inbox, commits, answers, and keeps the state.
///
/// Nobody but `Journal` holds one.
// @unchecked because everything mutable is only touched on `queue`, which each entry checks.
final class JournalWriter<Ticket: Sendable>: @unchecked Sendable {
    let queue = DispatchQueue(label: "journal", qos: .userInitiated)

    private let store: any JournalStore
    private let recovery: JournalRecovery
    private let settings: JournalSettings
    private let inbox: Locked<JournalInbox<Ticket>>
    private let latestSnapshot: Locked<JournalSnapshot>
    private let reporting: JournalReporting<Ticket>
    private var dedupe: DedupeIndex
    private var nextSequence: Int64
    /// Settlements that no commit has taken yet.
    private var unsettled: [JournalTransaction.Settled] = []
    private var state = JournalState.open
    private var shares = JournalShares()
    private var inspection: (any DispatchSourceTimer)?

    /// False once the store has failed or is closed. Any step that touches the store may change it, so each asks anew.
    private var isUsable: Bool {
        switch state {
        case .open, .full: true
        case .failed, .closed: false
        }
    }

    init(
        store: any JournalStore, recovery: JournalRecovery, settings: JournalSettings,
        inbox: Locked<JournalInbox<Ticket>>, latestSnapshot: Locked<JournalSnapshot>,
        reporting: JournalReporting<Ticket>
    ) {
        self.store = store
        self.recovery = recovery
        self.settings = settings
        self.inbox = inbox
        self.latestSnapshot = latestSnapshot
        self.reporting = reporting
        dedupe = DedupeIndex(
            window: settings.dedupeWindow, capacity: settings.dedupeCapacity,
            seen: recovery.seen, lastID: recovery.lastSeenID)
        nextSequence = recovery.nextSequence
        latestSnapshot.withLock {
            $0.degraded = recovery.degraded
            $0.missing = recovery.missing
        }
    }

    /// Inspects the storage once, so that the state is right before the first append, and from then on regularly.
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

    /// Writes one transaction of what waits, and comes again while more does.
    func writeWaiting() {
        dispatchPrecondition(condition: .onQueue(queue))
        writeBatch()
        if inbox.withLock({ $0.finishTurn() }) {
            queue.async { self.writeWaiting() }
        }
    }

    func load(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int
    ) -> Result<PendingWindow, JournalRefusal> {
        attempt { store throws(JournalStoreError) in
            let now = reporting.now()
            let (window, damaged) = try store.load(
                destination, after: after, limit: limit, byteLimit: byteLimit, at: now)
            if damaged > 0 {
                reportDamage(damaged)
            }
            return window
        }
    }

    func rows(_ destination: Destination, after: JournalID?, limit: Int) -> Result<PendingRows, JournalRefusal> {
        // A row that is settled already must not be read as pending.
        commitNow([]).flatMap {
            attempt { store throws(JournalStoreError) in
                let (rows, damaged) = try store.rows(destination, after: after, limit: limit, at: reporting.now())
                if damaged > 0 {
                    reportDamage(damaged)
                }
                return rows
            }
        }
    }

    func replay(_ ids: [JournalID]) -> Result<Replay<Journaled<Notification>>, JournalRefusal> {
        attempt { store throws(JournalStoreError) in
            let replay = try store.requeue(ids, firstSequence: nextSequence)
            nextSequence += Int64(ids.count)
            return replay
        }
    }

    /// Uses the store unless it has failed or is closed, and draws the conclusions from an error.
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
            return .failure(conclude(error))
        }
    }

    /// Gives up the reserve where the disk is full, and tries once more with it.
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

    /// Returns whether the journal ended in order.
    func close() -> Bool {
        dispatchPrecondition(condition: .onQueue(queue))
        guard state != .closed else { return true }
        inspection?.cancel()
        repeat { writeBatch() } while inbox.withLock { $0.finishTurn() }
        // The second time a full disk has the reserve. Without space even for that the next start counts anew.
        for _ in 1...2 where isUsable {
            do throws(JournalStoreError) {
                try store.close(at: reporting.now())
                change(to: .closed)
            } catch {
                _ = conclude(error)
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
        let work = inbox.withLock { $0.take() }
        unsettled += work.settlements
        switch state {
        case .open:
            commit(admit(work.requests))
        case .full(let reason):
            refuse(work.requests.map(\.ticket), .full(reason))
            settleAlone()
        case .failed, .closed:
            unsettled.removeAll()
            refuse(work.requests.map(\.ticket), state.refusal ?? .closed)
        }
    }

    /// Refuses the requests for which their severities' shares have no space, and returns the others.
    private func admit(_ requests: [JournalInbox<Ticket>.Request]) -> [JournalInbox<Ticket>.Request] {
        let usage = store.usage
        var used = usage.usedBytes
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
                // What was admitted before it is still committed.
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
            requests: requests, settlements: unsettled, sequence: &nextSequence, dedupe: &dedupe, at: reporting.now())
        do throws(JournalStoreError) {
            try commit(plan)
        } catch {
            dedupe.forgetNewest(plan.transaction.seen.count)
            nextSequence = firstSequence
            refuse(plan.answers.map(\.ticket), conclude(error))
            settleAlone()
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
        let duplicates = plan.duplicates
        refreshSnapshot(duplicates: duplicates)
        if !plan.answers.isEmpty {
            reporting.acknowledge(plan.outcomes(journaled))
        }
        reporting.observer?.journalCommitted(
            JournalCommit(
                duration: duration, requests: plan.answers.count, notifications: journaled.reduce(0) { $0 + $1.count },
                bytes: plan.transaction.bytes, settlements: plan.transaction.settlements.count, duplicates: duplicates))
    }

    /// Commits all settlements and these records, without the appends that wait. Costs nothing where there are none.
    func commitNow(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        dispatchPrecondition(condition: .onQueue(queue))
        guard isUsable else { return .failure(state.refusal ?? .closed) }
        unsettled += inbox.withLock { $0.takeSettlements() }
        guard !unsettled.isEmpty || !hooks.isEmpty else { return .success(()) }
        var result = commitSettled(hooks)
        if case .failure(.full) = result {
            // Now with the reserve, and with what settling bit by bit has freed.
            settleAlone()
            if isUsable { result = commitSettled(hooks) }
        }
        reopenIfCapacity()
        maintain()
        // A post whose outcome cannot be journalled must not be begun.
        return isUsable ? result : .failure(state.refusal ?? .closed)
    }

    private func commitSettled(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        let transaction = JournalTransaction(settlements: unsettled, hooks: hooks, at: reporting.now())
        guard !transaction.isEmpty else { return .success(()) }
        let start = ContinuousClock.now
        do throws(JournalStoreError) {
            try store.commit(transaction)
        } catch {
            return .failure(conclude(error))
        }
        let duration = ContinuousClock.now - start
        unsettled.removeAll()
        refreshSnapshot()
        reporting.observer?.journalCommitted(
            JournalCommit(
                duration: duration, requests: 0, notifications: 0, bytes: 0,
                settlements: transaction.settlements.count, duplicates: 0))
        return .success(())
    }

    /// Settles without appends while the journal is full. What is only deleted goes first, since that needs the
    /// least space and makes some for moving dead letters.
    private func settleAlone() {
        let isFinal = { (settled: JournalTransaction.Settled) in settled.settlement.isFinal }
        let parts = [unsettled.filter(isFinal), unsettled.filter { !isFinal($0) }]
        for part in parts where !part.isEmpty {
            guard case .full = state else { return }
            do throws(JournalStoreError) {
                try store.commit(JournalTransaction(settlements: part, at: reporting.now()))
                unsettled.removeAll { isFinal($0) == isFinal(part[0]) }
                refreshSnapshot()
            } catch {
                _ = conclude(error)
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
            _ = conclude(error)
        }
    }

    private func refuse(_ tickets: [Ticket], _ refusal: JournalRefusal) {
        guard !tickets.isEmpty else { return }
        reporting.acknowledge(
            tickets.map { Journal<Ticket>.Acknowledgement(ticket: $0, result: .failure(refusal)) })
    }
}

// MARK: - State

extension JournalWriter {
    private func inspect() {
        guard isUsable else { return }
        do throws(JournalStoreError) {
            try apply(store.inspect())
            // Settling what waited may have found the storage broken.
            guard isUsable else { return }
            var oldest: [Destination: Timestamp] = [:]
            for (destination, count) in store.pendingCounts where count > 0 {
                oldest[destination] = try store.oldestPending(destination)
            }
            latestSnapshot.withLock { [oldest] in $0.oldestPending = oldest }
            refreshSnapshot()
        } catch {
            _ = conclude(error)
        }
    }

    private func apply(_ space: StorageSpace) {
        switch (state, space) {
        case (.open, .low): change(to: .full(.diskFull))
        case (.full(.diskFull), .ample): change(to: .open)
        default: break
        }
        if case .full = state {
            settleAlone()
        } else if !unsettled.isEmpty {
            commit([])
        }
    }

    private func reopenIfCapacity() {
        if state == .full(.journalLimit), store.hasCapacity {
            change(to: .open)
        }
    }

    /// Moves to the state an error demands and says how appends are refused for it.
    private func conclude(_ error: JournalStoreError) -> JournalRefusal {
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
        reporting.onFailure(reason)
    }

    private func change(to new: JournalState) {
        guard new != state else { return }
        state = new
        inbox.withLock { $0.state = new }
        reporting.observer?.journalChanged(to: new)
    }

    private func reportDamage(_ count: Int) {
        latestSnapshot.withLock {
            $0.damaged += count
            let damage = "\($0.damaged) damaged notifications are in the dead letters"
            $0.degraded = [recovery.degraded, damage].compactMap(\.self).joined(separator: "; ")
        }
    }

    /// Makes the shares' verdict known to those who append and to those who watch.
    private func publishShares() {
        shares.update(store.usage)
        let refused = shares.refused
        guard latestSnapshot.withLock({ $0.reserved }) != refused else { return }
        inbox.withLock { $0.reserved = refused }
        latestSnapshot.withLock { $0.reserved = refused }
        reporting.observer?.journalRefuses(refused)
    }

    private func refreshSnapshot(duplicates: Int = 0) {
        let (pending, dead, usage) = (store.pendingCounts, store.deadLetterCounts, store.usage)
        let receivers = store.receivers
        latestSnapshot.withLock {
            $0.receivers = receivers
            $0.pending = pending
            $0.deadLetters = dead
            $0.usage = usage
            $0.duplicates += duplicates
        }
        publishShares()
    }
}

/// Whether the journal takes notifications.
package enum JournalState: Sendable, Equatable {
    case open
    /// Appends are refused, settlements go on; opens again by itself.
    case full(FullReason)
    /// Storage failed in a way that is never retried (a failed fsync may have lost pages): the program must exit and
    /// recover at its next start.
    case failed(String)
    case closed
}

package enum FullReason: Sendable, Equatable {
    case journalLimit
    /// The disk is full, or its free space is below the reserve.
    case diskFull
}

/// Why an append was not taken. Nothing of it is stored, save that after `failed` it may be found at the next start.
package enum JournalRefusal: Error, Equatable, Sendable {
    /// More waits for the disk than the inbox holds.
    case overloaded
    /// The journal keeps the space that it has left for more urgent alerts than this.
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
    /// Nil when an append may be taken.
    package var refusal: JournalRefusal? {
        switch self {
        case .open: nil
        case .full(let reason): .full(reason)
        case .failed(let reason): .failed(reason)
        case .closed: .closed
        }
    }
}

/// A transaction in the making, and how each request in it will be answered.
private struct JournalPlan<Ticket: Sendable> {
    private(set) var transaction: JournalTransaction
    private(set) var answers: [(ticket: Ticket, answer: PlannedAnswer)] = []

    /// - Parameters:
    ///   - sequence: The next sequence number; moved on by one for each notification.
    ///   - dedupe: Remembers the new states at once, so that a duplicate inside the transaction is found; after a failed
    ///     commit take `transaction.seen.count` of them back.
    init(
        requests: [JournalInbox<Ticket>.Request], settlements: [JournalTransaction.Settled],
        sequence: inout Int64, dedupe: inout DedupeIndex, at now: Timestamp
    ) {
        transaction = JournalTransaction(settlements: settlements, at: now)
        transaction.forgetSeenThrough = dedupe.prune(at: now)
        for request in requests {
            let answer = add(request.batch, sequence: &sequence, dedupe: &dedupe)
            answers.append((request.ticket, answer))
        }
    }

    var duplicates: Int {
        answers.count { $0.answer == .duplicate }
    }

    func outcomes(_ journaled: [[Journaled<Notification>]]) -> [Journal<Ticket>.Acknowledgement] {
        var stored = journaled.makeIterator()
        return answers.map { ticket, answer in
            let notifications = answer == .stored ? stored.next() ?? [] : []
            let outcome = AppendOutcome(notifications: notifications, isDuplicate: answer == .duplicate)
            return Journal<Ticket>.Acknowledgement(ticket: ticket, result: .success(outcome))
        }
    }

    private mutating func add(_ batch: AlertBatch, sequence: inout Int64, dedupe: inout DedupeIndex) -> PlannedAnswer {
        guard let group = batch.notifications.first?.group else { return .nothing }
        let key = ShortDedupeKey(batch.dedupeKey, isRepeat: batch.isRepeat)
        guard !dedupe.isLast(key, of: group, isRepeat: batch.isRepeat, at: transaction.at) else { return .duplicate }
        if let seen = dedupe.remember(key, of: group, at: transaction.at) {
            transaction.seen.append(seen)
        }
        let entries = batch.notifications.map { notification in
            defer { sequence += 1 }
            return StoredNotification(
                id: JournalID(sequence: sequence, destination: notification.destination), notification: notification)
        }
        transaction.appends.append(entries)
        return .stored
    }
}

/// How one request of a transaction is answered.
private enum PlannedAnswer {
    /// Takes the next list of notifications of the transaction.
    case stored
    /// The payload holds no alerts: nothing to store.
    case nothing
    case duplicate
}
