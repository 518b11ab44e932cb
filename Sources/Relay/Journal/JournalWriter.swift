import Dispatch
import Libevent

/// The journal's side of its queue: takes from the inbox, commits, answers, and keeps the state.
///
/// Nobody but `Journal` holds one.
// @unchecked because everything mutable is only touched on `queue`, which each entry checks.
final class JournalWriter<Ticket: Sendable>: @unchecked Sendable {
    let queue = DispatchQueue(label: "journal", qos: .userInitiated)

    let store: any JournalStore
    let recovery: JournalRecovery
    let settings: JournalSettings
    let inbox: Locked<JournalInbox<Ticket>>
    let board: Locked<JournalSnapshot>
    let reporting: JournalReporting<Ticket>
    var dedupe: DedupeIndex
    var nextSequence: Int64
    /// Settlements that no commit has taken yet.
    var unsettled: [JournalTransaction.Settled] = []
    var state = JournalState.open
    var shares = JournalShares()
    var inspection: (any DispatchSourceTimer)?

    /// False once the store has failed or is closed. Any step that touches the store may change it, so each asks anew.
    var isUsable: Bool {
        switch state {
        case .open, .full: true
        case .failed, .closed: false
        }
    }

    init(
        store: any JournalStore, recovery: JournalRecovery, settings: JournalSettings,
        inbox: Locked<JournalInbox<Ticket>>, board: Locked<JournalSnapshot>, reporting: JournalReporting<Ticket>
    ) {
        self.store = store
        self.recovery = recovery
        self.settings = settings
        self.inbox = inbox
        self.board = board
        self.reporting = reporting
        dedupe = DedupeIndex(
            window: settings.dedupeWindow, capacity: settings.dedupeCapacity,
            seen: recovery.seen, lastID: recovery.lastSeenID)
        nextSequence = recovery.nextSequence
        board.withLock {
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
    func turn() {
        dispatchPrecondition(condition: .onQueue(queue))
        work()
        if inbox.withLock({ $0.finishTurn() }) {
            queue.async { self.turn() }
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
            let replay = try store.revive(ids, firstSequence: nextSequence)
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
            refreshBoard()
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
        repeat { work() } while inbox.withLock { $0.finishTurn() }
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
        store.abandon()
        change(to: .closed)
        return true
    }
}
