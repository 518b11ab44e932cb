/// Limits how many credentials that fail are checked for each key, such as an address.
///
/// A bucket for each key: a check takes one from it, gets it back if the credentials prove right, and the bucket fills
/// again in time. With an empty one nothing is checked for that key.
///
/// A client with very many keys has that many buckets and can evict others', which only ever lets more through.
struct FailedAuthentications<Key: Hashable & Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The time in which a bucket gains one.
    private let interval: Duration
    /// The time in which an empty bucket fills.
    private let window: Duration
    /// When the bucket of a key is full again, which says how full it is now.
    private var buckets: RecentMemory<Key, Instant>

    /// - Parameters:
    ///   - limit: how many may fail at once.
    ///   - time: how long an empty bucket takes to fill.
    ///   - capacity: how many keys are remembered at most.
    init(limit: Int = 10, per time: Duration = .seconds(60), capacity: Int = 4096) {
        precondition(limit > 0 && time > .zero, "a limit that lets nobody through")
        interval = time / limit
        window = interval * limit
        buckets = RecentMemory(capacity: capacity)
    }

    /// How many keys are remembered.
    var count: Int { buckets.count }

    /// The time until the key's bucket holds one; nil where it does.
    func wait(for key: Key, at now: Instant) -> Duration? {
        let excess = fullAt(key, now) + interval - now - window
        return excess > .zero ? excess : nil
    }

    /// Takes one from the key's bucket for a check that is about to begin: taken before, it holds for attempts that are
    /// made all at once.
    ///
    /// - Returns: nil where there was one to take; else the time until there is, and nothing is taken.
    mutating func charge(_ key: Key, at now: Instant) -> Duration? {
        let wait = wait(for: key, at: now)
        // An empty bucket is kept recent too, so that it is not forgotten while somebody knocks.
        buckets.remember(key, fullAt(key, now) + (wait == nil ? interval : .zero))
        return wait
    }

    /// Gives back what was charged for a check that did not fail.
    mutating func refund(_ key: Key) {
        if let fullAt = buckets[key] { buckets.remember(key, fullAt - interval) }
    }

    private func fullAt(_ key: Key, _ now: Instant) -> Instant {
        max(buckets[key] ?? now, now)
    }
}
