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

/// What one commit writes: all of it or nothing.
struct JournalTransaction: Sendable {
    struct Settled: Sendable, Equatable {
        var id: JournalID
        var settlement: Settlement
    }

    /// The notifications of each accepted payload.
    var appends: [[StoredNotification]] = []
    /// The dedupe keys of the payloads, in the order of their ids.
    var seen: [SeenKey] = []
    /// Dedupe keys up to this id are deleted.
    var forgetSeenThrough: Int64?
    /// Ids that are not pending any more are passed over, so a settlement may safely come twice.
    var settlements: [Settled] = []
    /// Each replaces the record with the same key.
    var hooks: [HookRow] = []
    /// When it is committed, by the wall clock: dead letters die at this moment.
    var at: Timestamp

    var isEmpty: Bool {
        appends.isEmpty && seen.isEmpty && forgetSeenThrough == nil && settlements.isEmpty && hooks.isEmpty
    }

    /// The bytes of all bodies.
    var bytes: Int {
        appends.joined().reduce(0) { $0 + $1.notification.body.count }
    }
}

/// A notification with its place in the journal, before or after it is stored: only `Journaled` says that it is.
struct StoredNotification: Sendable, Equatable {
    var id: JournalID
    var notification: Notification
}

/// What the journal keeps of one hook: opaque to it.
struct HookRow: Sendable, Equatable {
    var key: [UInt8]
    var value: [UInt8]
}

/// The state in which a group was accepted, as the journal remembers it.
struct SeenKey: Sendable, Equatable {
    /// Sequential, a count of its own.
    var id: Int64
    /// Nil in a row of an earlier version, by which no duplicate is found.
    var group: UInt64?
    var key: ShortDedupeKey
    var at: Timestamp

    /// As a row holds it: the key and, behind it, the group.
    var bytes: [UInt8] { key.bytes + (group.map(\.bigEndianBytes) ?? []) }

    init(id: Int64, group: UInt64?, key: ShortDedupeKey, at: Timestamp) {
        (self.id, self.group, self.key, self.at) = (id, group, key, at)
    }

    init(id: Int64, bytes: [UInt8], at: Timestamp) {
        let group = bytes.count == 24 ? bytes[16...].reduce(0) { $0 << 8 | UInt64($1) } : nil
        self.init(id: id, group: group, key: ShortDedupeKey(bytes: bytes), at: at)
    }
}

/// The first 16 bytes of a dedupe key: two different payloads share them once in 2^64 pairs.
struct ShortDedupeKey: Sendable, Hashable {
    var high: UInt64
    var low: UInt64

    init(_ key: DedupeKey, isRepeat: Bool) {
        self.init(bytes: key.bytes)
        if isRepeat { self = asRepeat }
    }

    /// The same state, sent once more on purpose.
    var asRepeat: ShortDedupeKey {
        var key = self
        key.low = ~low
        return key
    }

    /// Missing bytes count as zero.
    init(bytes: some Sequence<UInt8>) {
        var words: [UInt64] = [0, 0]
        for (index, byte) in bytes.prefix(16).enumerated() {
            words[index / 8] |= UInt64(byte) << (56 - index % 8 * 8)
        }
        high = words[0]
        low = words[1]
    }

    var bytes: [UInt8] { high.bigEndianBytes + low.bigEndianBytes }
}

extension UInt64 {
    fileprivate var bigEndianBytes: [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: self >> $0) }
    }
}

/// The final outcome of a journalled notification.
enum Settlement: Sendable, Equatable {
    case delivered
    /// Not delivered, and of no use any more: too old, and resolved since.
    case expired
    /// Given up: kept for a person to read and replay.
    case dead(reason: DeadLetterReason, attempts: Int, answer: String?)

    /// Nothing of it is kept.
    var isFinal: Bool {
        switch self {
        case .delivered, .expired: true
        case .dead: false
        }
    }
}

/// Why a notification became a dead letter; the raw value is a label in metrics, so the set of them stays small.
struct DeadLetterReason: RawRepresentable, Hashable, Sendable {
    let rawValue: String

    /// The row's checksum does not fit its content: the storage changed it.
    static let damaged = DeadLetterReason(rawValue: "crc")
}

/// A notification given up on, as a list shows it.
struct DeadLetter: Sendable, Equatable {
    var id: JournalID
    var severity: Severity
    var destination: Destination { Destination(receiver: id.destination.receiver, severity: severity) }
    var group: UInt64
    var acceptedAt: Timestamp
    var diedAt: Timestamp
    var reason: DeadLetterReason
    /// Delivery attempts made; 0 when none was.
    var attempts: Int
    /// What the room answered last.
    var answer: String?
    /// The body's size in bytes.
    var size: Int
}

/// A dead letter with the webhook body it holds.
struct DeadLetterContent: Sendable, Equatable {
    var letter: DeadLetter
    var body: [UInt8]
    /// False when the checksum does not fit: such a letter can be read but not replayed.
    var isIntact: Bool
    /// As on the notification: it is kept when the letter is replayed.
    var isResolved = false
}

/// What became of the dead letters that a replay named.
struct Replay<Entry: Sendable>: Sendable {
    /// Pending again, under new ids, in the order named.
    var entries: [Entry] = []
    /// Left where they are because their content is damaged.
    var damaged: [JournalID] = []
    /// No such dead letter.
    var missing: [JournalID] = []
}
