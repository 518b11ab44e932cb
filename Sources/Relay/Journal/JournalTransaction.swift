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
