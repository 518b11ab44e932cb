/// The dedupe keys of the recent past, in memory; the journal keeps a row for each.
///
/// A key counts as seen while its distance from now is below the window, in either direction: so a clock set back
/// suppresses nothing for longer than the window once it is past that distance.
struct DedupeIndex {
    private struct Mark {
        var id: Int64
        var at: Timestamp
    }

    /// Rows are deleted in runs, since each deletion touches a page at the far end of the table.
    static let shortestRun: Int64 = 1024
    /// A run is bounded so that no commit pays for a whole table.
    static let longestRun: Int64 = 4096

    private let window: Duration
    private let capacity: Int
    private var marks: [ShortDedupeKey: Mark] = [:]
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

    func contains(_ key: ShortDedupeKey, at now: Timestamp) -> Bool {
        guard let mark = marks[key] else { return false }
        return isRecent(mark.at, at: now)
    }

    /// Remembers a key; nil when duplicates are not looked for.
    mutating func remember(_ key: ShortDedupeKey, at now: Timestamp) -> SeenKey? {
        guard window > .zero else { return nil }
        let seen = SeenKey(id: nextID, key: key, at: now)
        nextID += 1
        add(seen)
        return seen
    }

    /// Takes back the newest `count` keys, whose transaction was not committed.
    mutating func forgetNewest(_ count: Int) {
        for _ in 0..<count {
            let seen = order.removeLast()
            drop(seen)
            nextID = seen.id
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
        marks[seen.key] = Mark(id: seen.id, at: seen.at)
    }

    /// A key that was seen again later keeps its later mark.
    private mutating func drop(_ seen: SeenKey) {
        if marks[seen.key]?.id == seen.id {
            marks[seen.key] = nil
        }
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
