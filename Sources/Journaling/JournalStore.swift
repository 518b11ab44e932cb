package import Alerts
import Support

/// The storage engine under the journal: synchronous, used on one queue only.
///
/// Once `commit` has returned, its transaction survives a kill and a power cut. `JournalStoreTests` states the rest of
/// what any engine must do.
package protocol JournalStore: AnyObject {
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
    var hasCapacity: Bool { get }

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
    func releaseBallast() throws(JournalStoreError)

    /// Ends orderly; the engine is not used again.
    func close(at now: Timestamp) throws(JournalStoreError)
    /// Ends without writing anything more.
    func closeWithoutFlush()
}

/// What opening a journal found.
package struct JournalRecovery: Sendable, Equatable {
    /// No id with a sequence number from here on was ever given.
    package var nextSequence: Int64
    /// The remembered dedupe keys, oldest first.
    package var seen: [SeenKey] = []
    /// The highest id a dedupe key ever had in this journal; 0 for none.
    package var lastSeenID: Int64 = 0
    /// The hooks' records, damaged ones left out.
    package var hooks: [HookRow] = []
    /// The last process closed the journal, or there was none.
    package var wasClosed: Bool
    /// Something a person should look at, in a sentence; nil when all is well.
    package var degraded: String?
    /// Acknowledged notifications of which nothing was found.
    package var missing = 0

    package init(
        nextSequence: Int64, seen: [SeenKey] = [], lastSeenID: Int64 = 0, hooks: [HookRow] = [], wasClosed: Bool,
        degraded: String? = nil, missing: Int = 0
    ) {
        self.nextSequence = nextSequence
        self.seen = seen
        self.lastSeenID = lastSeenID
        self.hooks = hooks
        self.wasClosed = wasClosed
        self.degraded = degraded
        self.missing = missing
    }
}

/// A part of what is pending.
package struct StoredWindow: Sendable, Equatable {
    package var notifications: [StoredNotification] = []
    /// The last id that was looked at; go on behind it.
    package var cursor: JournalID?
    /// Nothing is pending behind the cursor.
    package var isLast = true
    /// How many damaged notifications were found and set aside.
    package var damaged = 0

    package init(
        notifications: [StoredNotification] = [], cursor: JournalID? = nil, isLast: Bool = true, damaged: Int = 0
    ) {
        self.notifications = notifications
        self.cursor = cursor
        self.isLast = isLast
        self.damaged = damaged
    }
}

package struct JournalUsage: Sendable, Equatable {
    package var usedBytes: Int64
    package var limitBytes: Int64
    /// What appends may fill: below the limit, so that settlements have space.
    package var appendLimitBytes: Int64

    package init(usedBytes: Int64, limitBytes: Int64, appendLimitBytes: Int64) {
        self.usedBytes = usedBytes
        self.limitBytes = limitBytes
        self.appendLimitBytes = appendLimitBytes
    }
}

package enum StorageSpace: Sendable, Equatable {
    case ample
    /// Below the reserve: no more appends.
    case low
}

/// What one commit writes: all of it or nothing.
package struct JournalTransaction: Sendable {
    package struct Settled: Sendable, Equatable {
        package var id: JournalID
        package var settlement: JournalSettlement
    }

    /// The notifications of each accepted payload.
    package var appends: [[StoredNotification]] = []
    /// The dedupe keys of the payloads, in the order of their ids.
    package var seen: [SeenKey] = []
    /// Dedupe keys up to this id are deleted.
    package var forgetSeenThrough: Int64?
    /// Ids that are not pending any more are passed over, so a settlement may safely come twice.
    package var settlements: [Settled] = []
    /// Each replaces the record with the same key.
    package var hooks: [HookRow] = []
    /// When it is committed, by the wall clock: dead letters die at this moment.
    package var at: Timestamp

    package var isEmpty: Bool {
        appends.isEmpty && seen.isEmpty && forgetSeenThrough == nil && settlements.isEmpty && hooks.isEmpty
    }

    /// The bytes of all bodies.
    package var bytes: Int {
        appends.joined().reduce(0) { $0 + $1.notification.body.count }
    }
}

/// A notification with its place in the journal, before or after it is stored: only `Journaled` says that it is.
package struct StoredNotification: Sendable, Equatable {
    package var id: JournalID
    package var notification: Notification

    package init(id: JournalID, notification: Notification) {
        self.id = id
        self.notification = notification
    }
}

/// What the journal keeps of one hook: opaque to it.
package struct HookRow: Sendable, Equatable {
    package var key: [UInt8]
    package var value: [UInt8]

    package init(key: [UInt8], value: [UInt8]) {
        self.key = key
        self.value = value
    }
}

/// The state in which a group was accepted, as the journal remembers it.
package struct SeenKey: Sendable, Equatable {
    /// Sequential, a count of its own.
    package var id: Int64
    /// Nil in a row of an earlier version, by which no duplicate is found.
    package var group: UInt64?
    package var key: ShortDedupeKey
    package var at: Timestamp

    /// As a row holds it: the key and, behind it, the group.
    package var bytes: [UInt8] { key.bytes + (group.map(\.bigEndianBytes) ?? []) }

    package init(id: Int64, group: UInt64?, key: ShortDedupeKey, at: Timestamp) {
        (self.id, self.group, self.key, self.at) = (id, group, key, at)
    }

    package init(id: Int64, bytes: [UInt8], at: Timestamp) {
        let group = bytes.count == 24 ? bytes[16...].reduce(0) { $0 << 8 | UInt64($1) } : nil
        self.init(id: id, group: group, key: ShortDedupeKey(bytes: bytes), at: at)
    }
}

/// The first 16 bytes of a dedupe key: two different payloads share them once in 2^64 pairs.
package struct ShortDedupeKey: Sendable, Hashable {
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
