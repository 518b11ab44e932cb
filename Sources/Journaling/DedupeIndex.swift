import Alerts

/// The last accepted state of each group of the recent past, in memory; the journal keeps a row for each acceptance.
///
/// A payload is a duplicate if its group is told in that state already: a sender's retry, or another member of its
/// cluster. What was accepted before the last state does not count, or a group that fires, resolves and fires again within
/// the window would end as resolved in its room.
///
/// A state counts while its distance from now is below the window, in either direction: so a clock set back suppresses
/// nothing for longer than the window once it is past that distance.
struct DedupeIndex {
    private struct Mark {
        var id: Int64
        var key: ShortDedupeKey
        var at: Timestamp
    }

    /// Rows are deleted in runs, since each deletion touches a page at the far end of the table.
    private static let shortestRun: Int64 = 1024
    /// A run is bounded so that no commit pays for a whole table.
    static let longestRun: Int64 = 4096

    private let window: Duration
    private let capacity: Int
    /// By group.
    private var marks: [UInt64: Mark] = [:]
    /// In the order of acceptance, from `head` on.
    private var order: [SeenKey] = []
    private var head = 0
    private var nextID: Int64
    private var deletedThrough: Int64

    init(window: Duration, capacity: Int, seen: [SeenKey] = [], lastID: Int64 = 0) {
        self.window = window
        self.capacity = capacity
        nextID = lastID + 1
        deletedThrough = (seen.first?.id ?? nextID) - 1
        guard window > .zero else { return }
        for key in seen {
            add(key)
        }
    }

    var count: Int { order.count - head }

    /// Whether the group's last accepted state is this one. A deliberate repeat is news after news and a duplicate after
    /// another repeat; news is a duplicate after either.
    func isLast(_ key: ShortDedupeKey, of group: UInt64, isRepeat: Bool = false, at now: Timestamp) -> Bool {
        guard let mark = marks[group] else { return false }
        return (mark.key == key || (!isRepeat && mark.key == key.asRepeat)) && isRecent(mark.at, at: now)
    }

    /// Remembers a group's state; nil when duplicates are not looked for.
    mutating func remember(_ key: ShortDedupeKey, of group: UInt64, at now: Timestamp) -> SeenKey? {
        guard window > .zero else { return nil }
        let seen = SeenKey(id: nextID, group: group, key: key, at: now)
        nextID += 1
        add(seen)
        return seen
    }

    /// Takes back the newest `count` states, whose transaction was not committed.
    mutating func forgetNewest(_ count: Int) {
        var groups: Set<UInt64> = []
        for _ in 0..<count {
            let seen = order.removeLast()
            nextID = seen.id
            guard let group = seen.group else { continue }
            marks[group] = nil
            groups.insert(group)
        }
        // What was last before counts again.
        for seen in order[head...].reversed() where !groups.isEmpty {
            if let group = seen.group, groups.remove(group) != nil { mark(seen) }
        }
    }

    /// Forgets what is over the window or the capacity.
    ///
    /// Returns the id through which rows should be deleted now, nil while it is not worth a deletion.
    mutating func prune(at now: Timestamp) -> Int64? {
        while head < order.count, count > capacity || !isRecent(order[head].at, at: now) {
            drop(order[head])
            head += 1
        }
        compact()
        let through = (head < order.count ? order[head].id : nextID) - 1
        guard through - deletedThrough >= Self.shortestRun else { return nil }
        return min(through, deletedThrough + Self.longestRun)
    }

    /// The rows through `id` are gone from disk.
    mutating func deletedRows(through id: Int64) {
        deletedThrough = id
    }

    private mutating func add(_ seen: SeenKey) {
        order.append(seen)
        mark(seen)
    }

    private mutating func mark(_ seen: SeenKey) {
        guard let group = seen.group else { return }
        marks[group] = Mark(id: seen.id, key: seen.key, at: seen.at)
    }

    /// A group that was told of again later keeps its later mark.
    private mutating func drop(_ seen: SeenKey) {
        guard let group = seen.group, marks[group]?.id == seen.id else { return }
        marks[group] = nil
    }

    private mutating func compact() {
        guard head > 1024, head > order.count / 2 else { return }
        order.removeFirst(head)
        head = 0
    }

    private func isRecent(_ moment: Timestamp, at now: Timestamp) -> Bool {
        let age = now.since(moment)
        return age < window && age > .zero - window
    }
}
