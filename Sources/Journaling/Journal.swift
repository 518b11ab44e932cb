package import Alerts
import Dispatch
import Support

/// The durable store of accepted notifications that are not settled yet.
///
/// Requests that arrive during a commit are written by the next one: one transaction with one fsync (group commit).
/// `Ticket` identifies a request to the caller. `acknowledge` is called once per commit with the results of its
/// requests, in the order of the appends.
package final class Journal<Ticket: Sendable>: Sendable {
    /// The result of one append.
    package struct Acknowledgement: Sendable {
        package var ticket: Ticket
        package var result: Result<AppendOutcome, JournalRefusal>
    }

    /// What opening the engine found. `snapshot` has the counts.
    package let recovery: JournalOpening

    private let settings: JournalSettings
    private let inbox: Locked<JournalInbox<Ticket>>
    private let latestSnapshot: Locked<JournalSnapshot>
    private let writer: JournalWriter<Ticket>

    /// Opens the engine on the calling thread and blocks until recovery is complete. Fails if it cannot be opened.
    ///
    /// - Parameters:
    ///   - now: The wall clock.
    ///   - acknowledge: Called on the journal queue when a commit is durable or has failed. It must not block.
    ///   - onFailure: Called once, on the journal queue, when the state becomes `failed`. The program must then exit
    ///     with an error.
    package init(
        opening engine: sending any JournalEngine,
        settings: JournalSettings = JournalSettings(),
        observer: (any JournalObserver)? = nil,
        now: @escaping @Sendable () -> Timestamp = { Timestamp.now() },
        onFailure: @escaping @Sendable (String) -> Void,
        acknowledge: @escaping @Sendable ([Acknowledgement]) -> Void
    ) throws(JournalOpenError) {
        self.settings = settings
        recovery = try engine.open(at: now())
        inbox = Locked(JournalInbox(settings: settings))
        latestSnapshot = Locked(JournalSnapshot())
        let callbacks = JournalCallbacks(
            observer: observer, now: now, onFailure: onFailure, acknowledge: acknowledge)
        writer = JournalWriter(
            engine: engine, recovery: recovery, settings: settings, inbox: inbox, latestSnapshot: latestSnapshot,
            callbacks: callbacks)
        writer.start()
    }

    /// Queues the notifications of a payload for the next commit, whose result goes to `acknowledge`. If it fails,
    /// `acknowledge` is not called for the ticket. Callable from any thread; does not block.
    ///
    /// - Parameter arrival: When the request arrived, for `JournalSettings.replyTimeout`; nil means now.
    package func append(
        _ batch: AlertBatch, for ticket: Ticket, arrival: ContinuousClock.Instant? = nil
    ) throws(JournalRefusal) {
        let sendBefore = settings.replyTimeout.map { SendLimit((arrival ?? .now).advanced(by: $0)) } ?? .none
        wake(
            try inbox.withLock { (inbox) throws(JournalRefusal) in
                try inbox.add(batch, for: ticket, sendBefore: sendBefore)
            })
    }

    /// Queues the outcome of a notification for the next commit, and retries until it is committed. Callable from any
    /// thread; does not block.
    package func settle(_ id: JournalID, as settlement: JournalSettlement) {
        settle([id], as: settlement, history: nil)
    }

    /// Queues the common outcome of notifications, with their history record, for one of the next commits.
    package func settle(_ ids: [JournalID], as settlement: JournalSettlement, history: HistoryRecord?) {
        guard !ids.isEmpty else { return }
        var settled = ids.map { id in
            JournalTransaction.Settled(id: id, settlement: settlement, isContinued: history != nil)
        }
        settled[settled.count - 1].history = history
        settled[settled.count - 1].isContinued = false
        wake(inbox.withLock { [settled] in $0.add(settled) })
    }

    /// Reads pending notifications after `after`, oldest first: at most `limit`, and none after their bodies reach
    /// `byteLimit` bytes. Waits for the journal queue: must not be called on it or on the loop.
    package func load(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int
    ) -> Result<PendingWindow, JournalRefusal> {
        withWriter { $0.load(destination, after: after, limit: limit, byteLimit: byteLimit) }
    }

    /// Commits the queued settlements, then reads at most `limit` pending notifications after `after`, oldest first,
    /// without their bodies. `completion` is called on the journal queue.
    package func rows(
        _ destination: Destination, after: JournalID?, limit: Int,
        completion: @escaping @Sendable (Result<PendingRows, JournalRefusal>) -> Void
    ) {
        writer.queue.async { [writer] in
            completion(writer.rows(destination, after: after, limit: limit))
        }
    }

    /// Commits the queued settlements and the hook records in one transaction, which is durable on return. Waits for
    /// the journal queue: must not be called on it or on the loop.
    ///
    /// Fails if the disk is full, or the journal is unavailable, closed or failed. Settlements are retried later, records are not.
    package func commitNow(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        withWriter { $0.commitNow(hooks) }
    }

    /// Assigns a persistent number to each receiver. Waits for the journal queue: must not be called on it or on the
    /// loop.
    ///
    /// - Parameter forgettingOthers: Removes the numbers of other receivers without notifications. Must be true only at
    ///   the start, when no notification is in flight.
    /// - Returns: All receivers with a number. If the disk is full or the journal unavailable, new receivers are missing, so that accepted
    ///   notifications can still be delivered.
    package func register(
        _ receivers: [String], forgettingOthers: Bool = false
    ) -> Result<[ReceiverID: String], JournalRefusal> {
        withWriter { $0.register(receivers, forgettingOthers: forgettingOthers) }
    }

    /// Whether appends are accepted. Callable from any thread; does not block.
    package var state: JournalState {
        inbox.withLock { $0.isClosing ? .closed : $0.state }
    }

    /// The figures for readiness and metrics. Callable from any thread; does not block.
    package var snapshot: JournalSnapshot {
        var snapshot = latestSnapshot.withLock { $0 }
        snapshot.state = state
        return snapshot
    }

    /// Calls `done` on the journal queue after the work that is already queued, to show that the queue makes progress.
    package func ping(_ done: @escaping @Sendable () -> Void) {
        writer.queue.async(execute: done)
    }

    /// Rejects new requests, commits the queued ones, acknowledges them, and closes the store. Blocks until then. A
    /// second call has no effect.
    ///
    /// - Returns: False if the storage failed. The next start then recovers the notifications on disk.
    @discardableResult
    package func close() -> Bool {
        inbox.withLock { $0.isClosing = true }
        return writer.queue.sync { writer.close() }
    }

    /// Runs `body` on the journal queue and waits for it. Must not be called on that queue or on the loop.
    func withWriter<Value: Sendable>(_ body: (JournalWriter<Ticket>) -> Value) -> Value {
        writer.queue.sync { body(writer) }
    }

    /// Runs `body` on the journal queue later.
    func onWriter(_ body: @escaping @Sendable (JournalWriter<Ticket>) -> Void) {
        writer.queue.async { [writer] in body(writer) }
    }

    private func wake(_ wake: JournalWake) {
        switch wake {
        case .none: break
        case .now: writer.queue.async { [writer] in writer.flushInbox() }
        case .soon:
            writer.queue.asyncAfter(deadline: .now() + settings.settleDelay.dispatch) { [writer] in
                writer.flushInbox()
            }
        }
    }
}

