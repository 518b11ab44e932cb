import Support

/// A cache with a fixed capacity that evicts the entries that were unused longest.
///
/// It has two generations. When the recent generation is full, it becomes the older one and the previous older one is
/// dropped. This is less exact than a list in order of use. In return, every operation takes constant time, whatever
/// clients insert.
struct GenerationalCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let generationSize: Int
    private var recent: [Key: Value] = [:]
    private var older: [Key: Value] = [:]

    /// - Parameter capacity: the maximum number of keys; at least half of it is kept.
    init(capacity: Int) {
        expect(capacity >= 2, "the capacity is below 2")
        generationSize = capacity / 2
    }

    var count: Int { recent.count + older.count }

    subscript(key: Key) -> Value? { recent[key] ?? older[key] }

    /// Sets the value of a key, which counts as a use.
    mutating func remember(_ key: Key, _ value: Value) {
        older[key] = nil
        recent[key] = value
        if recent.count >= generationSize {
            older = recent
            recent = [:]
        }
    }

    /// Removes all keys for which `isKept` returns false.
    mutating func keep(where isKept: (Key) -> Bool) {
        recent = recent.filter { isKept($0.key) }
        older = older.filter { isKept($0.key) }
    }
}
