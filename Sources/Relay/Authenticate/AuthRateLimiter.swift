import Support

/// Decides which passwords are checked with bcrypt, and when.
///
/// Each pair of address and user has its own budget. Guesses at another user, or from another address, do not use it
/// up. Within one pair, age separates a sender from a guesser: a sender repeats its credentials, a guesser tries new
/// ones. Credentials first seen 5, 20, 60 and 120 seconds ago may each use one more budget. Newer credentials cannot
/// use it.
///
/// Unknown user names get the same decisions from separate budgets. So responses do not reveal which users exist, and a
/// flood of names evicts no budget of a user. After ten checks a minute from one address, checks of unknown users are
/// only imitated.
struct PasswordBudget: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A user and the source of its requests.
    struct Account: Sendable, Hashable {
        var source: ClientAddress.Source
        var user: HMACSHA256.Short
    }

    struct Attempt: Sendable {
        var account: Account
        /// The digest of user and password.
        var credentials: HMACSHA256.Short
        var isKnownUser: Bool
    }

    /// What a check took from the budgets.
    struct Charge: Sendable, Equatable {
        fileprivate let account: Account
        fileprivate let isKnownUser: Bool
        fileprivate let tier: Int
    }

    enum Decision: Sendable, Equatable {
        case check(Charge)
        /// The user does not exist and its checks are used up. Refuse after the time of a check, without bcrypt.
        case imitate
        /// Not checked now. Has the time until any credentials of this account may be checked.
        case wait(Duration)
    }

    /// The age that credentials need for each further budget.
    static let ages: [Duration] = [.seconds(5), .seconds(20), .seconds(60), .seconds(120)]

    private typealias Buckets = AuthRateLimiter<Account>

    /// The budget for all credentials, then one for each of `ages`.
    private var known: [Buckets]
    private var unknown: [Buckets]
    private var unknownUserChecks: AuthRateLimiter<ClientAddress.Source>
    /// When credentials that had to wait were first seen. About 4 MiB when full.
    private var firstSeen: GenerationalCache<HMACSHA256.Short, Instant>

    /// - Parameters:
    ///   - limit: wrong passwords of an account that are checked in a minute.
    ///   - lateLimit: checks in each further budget.
    ///   - capacity: the maximum number of waiting credentials that are remembered; at least half of it is kept.
    init(limit: Int = 10, lateLimit: Int = 3, capacity: Int = 65_536) {
        known = [Buckets(limit: limit)] + Self.ages.map { _ in Buckets(limit: lateLimit) }
        unknown = known
        unknownUserChecks = AuthRateLimiter(limit: limit)
        firstSeen = GenerationalCache(capacity: capacity)
    }

    /// Whether the first budget of an account is used up.
    func isSpent(_ account: Account, at now: Instant) -> Bool { known[0].wait(for: account, at: now) != nil }

    mutating func decide(_ attempt: Attempt, at now: Instant) -> Decision {
        let first = firstSeen[attempt.credentials]
        let tiers = first.map { first in Self.ages.prefix { first + $0 <= now }.count } ?? 0
        for tier in 0...tiers where charge(attempt, tier, at: now) {
            guard attempt.isKnownUser || unknownUserChecks.charge(attempt.account.source, at: now) == nil else {
                return .imitate
            }
            return .check(Charge(account: attempt.account, isKnownUser: attempt.isKnownUser, tier: tier))
        }
        firstSeen.remember(attempt.credentials, first ?? now)
        let wait = (attempt.isKnownUser ? known : unknown)[0].wait(for: attempt.account, at: now)
        return .wait(wait ?? .zero)
    }

    private mutating func charge(_ attempt: Attempt, _ tier: Int, at now: Instant) -> Bool {
        attempt.isKnownUser
            ? known[tier].charge(attempt.account, at: now) == nil
            : unknown[tier].charge(attempt.account, at: now) == nil
    }

    /// Returns the charge of a check that did not fail.
    mutating func refund(_ charge: Charge) {
        if charge.isKnownUser {
            known[charge.tier].refund(charge.account)
        } else {
            unknown[charge.tier].refund(charge.account)
            unknownUserChecks.refund(charge.account.source)
        }
    }
}

/// Limits failed credential checks per key, such as an address.
///
/// Each key has a token bucket. A check takes one token; the token is returned if the credentials are right. Buckets
/// refill over time. If the bucket is empty, nothing is checked for that key.
///
/// A client with many keys gets one bucket per key and can evict other buckets. Eviction only ever allows more checks.
struct AuthRateLimiter<Key: Hashable & Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The time in which a bucket gains one token.
    private let interval: Duration
    /// The time in which an empty bucket fills.
    private let window: Duration
    /// When the bucket of a key will be full again. This gives its current level.
    private var buckets: GenerationalCache<Key, Instant>

    /// - Parameters:
    ///   - limit: checks that may fail in a burst.
    ///   - time: how long an empty bucket takes to fill.
    ///   - capacity: the maximum number of keys.
    init(limit: Int = 10, per time: Duration = .seconds(60), capacity: Int = 4096) {
        expect(limit > 0 && time > .zero, "the limit and its window must be positive")
        interval = time / limit
        window = interval * limit
        buckets = GenerationalCache(capacity: capacity)
    }

    /// The number of keys.
    var count: Int { buckets.count }

    /// The time until the bucket of the key has a token; nil if it has one.
    func wait(for key: Key, at now: Instant) -> Duration? {
        let excess = timeWhenFull(key, now) + interval - now - window
        return excess > .zero ? excess : nil
    }

    /// Takes a token for a check that is about to start. Taking it before the check also limits concurrent attempts.
    ///
    /// - Returns: nil if a token was taken. Otherwise the time until there is one.
    mutating func charge(_ key: Key, at now: Instant) -> Duration? {
        let wait = wait(for: key, at: now)
        // Refresh empty buckets too, so that an active key is not evicted.
        buckets.remember(key, timeWhenFull(key, now) + (wait == nil ? interval : .zero))
        return wait
    }

    /// Returns the token of a check that did not fail.
    mutating func refund(_ key: Key) {
        if let timeWhenFull = buckets[key] { buckets.remember(key, timeWhenFull - interval) }
    }

    private func timeWhenFull(_ key: Key, _ now: Instant) -> Instant {
        max(buckets[key] ?? now, now)
    }
}