/// The result of a committed append.
package struct AppendOutcome: Sendable, Equatable {
    /// The stored notifications in the order of the batch; empty for a duplicate.
    package var notifications: [Journaled<Notification>]
    /// Whether an identical payload is already in the journal. Nothing was stored; the response is the same as for it.
    package var isDuplicate: Bool
}

/// Operations on dead letters. Each call waits for the journal queue: it must not be made on it or on the loop. Each
/// fails if the journal is unavailable, closed or failed.
extension Journal {
    /// Returns at most `limit` dead letters after `after`, in the order of their ids.
    package func deadLetters(after: JournalID? = nil, limit: Int) throws(JournalRefusal) -> [DeadLetter] {
        try withWriter { writer in
            writer.attempt { engine throws(JournalStoreError) in try engine.deadLetters(after: after, limit: limit) }
        }.get()
    }

    /// Returns nil if the dead letter does not exist.
    package func deadLetter(_ id: JournalID) throws(JournalRefusal) -> DeadLetterContent? {
        try withWriter { writer in
            writer.attempt { engine throws(JournalStoreError) in try engine.deadLetter(id) }
        }.get()
    }

    /// Returns the ids that exist as dead letters. It blocks the journal queue, so pass at most a thousand ids.
    package func existing(_ ids: [JournalID]) throws(JournalRefusal) -> Set<JournalID> {
        try withWriter { writer in
            writer.attempt { engine throws(JournalStoreError) in
                var existing: Set<JournalID> = []
                for id in ids {
                    let previous = JournalID(rawValue: id.rawValue - 1)
                    if try engine.deadLetters(after: previous, limit: 1).first?.id == id { existing.insert(id) }
                }
                return existing
            }
        }.get()
    }

