import Libevent

/// Tells whether a request may come in, by whichever of bearer tokens and users are configured; with neither, all may.
///
/// Right credentials that need no check always pass, whoever else fails at their address: a bearer token, and a user
/// and password that were proven and have come from this address before. From another address that failed too often
/// they do not, or a right guess would be answered there however many wrong ones went before, at the speed of the
/// listener and not of bcrypt.
///
/// A wrong bearer token is refused and not counted. It costs no more than a comparison, and to wait would not slow down
/// who guesses, since the right one must always pass: tokens are to be long and random.
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

    private var bearer: BearerAuthentication
    private var basic: BasicAuthentication
    private var failures: FailedAuthentications
    /// Where proven credentials came from.
    private var known: RecentMemory<ClientAddress.Source, Bool>
    private let now: @Sendable () -> Instant

    init(
        bearer: BearerAuthentication, basic: BasicAuthentication, failures: FailedAuthentications = .init(),
        now: @escaping @Sendable () -> Instant = { .now }
    ) {
        self.bearer = bearer
        self.basic = basic
        self.failures = failures
        known = RecentMemory(capacity: 4096)
        self.now = now
    }

    /// Works with other credentials from the next request on. Who failed stays limited; a check that is under way ends
    /// by what it began with.
    func reconfigure(bearer: BearerAuthentication, basic: BasicAuthentication) {
        self.bearer = bearer
        self.basic = basic
        // Which user came from where is not kept, so one who was taken out must not vouch for an address.
        known = RecentMemory(capacity: 4096)
    }

    /// The values for `WWW-Authenticate` fields of a 401, one for each way in (RFC 9110 section 11.6.1).
    var challenges: [String] {
        (bearer.isEmpty ? [] : ["Bearer realm=\"relay\""])
            + (basic.isEmpty ? [] : ["Basic realm=\"relay\", charset=\"UTF-8\""])
    }

    /// Calls back once: before it returns, unless credentials have to be checked with bcrypt.
    ///
    /// - Parameter authorization: the request's `Authorization` field.
    func authenticate(
        authorization: String?, client: ClientAddress, completion: @escaping @LoopActor @Sendable (Verdict) -> Void
    ) {
        if bearer.isEmpty && basic.isEmpty { return completion(.admitted) }
        // Without tokens `bearer` admits everyone, which is not meant where there are users.
        if !bearer.isEmpty && bearer.admits(authorization: authorization) { return completion(.admitted) }
        guard !basic.isEmpty, let credentials = BasicCredentials(authorization: authorization) else {
            return completion(.refused)
        }
        let now = now()
        let mayRecall = known[client.source] != nil || failures.wait(for: client, at: now) == nil
        if mayRecall && basic.isProven(credentials) {
            known.remember(client.source, true)
            return completion(.admitted)
        }
        if let wait = failures.charge(client, at: now) { return completion(.limited(retryAfter: wait)) }
        basic.prove(credentials) { outcome in
            LoopActor.post { self.conclude(outcome, client, completion) }
        }
    }

    private func conclude(
        _ outcome: BasicAuthentication.Outcome, _ client: ClientAddress, _ completion: (Verdict) -> Void
    ) {
        switch outcome {
        case .admitted:
            failures.refund(client)
            known.remember(client.source, true)
            completion(.admitted)
        case .refused: completion(.refused)
        case .busy:
            failures.refund(client)
            completion(.busy)
        case .failed(let failure):
            failures.refund(client)
            completion(.failed(failure))
        }
    }
}
