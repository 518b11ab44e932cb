/// Limits how many users and passwords that fail an address may have checked.
///
/// A bucket for each address: a check takes one from it, gets it back if the credentials prove right, and the bucket
/// fills again in time. An empty one means that nothing of that address is checked with bcrypt.
///
/// Who has very many addresses has that many buckets, and can make others' be forgotten, which only ever lets more
/// through: what then bounds the work is the one queue of `BasicAuthentication`. Behind a proxy that is not trusted all
/// clients are one address.
struct FailedAuthentications: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The time in which a bucket gains one.
    private let interval: Duration
    /// The time in which an empty bucket fills.
    private let window: Duration
    /// When the bucket of a source is full again, which says how full it is now.
    private var buckets: RecentMemory<ClientAddress.Source, Instant>

    /// - Parameters:
    ///   - limit: how many may fail at once.
    ///   - time: how long an empty bucket takes to fill.
    ///   - capacity: how many addresses are remembered at most.
    init(limit: Int = 10, per time: Duration = .seconds(60), capacity: Int = 4096) {
        precondition(limit > 0 && time > .zero, "a limit that lets nobody through")
        interval = time / limit
        window = interval * limit
        buckets = RecentMemory(capacity: capacity)
    }

    /// How many addresses are remembered.
    var count: Int { buckets.count }

    /// The time until the address's bucket holds one; nil where it does.
    func wait(for client: ClientAddress, at now: Instant) -> Duration? {
        let excess = fullAt(client, now) + interval - now - window
        return excess > .zero ? excess : nil
    }

    /// Takes one from the address's bucket for a check that is about to begin: taken before, it holds for attempts that
    /// are made all at once.
    ///
    /// - Returns: nil where there was one to take; else the time until there is, and nothing is taken.
    mutating func charge(_ client: ClientAddress, at now: Instant) -> Duration? {
        let wait = wait(for: client, at: now)
        // An empty bucket is kept recent too, so that it is not forgotten while somebody knocks.
        buckets.remember(client.source, fullAt(client, now) + (wait == nil ? interval : .zero))
        return wait
    }

    /// Gives back what was charged for a check that did not fail.
    mutating func refund(_ client: ClientAddress) {
        if let fullAt = buckets[client.source] { buckets.remember(client.source, fullAt - interval) }
    }

    private func fullAt(_ client: ClientAddress, _ now: Instant) -> Instant {
        max(buckets[client.source] ?? now, now)
    }
}
