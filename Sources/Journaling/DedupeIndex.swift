import Alerts

/// The last accepted state of each group within the dedupe window, in memory. The journal stores a row for each state.
///
/// A payload is a duplicate if its state equals the last accepted state of its group: a retry of the sender, or another
/// member of its cluster. Earlier states do not count. Otherwise a group that fires, resolves and fires again within
/// the window would be shown as resolved.
///
/// A state counts while its distance from now is below the window, in both directions. This bounds the effect of a
/// clock that is set back.
struct DedupeIndex {
    private struct LastState {
        var id: Int64
        var key: ShortDedupeKey
        var at: Timestamp
    }

    /// The minimum number of rows that one transaction deletes: each deletion changes a page at the table's other end.
    private static let minRowsPerDeletion: Int64 = 1024
    /// The maximum number of rows that one transaction deletes, which bounds its duration.
    private static let maxRowsPerDeletion: Int64 = 4096

    private let window: Duration
    private let capacity: Int
    /// Keyed by group.
    private var lastStates: [UInt64: LastState] = [:]
    /// All remembered states in the order of acceptance. Entries before `head` are forgotten.
    private var order: [SeenKey] = []
    private var head = 0
    private var nextID: Int64
    private var deletedThrough: Int64
    private var repeats = RepeatCounts()

    init(window: Duration, capacity: Int, seen: [SeenKey] = [], lastID: Int64 = 0) {
        self.window = window
        self.capacity = capacity
        nextID = lastID + 1
        deletedThrough = (seen.first?.id ?? nextID) - 1
        guard window > .zero else { return }
        // Shares the memory of the list, which can have 15 MB.
        order = seen
        for key in seen { setLastState(key) }
    }

    var count: Int { order.count - head }

    /// Whether a payload is a duplicate: the last state of `group` equals `key` and is within the window.
    ///
    /// A deliberate repeat is a duplicate only of another repeat. A payload that is not a repeat is a duplicate of
    /// both.
    func isDuplicate(_ key: ShortDedupeKey, of group: UInt64, isRepeat: Bool = false, at now: Timestamp) -> Bool {
        guard let last = lastStates[group] else { return false }
        return (last.key == key || (!isRepeat && last.key == key.asRepeat)) && isRecent(last.at, at: now)
    }

    /// Stores the state as the last one of its group. Returns the row to write; nil if deduplication is off.
    mutating func remember(_ key: ShortDedupeKey, of group: UInt64, at now: Timestamp) -> SeenKey? {
        guard window > .zero else { return nil }
        let seen = SeenKey(id: nextID, group: group, key: key, at: now)
        nextID += 1
        add(seen)
        return seen
    }

    /// Counts a payload that is remembered. Returns its notifications with their repeats, which are unknown if
    /// deduplication is off: retries and other members of a cluster then look like repeats.
    mutating func countRepeats(of payload: JournalDraft.Payload, in group: UInt64) -> [Notification] {
        guard window > .zero else { return payload.notifications }
        let count = repeats.count(payload.key, of: group, payload.reason)
        return payload.notifications.map { notification in
            var notification = notification
            notification.repeats = count
            return notification
        }
    }

    /// Removes the newest `count` states and their repeats, because their transaction failed.
    mutating func removeNewest(_ count: Int) {
        repeats.undo(count)
        var groups: Set<UInt64> = []
        for _ in 0..<count {
            let seen = order.removeLast()
            nextID = seen.id
            guard let group = seen.group else { continue }
            lastStates[group] = nil
            groups.insert(group)
        }
        // The previous state of each group is its last one again.
        for seen in order[head...].reversed() where !groups.isEmpty {
            if let group = seen.group, groups.remove(group) != nil { setLastState(seen) }
        }
    }

    /// Removes states that are older than the window or over the capacity.
    ///
    /// Returns the id up to which (inclusive) rows should be deleted now; nil if they are too few for a deletion.
    mutating func prune(at now: Timestamp) -> Int64? {
        repeats.commit()
        while head < order.count, count > capacity || !isRecent(order[head].at, at: now) {
            drop(order[head])
            head += 1
        }
        compact()
        let through = (head < order.count ? order[head].id : nextID) - 1
        guard through - deletedThrough >= Self.minRowsPerDeletion else { return nil }
        return min(through, deletedThrough + Self.maxRowsPerDeletion)
    }

    /// Called when the rows up to `id` (inclusive) are deleted from disk.
    mutating func deletedRows(through id: Int64) {
        deletedThrough = id
    }

    private mutating func add(_ seen: SeenKey) {
        order.append(seen)
        setLastState(seen)
    }

    private mutating func setLastState(_ seen: SeenKey) {
        guard let group = seen.group else { return }
        lastStates[group] = LastState(id: seen.id, key: seen.key, at: seen.at)
    }

    /// Keeps the last state of the group if it is a later one.
    private mutating func drop(_ seen: SeenKey) {
        guard let group = seen.group, lastStates[group]?.id == seen.id else { return }
        lastStates[group] = nil
    }

    private mutating func compact() {
        // Often, because pages that the array once used stay resident.
        guard head > 1024, head > order.count / 8 else { return }
        order.removeFirst(head)
        head = 0
    }

    private func isRecent(_ moment: Timestamp, at now: Timestamp) -> Bool {
        let age = now.since(moment)
        return age < window && age > .zero - window
    }
}
