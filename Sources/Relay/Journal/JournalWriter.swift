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
    var inspection: (any DispatchSourceTimer)?

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
        board.withLock { $0.degraded = recovery.degraded }
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
        switch state {
        case .failed, .closed: return .failure(state.refusal ?? .closed)
        case .open, .full: break
        }
        do throws(JournalStoreError) {
            let value = try body(store)
            refreshBoard()
            return .success(value)
        } catch {
            return .failure(conclude(error))
        }
    }

    func close() {
        dispatchPrecondition(condition: .onQueue(queue))
        guard state != .closed else { return }
        inspection?.cancel()
        repeat { work() } while inbox.withLock { $0.finishTurn() }
        do throws(JournalStoreError) {
            if case .failed = state {
                store.abandon()
            } else {
                try store.close(at: reporting.now())
            }
            change(to: .closed)
        } catch {
            _ = conclude(error)
        }
    }
}
