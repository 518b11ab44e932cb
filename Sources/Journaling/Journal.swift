package import Alerts
import Dispatch
import Support

/// The durable record of what was accepted and is not settled yet.
///
/// What arrives while one commit runs is written by the next, in one transaction with one fsync. `Ticket` is whatever
/// the caller needs to answer a request: it comes back with the result, all tickets of one commit in one call of
/// `acknowledge`, in the order of their appends.
package final class Journal<Ticket: Sendable>: Sendable {
    /// The end of one append.
    package struct Acknowledgement: Sendable {
        package var ticket: Ticket
        package var result: Result<AppendOutcome, JournalRefusal>
    }

    /// What opening found; its counts are in `snapshot`.
    package let recovery: JournalRecovery

    private let settings: JournalSettings
    private let inbox: Locked<JournalInbox<Ticket>>
    private let latestSnapshot: Locked<JournalSnapshot>
    private let writer: JournalWriter<Ticket>

    /// Opens the store on the calling thread and blocks for as long as recovery takes.
    ///
    /// - Parameters:
    ///   - now: The wall clock.
    ///   - acknowledge: Called on the journal's queue once a commit is durable or has failed; hand the list on and
    ///     return.
    ///   - onFailure: Called once, on the journal's queue, when the state becomes failed: exit non-zero.
    package init(
        opening store: sending any JournalStore,
        settings: JournalSettings = JournalSettings(),
        observer: (any JournalObserver)? = nil,
        now: @escaping @Sendable () -> Timestamp = { Timestamp.now() },
        onFailure: @escaping @Sendable (String) -> Void,
        acknowledge: @escaping @Sendable ([Acknowledgement]) -> Void
    ) throws(JournalOpenError) {
        self.settings = settings
        recovery = try store.open(at: now())
        inbox = Locked(JournalInbox(settings: settings))
        latestSnapshot = Locked(JournalSnapshot())
        let reporting = JournalReporting(
            observer: observer, now: now, onFailure: onFailure, acknowledge: acknowledge)
        writer = JournalWriter(
            store: store, recovery: recovery, settings: settings, inbox: inbox, latestSnapshot: latestSnapshot,
            reporting: reporting)
        writer.start()
    }

    /// Takes the notifications of a payload, to be answered through `acknowledge`; a throw is the answer itself.
    /// Callable from any thread, never blocks.
    package func append(_ batch: AlertBatch, for ticket: Ticket) throws(JournalRefusal) {
        wake(try inbox.withLock { (inbox) throws(JournalRefusal) in try inbox.add(batch, for: ticket) })
    }

    /// Writes the final outcome of a notification with the next commit, and tries until it is written. Callable from
    /// any thread, never blocks.
    package func settle(_ id: JournalID, as settlement: JournalSettlement) {
        wake(inbox.withLock { $0.add(JournalTransaction.Settled(id: id, settlement: settlement)) })
    }

    /// Reads pending notifications behind `after`, oldest first; at most `limit`, and no more once `byteLimit` bytes
    /// of bodies are reached. Waits for the journal's queue: must not be called on it or on the loop.
    package func load(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int
    ) -> Result<PendingWindow, JournalRefusal> {
        withWriter { $0.load(destination, after: after, limit: limit, byteLimit: byteLimit) }
    }

    /// Commits the waiting settlements, then reads pending notifications behind `after`, oldest first, without their
    /// bodies. `completion` runs on the journal's queue.
    package func rows(
        _ destination: Destination, after: JournalID?, limit: Int,
        completion: @escaping @Sendable (Result<PendingRows, JournalRefusal>) -> Void
    ) {
        writer.queue.async { [writer] in
            completion(writer.rows(destination, after: after, limit: limit))
        }
    }

    /// Commits what was settled until now, and these records with it, in one transaction that is durable on return. Waits
    /// for the journal's queue: must not be called on it or on the loop.
    ///
    /// Fails if the disk is full or the journal has ended. The settlements are then tried again later, the records are
    /// not.
    package func commitNow(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        withWriter { $0.commitNow(hooks) }
    }

    /// Gives each receiver a number that the journal remembers it by, from now on and after a restart. Waits for the
    /// journal's queue: never to be called on the loop.
    ///
    /// - Parameter forgettingOthers: those that are not named and for whom there is nothing lose their numbers; only at
    ///   the start, while nothing can be under way to them.
    /// - Returns: all that are known, of those not named the ones for whom there is, or may be, something. On a full
    ///   disk the new ones are missing: what is accepted already must be delivered all the same.
    package func register(
        _ receivers: [String], forgettingOthers: Bool = false
    ) -> Result<[ReceiverID: String], JournalRefusal> {
        withWriter { $0.register(receivers, forgettingOthers: forgettingOthers) }
    }

    /// Whether appends are taken; cheap, from any thread.
    package var state: JournalState {
        inbox.withLock { $0.isClosing ? .closed : $0.state }
    }

    /// For readiness and metrics; cheap, from any thread.
    package var snapshot: JournalSnapshot {
        var snapshot = latestSnapshot.withLock { $0 }
        snapshot.state = state
        return snapshot
    }

    /// Calls `done` on the journal's queue once what it was given before is done: a sign that it is not stuck.
    package func ping(_ done: @escaping @Sendable () -> Void) {
        writer.queue.async(execute: done)
    }

    /// Takes no more, commits what was taken and ends the store so that the next start finds it closed. Blocks for
    /// that; acknowledgements come before it returns. A second call does nothing.
    ///
    /// - Returns: false where storage failed: the next start recovers what is on disk.
    @discardableResult
    package func close() -> Bool {
        inbox.withLock { $0.isClosing = true }
        return writer.queue.sync { writer.close() }
    }

    /// Runs `body` with the store on the journal's queue and waits for it: never on the loop.
    func withWriter<Value: Sendable>(_ body: (JournalWriter<Ticket>) -> Value) -> Value {
        writer.queue.sync { body(writer) }
    }

    private func wake(_ wake: JournalWake) {
        switch wake {
        case .none: break
        case .now: writer.queue.async { [writer] in writer.writeWaiting() }
        case .soon:
            writer.queue.asyncAfter(deadline: .now() + settings.settleDelay.dispatch) { [writer] in
                writer.writeWaiting()
            }
        }
    }
}

