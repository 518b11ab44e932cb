import Alerts
import Dispatch
import Journaling
import Libevent
import RocketChat
import SQLiteJournal
import Support

/// Tells whether a request may come in, by whichever of bearer tokens and users are configured; with neither, all may.
///
/// Right credentials that need no check always pass, whoever else fails at their address: a bearer token, and a user
/// and password that were proven and have come from this address before. From another address that failed too often
/// they do not, or a right guess would be answered there however many wrong ones went before, at the speed of the
/// listener and not of bcrypt.
///
/// Of the others `PasswordBudget` says which are checked, and `DelayedRefusals` when those are refused that cost no
/// check: wrong tokens, and passwords that are remembered as wrong.
@LoopActor
final class RequestAuthentication {
    typealias Instant = ContinuousClock.Instant

    enum Verdict: Sendable, Equatable {
        case admitted
        /// To be answered with 401: the credentials are wrong, damaged or missing.
        case refused
        /// To be answered with 503, never 401 or 429: nothing was checked, and a rightful sender that shares the address
        /// of those who failed must come again. Alertmanager does so after a 5xx alone.
        case limited(retryAfter: Duration)
        /// To be answered with 503, for the same reason: too many checks wait.
        case busy
        /// To be answered with 503, and logged: libcrypt does not work on this machine, or there is no memory.
        case failed(BcryptHash.Failure)
    }

    private typealias Account = PasswordBudget.Account

    private var bearer: BearerAuthentication
    private var basic: BasicAuthentication
    private var budget: PasswordBudget
    private let refusals: DelayedRefusals
    /// Where proven credentials of which user came from.
    private var known = GenerationalCache<Account, Bool>(capacity: 4096)
    private let now: @Sendable () -> Instant

    init(
        bearer: BearerAuthentication, basic: BasicAuthentication, budget: PasswordBudget = PasswordBudget(),
        refusals: DelayedRefusals = DelayedRefusals(), now: @escaping @Sendable () -> Instant = { .now }
    ) {
        self.bearer = bearer
        self.basic = basic
        self.budget = budget
        self.refusals = refusals
        self.now = now
    }

    /// Works with other credentials from the next request on. What was proven stays so for users whose hash is the same.
    /// Budgets stay spent; a check that is under way ends by what it began with.
    func reconfigure(bearer: BearerAuthentication, basic: BasicAuthentication) {
        let unchanged = basic.adoptProofs(of: self.basic)
        // A user who was taken out, or has another password, must not vouch for an address.
        known.keep { unchanged.contains($0.user) }
        self.bearer = bearer
        self.basic = basic
    }

    /// The values for `WWW-Authenticate` fields of a 401, one for each way in (RFC 9110 section 11.6.1).
    var challenges: [String] {
        (bearer.isEmpty ? [] : ["Bearer realm=\"relay\""])
            + (basic.isEmpty ? [] : ["Basic realm=\"relay\", charset=\"UTF-8\""])
    }

    /// Calls back once: before it returns, unless credentials have to be checked with bcrypt or a refusal is delayed.
    ///
    /// - Parameters:
    ///   - authorization: the request's `Authorization` field.
    ///   - client: worked out only where the credentials do not settle the matter.
    func authenticate(
        authorization: String?, client: @autoclosure () -> ClientAddress,
        completion: @escaping @LoopActor @Sendable (Verdict) -> Void
    ) {
        if bearer.isEmpty && basic.isEmpty { return completion(.admitted) }
        // Without tokens `bearer` admits everyone, which is not meant where there are users.
        if !bearer.isEmpty && bearer.admits(authorization: authorization) { return completion(.admitted) }
        // A request without credentials guesses nothing.
        guard let authorization else { return completion(.refused) }
        let (source, now) = (client().source, now())
        guard !basic.isEmpty, let credentials = BasicCredentials(authorization: authorization) else {
            return refusals.refuse(source, at: now, completion: completion)
        }
        let attempt = basic.attempt(credentials, from: source)
        let mayRecall = known[attempt.account] != nil || !budget.isSpent(attempt.account, at: now)
        if mayRecall && basic.isProven(credentials) {
            known.remember(attempt.account, true)
            return completion(.admitted)
        }
        if basic.isKnownWrong(credentials) { return refusals.refuse(source, at: now, completion: completion) }
        switch budget.decide(attempt, at: now) {
        case .wait(let wait): completion(.limited(retryAfter: wait))
        case .imitate: basic.imitate(credentials) { outcome in LoopActor.post { completion(Verdict(outcome)) } }
        case .check(let charge):
            let basic = basic
            basic.prove(credentials) { outcome in
                LoopActor.post {
                    self.conclude(outcome, of: basic, attempt.account, charge)
                    completion(Verdict(outcome))
                }
            }
        }
    }

    private func conclude(
        _ outcome: BasicAuthentication.Outcome, of checker: BasicAuthentication, _ account: Account,
        _ charge: PasswordBudget.Charge
    ) {
        if outcome == .refused { return }
        budget.refund(charge)
        guard outcome == .admitted else { return }
        known.remember(account, true)
        // It may have been replaced while it checked.
        if checker !== basic { basic.adoptProofs(of: checker) }
    }
}

extension RequestAuthentication.Verdict {
    fileprivate init(_ outcome: BasicAuthentication.Outcome) {
        switch outcome {
        case .admitted: self = .admitted
        case .refused: self = .refused
        case .busy: self = .busy
        case .failed(let failure): self = .failed(failure)
        }
    }
}

/// Slows down senders of wrong credentials that cost nothing to compare: bearer tokens above all.
///
/// The right token passes at any time, so a refusal tells a guesser all there is to know; what can be limited is how
/// fast refusals come. Ten a minute and address come at once, further ones after a second, and at most `perSource`
/// requests of an address wait for theirs at a time. Beyond that the answer is 503 at once: who wants to guess faster
/// needs more addresses.
@LoopActor
final class DelayedRefusals {
    typealias Instant = ContinuousClock.Instant
    typealias Source = ClientAddress.Source

    /// Runs work after a time, off the loop.
    typealias Pause = @Sendable (Duration, @escaping @Sendable () -> Void) -> Void

    static let delay = Duration.seconds(1)

    private var failures = AuthRateLimiter<Source>()
    private var held: [Source: Int] = [:]
    private var heldInAll = 0
    private let perSource: Int
    private let inAll: Int
    private let pause: Pause

    /// - Parameters:
    ///   - perSource: how many refusals of one address wait at most.
    ///   - inAll: the same for all addresses.
    init(perSource: Int = 16, inAll: Int = 256, pause: @escaping Pause = DelayedRefusals.onDispatch) {
        self.perSource = perSource
        self.inAll = inAll
        self.pause = pause
    }

    nonisolated static let onDispatch: Pause = { duration, work in
        DispatchQueue.global().asyncAfter(deadline: .now() + duration.dispatch, execute: work)
    }

    /// Calls back once: at once or after `delay`.
    func refuse(
        _ source: Source, at now: Instant,
        completion: @escaping @LoopActor @Sendable (RequestAuthentication.Verdict) -> Void
    ) {
        guard let wait = failures.charge(source, at: now) else { return completion(.refused) }
        guard held[source, default: 0] < perSource, heldInAll < inAll else {
            return completion(.limited(retryAfter: wait))
        }
        held[source, default: 0] += 1
        heldInAll += 1
        pause(Self.delay) {
            LoopActor.post { [self] in
                heldInAll -= 1
                let rest = (held[source] ?? 1) - 1
                held[source] = rest > 0 ? rest : nil
                completion(.refused)
            }
        }
    }
}
