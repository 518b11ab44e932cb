import Alerts
import Dispatch
import Support

/// Commits the content of the inbox on the journal queue, acknowledges it, and keeps the journal's state.
///
/// Owned by `Journal`.
// @unchecked because mutable state is accessed only on `queue`, which each entry point checks.
final class JournalWriter<Ticket: Sendable>: @unchecked Sendable {
    let queue = DispatchQueue(label: "journal", qos: .userInitiated)

    let engine: any JournalEngine
    let recovery: JournalOpening
    let settings: JournalSettings
    let inbox: Locked<JournalInbox<Ticket>>
    let latestSnapshot: Locked<JournalSnapshot>
    let callbacks: JournalCallbacks<Ticket>
    /// Settlements that are not committed yet.
    var unsettled: [JournalTransaction.Settled] = []
    var state = JournalState.open
    var shares = JournalShares()
    var duplicates = DuplicateLog()
    var inspection: (any DispatchSourceTimer)?

    /// False while the engine is unavailable, and after it has failed or is closed. Each call of the engine can change it.
    var isUsable: Bool {
        switch state {
        case .open, .full: true
        case .unavailable, .failed, .closed: false
        }
    }

    var isUnavailable: Bool {
        if case .unavailable = state { true } else { false }
    }

    init(
        engine: any JournalEngine, recovery: JournalOpening, settings: JournalSettings,
        inbox: Locked<JournalInbox<Ticket>>, latestSnapshot: Locked<JournalSnapshot>,
        callbacks: JournalCallbacks<Ticket>
    ) {
        self.engine = engine
        engine.historyLimits = settings.history
        self.recovery = recovery
        self.settings = settings
        self.inbox = inbox
        self.latestSnapshot = latestSnapshot
        self.callbacks = callbacks
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
        attempt { engine throws(JournalStoreError) in
            let now = callbacks.now()
            let (window, damaged) = try engine.load(
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
            attempt { engine throws(JournalStoreError) in
                let (rows, damaged) = try engine.rows(destination, after: after, limit: limit, at: callbacks.now())
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
        attempt { engine throws(JournalStoreError) in
            let note = HistoryNote(records: records, at: callbacks.now())
            return try engine.requeue(ids, isForced: isForced, history: note)
        }
    }

    func drop(_ ids: [JournalID], _ records: [JournalID: HistoryRecord]) -> Result<Int, JournalRefusal> {
        attempt { engine throws(JournalStoreError) in
            try engine.drop(ids, history: HistoryNote(records: records, at: callbacks.now()))
        }
    }

    /// Reads a page of the history, without rows that are too old.
    func history(before: Int64?, rows: Int, bytes: Int) -> Result<StoredHistory, JournalRefusal> {
        attempt { engine throws(JournalStoreError) in
            var page = try engine.history(before: before, limit: rows, byteLimit: bytes)
            page.rows.removeAll { !engine.historyLimits.keeps($0.at, at: callbacks.now()) }
            return page
        }
    }

    func keepHistory(_ limits: HistoryLimits) {
        dispatchPrecondition(condition: .onQueue(queue))
        engine.historyLimits = limits
    }

    /// Calls `body` with the engine. Fails if the engine is unavailable, failed or closed. An error updates the state,
    /// except `unavailable`: only commits and inspections decide whether appends are accepted.
    func attempt<Value>(
        _ body: (any JournalEngine) throws(JournalStoreError) -> Value
    ) -> Result<Value, JournalRefusal> {
        dispatchPrecondition(condition: .onQueue(queue))
        guard isUsable else { return .failure(state.refusal ?? .closed) }
        do throws(JournalStoreError) {
            let value = try body(engine)
            refreshSnapshot()
            return .success(value)
        } catch .unavailable(let reason) {
            return .failure(.unavailable(reason))
        } catch {
            return .failure(handle(error))
        }
    }

    /// `Journal.register`. Retries once if the disk is full, because the engine then releases its ballast.
    func register(
        _ names: [String], forgettingOthers: Bool
    ) -> Result<[ReceiverID: String], JournalRefusal> {
        for _ in 1...2 {
            let result = attempt { engine throws(JournalStoreError) in
                try engine.register(names, forgettingOthers: forgettingOthers)
            }
            switch result {
            case .failure(.full): continue
            case .failure(.unavailable): return .success(engine.receivers)
            default: return result
            }
        }
        return .success(engine.receivers)
    }

    /// Commits the inbox and closes the engine. Returns false if the storage failed.
    func close() -> Bool {
        dispatchPrecondition(condition: .onQueue(queue))
        guard state != .closed else { return true }
        inspection?.cancel()
        // The last attempt to commit settlements.
        if isUnavailable { inspect() }
        repeat { writeBatch() } while inbox.withLock { $0.finishStep() }
        writeDuplicates(isLast: true)
        // On a full disk the first attempt releases the ballast. If the second fails too, the next start recovers.
        for _ in 1...2 where isUsable {
            do throws(JournalStoreError) {
                try engine.close(at: callbacks.now())
                change(to: .closed)
            } catch {
                _ = handle(error)
            }
        }
        guard isUsable || isUnavailable else { return state == .closed }
        // Notifications whose settlement is lost here are posted again.
        let isComplete = isUsable || unsettled.isEmpty
        engine.closeWithoutFlush()
        change(to: .closed)
        return isComplete
    }
}
