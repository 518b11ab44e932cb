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
    /// When it is committed, by the wall clock: dead letters die at this moment.
    var at: Timestamp

    var isEmpty: Bool {
        appends.isEmpty && seen.isEmpty && forgetSeenThrough == nil && settlements.isEmpty
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

/// A dedupe key as the journal remembers it.
struct SeenKey: Sendable, Equatable {
    /// Sequential, a count of its own.
    var id: Int64
    var key: ShortDedupeKey
    var at: Timestamp
}

/// The first 16 bytes of a dedupe key: two different payloads share them once in 2^64 pairs.
struct ShortDedupeKey: Sendable, Hashable {
    var high: UInt64
    var low: UInt64

    /// A repeat is a duplicate of another repeat only, and news of news only: so a repeat that Alertmanager sends on
    /// purpose is told from a retry, and from a peer that sends the same.
    init(_ key: DedupeKey, isRepeat: Bool) {
        self.init(bytes: key.bytes)
        if isRepeat { low = ~low }
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

    var bytes: [UInt8] {
        [high, low].flatMap { word in stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> $0) }
        }
    }
}
