import Alerts
import Journaling
import RocketChat

/// Decides which passwords are checked with bcrypt, and when.
///
/// Budgets are by address and user, so that guesses at other users, or from elsewhere, cost nobody a check. For guesses
/// at the same user from the same address, credentials that come back are told from credentials that come once: a
/// sender repeats its password until it is checked, a guesser goes on to the next one. What was first seen 5, 20, 60
/// and 120 seconds ago may each use a further budget, which younger credentials cannot spend.
///
/// Names of no user are judged alike, in a memory of their own, so that the answers do not tell who is known, and a
/// flood of names evicts no budget of a user. Beyond ten checks a minute and address they are no longer computed.
struct PasswordBudget: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A user as seen from one address.
    struct Account: Sendable, Hashable {
        var source: ClientAddress.Source
        var user: HMACSHA256.Short
    }

    struct Attempt: Sendable {
        var account: Account
        /// Of user and password.
        var credentials: HMACSHA256.Short
        var isKnownUser: Bool
    }

    /// What was taken for a check.
    struct Charge: Sendable, Equatable {
        fileprivate let account: Account
        fileprivate let isKnownUser: Bool
        fileprivate let tier: Int
    }

    enum Decision: Sendable, Equatable {
        case check(Charge)
        /// The user does not exist, and no more bcrypt is spent on that: answer as late as after a check.
        case imitate
        /// Not now. The time until any credentials of this account may be checked.
        case wait(Duration)
    }

    /// How long ago credentials must have been seen first to use each of the further budgets.
    static let ages: [Duration] = [.seconds(5), .seconds(20), .seconds(60), .seconds(120)]

    private typealias Buckets = AuthRateLimiter<Account>

    /// For any credentials first, then for each of `ages`.
    private var known: [Buckets]
    private var unknown: [Buckets]
    private var standIns: AuthRateLimiter<ClientAddress.Source>
    /// When credentials that had to wait came first. About 4 MiB when it is full, by the size of its entries.
    private var firstSeen: GenerationalCache<HMACSHA256.Short, Instant>

    /// - Parameters:
    ///   - limit: how many wrong passwords of an account are checked in a minute.
    ///   - lateLimit: how many more in each of the further budgets.
    ///   - capacity: how many credentials that had to wait are remembered; the half of them always are.
    init(limit: Int = 10, lateLimit: Int = 3, capacity: Int = 65_536) {
        known = [Buckets(limit: limit)] + Self.ages.map { _ in Buckets(limit: lateLimit) }
        unknown = known
        standIns = AuthRateLimiter(limit: limit)
        firstSeen = GenerationalCache(capacity: capacity)
    }

    /// Whether an account's ordinary budget is spent.
    func isSpent(_ account: Account, at now: Instant) -> Bool { known[0].wait(for: account, at: now) != nil }

    mutating func decide(_ attempt: Attempt, at now: Instant) -> Decision {
        let first = firstSeen[attempt.credentials]
        let tiers = first.map { first in Self.ages.prefix { first + $0 <= now }.count } ?? 0
        for tier in 0...tiers where charge(attempt, tier, at: now) {
            guard attempt.isKnownUser || standIns.charge(attempt.account.source, at: now) == nil else {
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

    /// Gives back what was taken for a check that did not fail.
    mutating func refund(_ charge: Charge) {
        if charge.isKnownUser {
            known[charge.tier].refund(charge.account)
        } else {
            unknown[charge.tier].refund(charge.account)
            standIns.refund(charge.account.source)
        }
    }
}

/// Limits how many credentials that fail are checked for each key, such as an address.
///
/// A bucket for each key: a check takes one from it, gets it back if the credentials prove right, and the bucket fills
/// again in time. With an empty one nothing is checked for that key.
///
/// A client with very many keys has that many buckets and can evict others', which only ever lets more through.
struct AuthRateLimiter<Key: Hashable & Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The time in which a bucket gains one.
    private let interval: Duration
    /// The time in which an empty bucket fills.
    private let window: Duration
    /// When the bucket of a key is full again, which says how full it is now.
    private var buckets: GenerationalCache<Key, Instant>

    /// - Parameters:
    ///   - limit: how many may fail at once.
    ///   - time: how long an empty bucket takes to fill.
    ///   - capacity: how many keys are remembered at most.
    init(limit: Int = 10, per time: Duration = .seconds(60), capacity: Int = 4096) {
        precondition(limit > 0 && time > .zero, "a limit that lets nobody through")
        interval = time / limit
        window = interval * limit
        buckets = GenerationalCache(capacity: capacity)
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
