import RocketChat
import SQLiteJournal

/// Remembers what was used last, in bounded space, and forgets what was longest unused.
///
/// It holds two generations: when the recent are too many they become the older, and the older are forgotten. That is
/// coarser than a list in the order of use, and costs a look-up each time, whoever fills it.
struct GenerationalCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let generationSize: Int
    private var recent: [Key: Value] = [:]
    private var older: [Key: Value] = [:]

    /// - Parameter capacity: how many keys are remembered at most; half as many always are.
    init(capacity: Int) {
        precondition(capacity >= 2, "a memory for nothing")
        generationSize = capacity / 2
    }

    var count: Int { recent.count + older.count }

    subscript(key: Key) -> Value? { recent[key] ?? older[key] }

    /// Sets a key's value, which counts as use.
    mutating func remember(_ key: Key, _ value: Value) {
        older[key] = nil
        recent[key] = value
        if recent.count >= generationSize {
            older = recent
            recent = [:]
        }
    }
    /// Forgets all keys but those that fulfil a condition.
    mutating func keep(where isKept: (Key) -> Bool) {
        recent = recent.filter { isKept($0.key) }
        older = older.filter { isKept($0.key) }
    }
}