    /// Makes dead letters pending again, under new ids. The caller must dispatch the returned entries. Their bodies are
    /// in memory together, so pass at most a hundred ids.
    ///
    /// - Parameter isForced: Forgets `Notification.laterStates`, so that their alerts are shown as accepted.
    package func replay(
        _ ids: [JournalID], isForced: Bool = false
    ) throws(JournalRefusal) -> Replay<Journaled<Notification>> {
        let records = try records(of: ids, .replayed)
        return try withWriter { $0.replay(ids, isForced: isForced, records) }.get()
    }

    /// Deletes dead letters permanently. Returns the number of deleted ones.
    package func drop(_ ids: [JournalID]) throws(JournalRefusal) -> Int {
        let records = try records(of: ids, .dropped)
        return try withWriter { $0.drop(ids, records) }.get()
    }

    /// The history records of those dead letters that exist. Reads one body at a time.
    private func records(
        of ids: [JournalID], _ outcome: HistoryEntry.Outcome
    ) throws(JournalRefusal) -> [JournalID: HistoryRecord] {
        var records: [JournalID: HistoryRecord] = [:]
        for id in ids {
            if let content = try deadLetter(id) { records[id] = record(of: content, outcome) }
        }
        return records
    }
}

/// An error of an engine. The transaction is not stored, except possibly for `unavailable` and `broken`.
package enum JournalStoreError: Error, Equatable {
    case full(FullReason)
    /// Only of a shared engine. The engine works again later; the transaction may or may not be stored.
    case unavailable(UnavailableReason)
    /// The engine must not be used again. The next start may or may not find the transaction.
    case broken(String)
}

/// Why the journal cannot be opened.
package enum JournalOpenError: Error, Equatable {
    /// Another process uses this spool. `process` is its id, if the lock file contains it.
    case locked(folder: String, process: Int32?)
    /// A later version of the relay wrote the file. It is not changed.
    case newerSchema(path: String, found: Int, known: Int)
    /// The database belongs to another program. It is not changed.
    case foreign(path: String)
    case unusable(path: String, reason: String)
    /// Another user could replace the files of the spool.
    case insecure(path: String, reason: String)

    /// Whether only an operator can remove the cause, so that a retry is useless.
    package var needsOperator: Bool {
        switch self {
        case .newerSchema, .foreign, .insecure: true
        case .locked, .unusable: false
        }
    }
}

extension JournalOpenError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .locked(let folder, let process?):
            "the spool in \(folder) is in use by process \(process)"
        case .locked(let folder, nil):
            "the spool in \(folder) is in use by another process"
        case .newerSchema(let path, let found, let known):
            "\(path) has schema version \(found), written by a later relay; this one knows versions up to \(known)"
        case .foreign(let path):
            "\(path) is a database of another program"
        case .unusable(let path, let reason):
            "\(path) cannot be used: \(reason)"
        case .insecure(let path, let reason):
            "\(path) is not used: \(reason)"
        }
    }
}