/// What an append led to.
package struct AppendOutcome: Sendable, Equatable {
    /// On disk now, in the order of the batch; empty for a duplicate.
    package var notifications: [Journaled<Notification>]
    /// An identical payload is journalled already: nothing was stored, and it may be answered like the first.
    package var isDuplicate: Bool
}

/// Work on dead letters. Each call waits for the journal's queue: never make one on the loop.
extension Journal {
    /// In the order of their ids, from behind `after`.
    package func deadLetters(after: JournalID? = nil, limit: Int) throws(JournalRefusal) -> [DeadLetter] {
        try withWriter { writer in
            writer.attempt { store throws(JournalStoreError) in try store.deadLetters(after: after, limit: limit) }
        }.get()
    }

    /// Nil where there is none with this id.
    package func deadLetter(_ id: JournalID) throws(JournalRefusal) -> DeadLetterContent? {
        try withWriter { writer in
            writer.attempt { store throws(JournalStoreError) in try store.deadLetter(id) }
        }.get()
    }

    /// Which of these dead letters there are, in one visit to the journal's queue: name a thousand at a time.
    package func existing(_ ids: [JournalID]) throws(JournalRefusal) -> Set<JournalID> {
        try withWriter { writer in
            writer.attempt { store throws(JournalStoreError) in
                var existing: Set<JournalID> = []
                for id in ids {
                    let behind = JournalID(rawValue: id.rawValue - 1)
                    if try store.deadLetters(after: behind, limit: 1).first?.id == id { existing.insert(id) }
                }
                return existing
            }
        }.get()
    }

    /// Makes dead letters pending again, under new ids; dispatch what comes back. All of them are in memory at once,
    /// so name a hundred at a time.
    package func replay(_ ids: [JournalID]) throws(JournalRefusal) -> Replay<Journaled<Notification>> {
        try withWriter { $0.replay(ids) }.get()
    }

    /// Deletes dead letters for good and says how many there were.
    package func drop(_ ids: [JournalID]) throws(JournalRefusal) -> Int {
        try withWriter { writer in
            writer.attempt { store throws(JournalStoreError) in try store.drop(ids) }
        }.get()
    }
}

/// How the journal gathers and remembers; the defaults are the program's.
package struct JournalSettings: Sendable {
    /// How long an identical payload is taken for a duplicate; zero for never.
    package var dedupeWindow: Duration = .seconds(60)
    /// Remembered dedupe keys at most; beyond it the oldest is forgotten.
    var dedupeCapacity = 262_144
    /// Larger transactions are slower for each row and delay the answers: as measured, commits of 64 rows last 0.73 ms
    /// and those of 512 rows 6.5 to 8 ms.
    var requestsPerCommit = 128
    package var bytesPerCommit = 8 << 20
    /// A folded message settles thousands at once, which webhooks must not wait for.
    var settlementsPerCommit = 1024
    /// What may wait for the disk at one time, of critical; other severities have their shares of it. A single payload
    /// is taken however large it is.
    var inboxRequests = 8192
    var inboxBytes = 64 << 20
    /// How long a settlement waits for an append to ride with.
    var settleDelay: Duration = .milliseconds(2)
    var inspectionInterval: Duration = .seconds(1)

    package init(
        dedupeWindow: Duration = .seconds(60), dedupeCapacity: Int = 262_144, requestsPerCommit: Int = 128,
        bytesPerCommit: Int = 8 << 20, settlementsPerCommit: Int = 1024, inboxRequests: Int = 8192,
        inboxBytes: Int = 64 << 20, settleDelay: Duration = .milliseconds(2), inspectionInterval: Duration = .seconds(1)
    ) {
        self.dedupeWindow = dedupeWindow
        self.dedupeCapacity = dedupeCapacity
        self.requestsPerCommit = requestsPerCommit
        self.bytesPerCommit = bytesPerCommit
        self.settlementsPerCommit = settlementsPerCommit
        self.inboxRequests = inboxRequests
        self.inboxBytes = inboxBytes
        self.settleDelay = settleDelay
        self.inspectionInterval = inspectionInterval
    }
}

/// Why a storage engine could not do what was asked. Nothing of the transaction is stored, unless it says otherwise.
package enum JournalStoreError: Error, Equatable {
    case full(FullReason)
    /// The engine is not to be used again; what the transaction held may or may not be found at the next start.
    case broken(String)
}

/// Why the journal cannot be opened.
package enum JournalOpenError: Error, Equatable {
    /// Another process works on this spool; its id where the lock file tells.
    case locked(folder: String, process: Int32?)
    /// Written by a later version of the relay; the file is left as it is.
    case newerSchema(path: String, found: Int, known: Int)
    /// A database that is none of ours; the file is left as it is.
    case foreign(path: String)
    case unusable(path: String, reason: String)
    /// Somebody else could put files of theirs in the spool's place.
    case insecure(path: String, reason: String)

    /// To try again changes nothing before a person has.
    package var needsPerson: Bool {
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
