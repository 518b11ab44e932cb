import Alerts

/// How often each group's unchanged state was accepted again, in memory.
///
/// After a restart, and for a group that was evicted, a count starts at the next notification. It is unknown if
/// Alertmanager (>= 0.32) states that this is a repeat. Earlier versions do not, so their first repeat counts as 0.
struct RepeatCounts {
    private struct Group {
        var key: ShortDedupeKey
        /// Nil if unknown.
        var repeats: Int?
    }

    private let capacity: Int
    /// The groups that were counted last, at most `capacity`, and those before them.
    private var recent: [UInt64: Group] = [:]
    private var older: [UInt64: Group] = [:]
    /// The former values of the last counts, for `undo`.
    private var former: [(group: UInt64, value: Group?)] = []

    /// - Parameter capacity: half the maximum number of groups. The default needs 5 MB at most.
    init(capacity: Int = 32_768) {
        self.capacity = capacity
    }

    /// Counts an accepted payload that is no duplicate. Returns how often Alertmanager has repeated the state of the
    /// group; nil if unknown.
    ///
    /// - Parameter key: the state without the mark of a repeat.
    mutating func count(_ key: ShortDedupeKey, of group: UInt64, _ reason: AlertBatch.Reason) -> Int? {
        let known = recent[group] ?? older[group]
        var next = Group(key: key, repeats: reason == .repetition ? nil : 0)
        if let known, known.key == key {
            // A late member of the cluster can send what another member sent before. That is no repeat.
            next.repeats = known.repeats.map { reason == .news ? $0 : min($0 + 1, Notification.maxRepeats) }
        }
        former.append((group, known))
        store(next, of: group)
        return next.repeats
    }

    /// Makes the counts until now final.
    mutating func commit() {
        former.removeAll(keepingCapacity: true)
    }

    /// Reverts the last `count` counts since `commit`, because their transaction failed.
    mutating func undo(_ count: Int) {
        for (group, value) in former.suffix(count).reversed() { (recent[group], older[group]) = (value, nil) }
        former.removeLast(min(count, former.count))
    }

    private mutating func store(_ value: Group, of group: UInt64) {
        if recent.count >= capacity, recent[group] == nil { (older, recent) = (recent, [:]) }
        recent[group] = value
    }
}
