import Dispatch
import Libevent
import Support

/// Authenticates requests by bearer token or by user and password. If neither is configured, all requests are admitted.
///
/// Valid credentials that need no bcrypt check are always admitted, even if other clients at the same address fail.
/// These are bearer tokens, and proven credentials that came from this address before.
///
/// Proven credentials from another address are not exempt once that address has failed too often. Otherwise a guesser
/// would learn of a right guess at the speed of the listener and not of bcrypt.
///
/// `PasswordBudget` decides which other credentials are checked. `DelayedRefusals` delays refusals that cost no check:
/// wrong tokens, and passwords known to be wrong.
@LoopActor
final class RequestAuthentication {
    typealias Instant = ContinuousClock.Instant

    enum Verdict: Sendable, Equatable {
        case admitted
        /// Answer 401: the credentials are wrong, malformed or missing.
        case refused
        /// Answer 503, never 401 or 429. Nothing was checked, and a valid sender at the same address must retry.
        /// Alertmanager retries only after 5xx.
        case limited(retryAfter: Duration)
        /// Answer 503 for the same reason: too many checks are waiting.
        case busy
        /// Answer 503 and log it: libcrypt failed.
        case failed(BcryptHash.Failure)
    }

    private typealias Account = PasswordBudget.Account

    private var bearer: BearerAuthentication
    private var basic: BasicAuthentication
    private var budget: PasswordBudget
    private let refusals: DelayedRefusals
    /// Accounts whose credentials were proven: user and source.
    private var provenAccounts = GenerationalCache<Account, Bool>(capacity: 4096)
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

    /// Uses other credentials from the next request on. Proofs are kept for users whose hash is unchanged. Budgets stay
    /// spent. A check in progress ends with the credentials that it started with.
    func reconfigure(bearer: BearerAuthentication, basic: BasicAuthentication) {
        let unchanged = basic.adoptProofs(of: self.basic)
        // A removed user, or one with a new password, must not keep its proven sources.
        provenAccounts.keep { unchanged.contains($0.user) }
        self.bearer = bearer
        self.basic = basic
    }

    /// Whether neither tokens nor users are configured.
    var admitsAnybody: Bool { bearer.isEmpty && basic.isEmpty }

    /// Refuses a request with a wrong signature, with the limits of wrong tokens.
    func refuse(_ client: ClientAddress, completion: @escaping @LoopActor @Sendable (Verdict) -> Void) {
        refusals.refuse(client.source, at: now(), completion: completion)
    }

    /// The `WWW-Authenticate` values of a 401, one for each method (RFC 9110 section 11.6.1).
    var challenges: [String] {
        (bearer.isEmpty ? [] : ["Bearer realm=\"relay\""])
            + (basic.isEmpty ? [] : ["Basic realm=\"relay\", charset=\"UTF-8\""])
    }

    /// Calls `completion` exactly once, before it returns unless bcrypt has to run or a refusal is delayed.
    ///
    /// - Parameters:
    ///   - authorization: the request's `Authorization` field.
    ///   - client: evaluated only if the credentials do not decide.
    ///   - acceptsTokenAsPassword: a token is valid also as the password of any user. Browsers ask for no token.
    func authenticate(
        authorization: String?, client: @autoclosure () -> ClientAddress, acceptsTokenAsPassword: Bool = false,
        completion: @escaping @LoopActor @Sendable (Verdict) -> Void
    ) {
        if bearer.isEmpty && basic.isEmpty { return completion(.admitted) }
        // Without tokens `bearer` admits every request, which must not apply if there are users.
        if !bearer.isEmpty && bearer.admits(authorization: authorization) { return completion(.admitted) }
        // A request without credentials is no guess.
        guard let authorization else { return completion(.refused) }
        if acceptsTokenAsPassword, !bearer.isEmpty, let credentials = BasicCredentials(authorization: authorization),
            bearer.admits(token: credentials.password)
        {
            return completion(.admitted)
        }
        let (source, now) = (client().source, now())
        guard !basic.isEmpty, let credentials = BasicCredentials(authorization: authorization) else {
            return refusals.refuse(source, at: now, completion: completion)
        }
        let attempt = basic.attempt(credentials, from: source)
        let mayUseProof = provenAccounts[attempt.account] != nil || !budget.isSpent(attempt.account, at: now)
        if mayUseProof && basic.isProven(credentials) {
            provenAccounts.remember(attempt.account, true)
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
                    self.finish(outcome, of: basic, attempt.account, charge)
                    completion(Verdict(outcome))
                }
            }
        }
    }

    private func finish(
        _ outcome: BasicAuthentication.Outcome, of checker: BasicAuthentication, _ account: Account,
        _ charge: PasswordBudget.Charge
    ) {
        if outcome == .refused { return }
        budget.refund(charge)
        guard outcome == .admitted else { return }
        provenAccounts.remember(account, true)
        // A reload may have replaced the checker.
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

/// Delays refusals of credentials that are cheap to compare, mainly bearer tokens.
///
/// The right token is always admitted, so only the rate of refusals can be limited. Each address gets ten immediate
/// refusals a minute. Further refusals take a second. At most `perSource` requests of an address wait at a time; others
/// get 503 at once.
@LoopActor
final class DelayedRefusals {
    typealias Instant = ContinuousClock.Instant
    typealias Source = ClientAddress.Source

    /// Runs a closure after a delay, off the loop.
    typealias Pause = @Sendable (Duration, @escaping @Sendable () -> Void) -> Void

    static let delay = Duration.seconds(1)

    private var failures = AuthRateLimiter<Source>()
    private var held: [Source: Int] = [:]
    private var heldTotal = 0
    private let perSource: Int
    private let inAll: Int
    private let pause: Pause

    /// - Parameters:
    ///   - perSource: the maximum number of delayed refusals of one source.
    ///   - inAll: the maximum number for all sources.
    init(perSource: Int = 16, inAll: Int = 256, pause: @escaping Pause = DelayedRefusals.onDispatch) {
        self.perSource = perSource
        self.inAll = inAll
        self.pause = pause
    }

    nonisolated static let onDispatch: Pause = { duration, work in
        DispatchQueue.global().asyncAfter(deadline: .now() + duration.dispatch, execute: work)
    }

    /// Calls `completion` exactly once, immediately or after `delay`.
    func refuse(
        _ source: Source, at now: Instant,
        completion: @escaping @LoopActor @Sendable (RequestAuthentication.Verdict) -> Void
    ) {
        guard let wait = failures.charge(source, at: now) else { return completion(.refused) }
        guard held[source, default: 0] < perSource, heldTotal < inAll else {
            return completion(.limited(retryAfter: wait))
        }
        held[source, default: 0] += 1
        heldTotal += 1
        pause(Self.delay) {
            LoopActor.post { [self] in
                heldTotal -= 1
                let rest = (held[source] ?? 1) - 1
                held[source] = rest > 0 ? rest : nil
                completion(.refused)
            }
        }
    }
}
