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
        var user: KeyedDigest.Short
    }

    struct Attempt: Sendable {
        var account: Account
        /// Of user and password.
        var credentials: KeyedDigest.Short
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

    private typealias Buckets = FailedAuthentications<Account>

    /// For any credentials first, then for each of `ages`.
    private var known: [Buckets]
    private var unknown: [Buckets]
    private var standIns: FailedAuthentications<ClientAddress.Source>
    /// When credentials that had to wait came first. About 4 MiB when it is full, by the size of its entries.
    private var firstSeen: RecentMemory<KeyedDigest.Short, Instant>

    /// - Parameters:
    ///   - limit: how many wrong passwords of an account are checked in a minute.
    ///   - lateLimit: how many more in each of the further budgets.
    ///   - capacity: how many credentials that had to wait are remembered; the half of them always are.
    init(limit: Int = 10, lateLimit: Int = 3, capacity: Int = 65_536) {
        known = [Buckets(limit: limit)] + Self.ages.map { _ in Buckets(limit: lateLimit) }
        unknown = known
        standIns = FailedAuthentications(limit: limit)
        firstSeen = RecentMemory(capacity: capacity)
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
