/// The storage engine under the journal: synchronous, used on one queue only.
///
/// Once `commit` has returned, its transaction survives a kill and a power cut. `JournalStoreTests` states the rest of
/// what any engine must do.
protocol JournalStore: AnyObject {
    /// Makes the engine ready and finds what an earlier process left. Called once, first.
    func open(at now: Timestamp) throws(JournalOpenError) -> JournalRecovery

    /// Gives each name a number, unless it has one or none is left, and returns all that have one. Numbers of others are
    /// kept, or taken back where there is nothing for them.
    func register(_ names: [String], forgettingOthers: Bool) throws(JournalStoreError) -> [ReceiverID: String]

    func commit(_ transaction: JournalTransaction) throws(JournalStoreError)

    /// The work that may wait until a commit has been answered, such as a checkpoint.
    func maintain() throws(JournalStoreError)

    /// The pending notifications for one destination behind `after`, in the order of their ids: at most `limit`, and no
    /// more once `byteLimit` bytes of bodies are reached, but at least one. Damaged ones become dead letters instead.
    func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> StoredWindow

    /// As `pending`, without a look at the bodies. Rows out of place become dead letters instead; says how many.
    func rows(
        _ destination: Destination, after: JournalID?, limit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (rows: PendingRows, damaged: Int)

    /// The names of the receivers that have a number.
    var receivers: [ReceiverID: String] { get }
    var pendingCounts: [Destination: Int] { get }
    var deadLetterCounts: [Destination: Int] { get }
    var usage: JournalUsage { get }
    /// Whether a journal that was at its limit has enough room to take appends again.
    var hasRoom: Bool { get }

    func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp?

    /// In the order of their ids.
    func deadLetters(after: JournalID?, limit: Int) throws(JournalStoreError) -> [DeadLetter]
    func deadLetter(_ id: JournalID) throws(JournalStoreError) -> DeadLetterContent?
    /// Makes the dead letters pending again in one transaction; the id of each is made of a sequence number from
    /// `firstSequence` on.
    func replay(
        _ ids: [JournalID], firstSequence: Int64
    ) throws(JournalStoreError) -> Replay<StoredNotification>
    /// Deletes dead letters for good and says how many there were.
    func drop(_ ids: [JournalID]) throws(JournalStoreError) -> Int

    /// Looks after the space that the journal needs and whether its files are still there.
    func inspect() throws(JournalStoreError) -> StorageSpace
    /// Gives up the reserve after the disk was found full, so that settling and checkpoints work again.
    func relieve() throws(JournalStoreError)

    /// Ends orderly; the engine is not used again.
    func close(at now: Timestamp) throws(JournalStoreError)
    /// Ends without writing anything more.
    func abandon()
}

/// What opening a journal found.
struct JournalRecovery: Sendable, Equatable {
    /// No id with a sequence number from here on was ever given.
    var nextSequence: Int64
    /// The remembered dedupe keys, oldest first.
    var seen: [SeenKey] = []
    /// The highest id a dedupe key ever had in this journal; 0 for none.
    var lastSeenID: Int64 = 0
    /// The hooks' records, damaged ones left out.
    var hooks: [HookRow] = []
    /// The last process closed the journal, or there was none.
    var wasClosed: Bool
    /// Something a person should look at, in a sentence; nil when all is well.
    var degraded: String?
    /// Acknowledged notifications of which nothing was found.
    var missing = 0
}

/// A part of what is pending.
struct StoredWindow: Sendable, Equatable {
    var notifications: [StoredNotification] = []
    /// The last id that was looked at; go on behind it.
    var cursor: JournalID?
    /// Nothing is pending behind the cursor.
    var isLast = true
    /// How many damaged notifications were found and set aside.
    var damaged = 0
}

struct JournalUsage: Sendable, Equatable {
    var usedBytes: Int64
    var limitBytes: Int64
    /// What appends may fill: below the limit, so that settlements have space.
    var appendLimitBytes: Int64
}

enum StorageSpace: Sendable, Equatable {
    case ample
    /// Below the reserve: no more appends.
    case low
}
