/// Limits how often one address may fail to authenticate.
///
/// A bucket for each address: a failure takes one from it, and it fills again in time. An empty one means that nothing
/// of that address is checked, least of all with bcrypt. Credentials that need no check are none of its business: a
/// bearer token that is right, and a user and password that were proven before, always pass, whoever else fails at
/// their address.
///
/// An IPv6 address counts as its /64, all of which one host can have. Who has very many addresses gets that many
/// buckets, and can make others' be forgotten, which only ever lets more through: what then bounds the work is
/// `BasicAuthentication`'s one queue. Behind a proxy that is not trusted all clients are one address.
struct FailedAuthentications: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The time in which a bucket gains one.
    private let interval: Duration
    /// The time in which an empty bucket fills.
    private let window: Duration
    /// How many addresses one generation holds.
    private let generationSize: Int
    /// When the bucket of an address is full again, which says how full it is now. Those used since the last change of
    /// generations, and those used in the one before: when the recent are too many they become the older, and the
    /// older are forgotten. So what goes is always what was longest unused, at the cost of a look-up.
    private var recent: [IPAddress?: Instant] = [:]
    private var older: [IPAddress?: Instant] = [:]

    /// - Parameters:
    ///   - limit: how many may fail at once.
    ///   - time: how long an empty bucket takes to fill.
    ///   - capacity: how many addresses are remembered at most; at least half as many always are.
    init(limit: Int = 10, per time: Duration = .seconds(60), capacity: Int = 4096) {
        precondition(limit > 0 && time > .zero && capacity >= 2, "a limit that lets nobody through")
        interval = time / limit
        window = interval * limit
        generationSize = capacity / 2
    }

    /// How many addresses are remembered.
    var count: Int { recent.count + older.count }

    /// Takes one from the address's bucket for an attempt that failed, or that is about to be checked: taken before, it
    /// holds for attempts that are made all at once.
    ///
    /// - Returns: nil where there was one to take; else the time until there is, and nothing is taken.
    mutating func charge(_ client: ClientAddress, at now: Instant) -> Duration? {
        let key = Self.key(client)
        let fullAt = max(remembered(key) ?? now, now)
        let next = fullAt + interval
        if next - now > window {
            // Kept recent, so that it is not forgotten while it is in use.
            remember(key, fullAt)
            return next - now - window
        }
        remember(key, next)
        return nil
    }

    /// Gives back what was charged for an attempt that did not fail.
    mutating func refund(_ client: ClientAddress) {
        let key = Self.key(client)
        if let fullAt = remembered(key) { remember(key, fullAt - interval) }
    }

    private func remembered(_ key: IPAddress?) -> Instant? {
        recent[key] ?? older[key]
    }

    private mutating func remember(_ key: IPAddress?, _ fullAt: Instant) {
        older[key] = nil
        recent[key] = fullAt
        if recent.count >= generationSize {
            older = recent
            recent = [:]
        }
    }

    private static func key(_ client: ClientAddress) -> IPAddress? {
        guard let address = client.address, !address.isIPv4 else { return client.address }
        return address.masked(to: 64)
    }
}
