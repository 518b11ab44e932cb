import Alerts
import Libevent
import Logging
import Support

/// Authorizes webhook requests by client network, then by credentials.
@LoopActor
final class RequestAuthorizer {
    /// The reason for refusing a request, and the response.
    struct Denial {
        /// A value of `relay_payloads_rejected_total{reason}`.
        var reason: String
        var answer: HTTPResponse
    }

    private let authentication: RequestAuthentication
    private var allowedNetworks: NetworkList
    private var trustedProxies: NetworkList
    /// Whether senders are restricted by network or by credentials.
    private(set) var provesSenders: Bool
    private var signatures: SignatureSettings
    private var operators: OperatorAccess
    private let logger: Logger

    init(configuration: RelayConfiguration, logger: Logger) {
        authentication = RequestAuthentication(
            bearer: BearerAuthentication(tokens: configuration.authTokens), basic: configuration.users)
        allowedNetworks = configuration.allowedNetworks
        trustedProxies = configuration.trustedProxies
        provesSenders = Self.provesSenders(configuration)
        signatures = configuration.signatures
        operators = OperatorAccess(configuration)
        self.logger = logger
    }

    /// Uses other settings from the next request on.
    func reconfigure(_ configuration: RelayConfiguration) {
        authentication.reconfigure(
            bearer: BearerAuthentication(tokens: configuration.authTokens), basic: configuration.users)
        allowedNetworks = configuration.allowedNetworks
        trustedProxies = configuration.trustedProxies
        provesSenders = Self.provesSenders(configuration)
        signatures = configuration.signatures
        operators = OperatorAccess(configuration)
    }

    private static func provesSenders(_ configuration: RelayConfiguration) -> Bool {
        !configuration.allowedNetworks.isEmpty || !configuration.authTokens.isEmpty || !configuration.users.isEmpty
            || !configuration.signatures.secrets.isEmpty
    }

    /// Whether a peer is a trusted proxy and so forwards requests of many clients.
    func isTrustedProxy(_ address: String) -> Bool {
        !trustedProxies.isEmpty && IPAddress(address).map(trustedProxies.contains) ?? false
    }

    /// The client address of a request, resolved through trusted proxies.
    func client(of request: some RequestHead) -> ClientAddress {
        ClientAddress(
            peer: request.remoteAddress, forwardedFor: request.headers("X-Forwarded-For"),
            trustedProxies: trustedProxies)
    }

    /// Calls `done` exactly once, with nil if the request is admitted. It is called before this returns, unless bcrypt
    /// has to run or a refusal is delayed. Meanwhile the client may close the connection, or the request may time out.
    ///
    /// - Parameter request: not used after this returns.
    func admit(_ request: some RequestHead, then done: @escaping @LoopActor @Sendable (Denial?) -> Void) {
        if let denial = networkDenial(of: request) { return done(denial) }
        if authentication.admitsAnybody {
            // If bodies are signed, requests without a signature must not pass.
            return done(signatures.secrets.isEmpty ? nil : refusal(for: .refused, challenges: webhookChallenges))
        }
        // The address is computed only if the credentials do not decide: most webhooks have a valid token or need none.
        authentication.authenticate(
            authorization: request.header("Authorization"), client: self.client(of: request)
        ) { [self] verdict in
            done(refusal(for: verdict, challenges: webhookChallenges))
        }
    }

    // MARK: Operators

    /// Whether the routes of the status page exist.
    var hasStatusPage: Bool { operators.access != .off }

    /// Whether a request with this `Authorization` field, which was admitted, comes from a proven operator.
    func isProvenOperator(authorization: String?) -> Bool { operators.isProven(authorization: authorization) }

    /// The same as `admit` for a request of the status page.
    ///
    /// - Parameter needsProof: the request needs valid credentials even if the page is open.
    func admitOperator(
        _ request: some RequestHead, needsProof: Bool, then done: @escaping @LoopActor @Sendable (Denial?) -> Void
    ) {
        if let denial = networkDenial(of: request) { return done(denial) }
        let authorization = request.header("Authorization")
        switch operators.rule(authorization: authorization, needsProof: needsProof) {
        case .admitted: done(nil)
        case .closed(let message): done(Denial(reason: "forbidden", answer: .error(403, message)))
        case .credentials:
            authentication.authenticate(
                authorization: authorization, client: self.client(of: request), acceptsTokenAsPassword: true
            ) { [self] verdict in
                done(refusal(for: verdict, challenges: OperatorAccess.challenges))
            }
        }
    }

    /// Judges a request by its client's network only; nil if the network is allowed.
    func networkDenial(of request: some RequestHead) -> Denial? {
        if allowedNetworks.isEmpty { return nil }
        let client = client(of: request)
        // A peer on a Unix socket without a forwarded address is local and in no network.
        if client.address.map(allowedNetworks.contains) ?? false { return nil }
        return Denial(
            reason: "forbidden", answer: HTTPResponse.error(403, "requests from \(client) are not allowed"))
    }

    // MARK: Signatures

    /// The signature of a webhook. One that has the signature's field is judged by it alone.
    func claim(of request: some RequestHead) -> SignatureClaim {
        signatures.secrets.isEmpty ? .none : SignatureClaim(request, signatures, now: .now())
    }

    /// Calls `done` with nil if a webhook whose signature is not verified yet may send its body, else as
    /// `denySignature` does.
    func admitSigned(
        _ request: some RequestHead, _ claim: SignatureClaim,
        then done: @escaping @LoopActor @Sendable (Denial?) -> Void
    ) {
        if let denial = networkDenial(of: request) { return done(denial) }
        guard case .invalid(let reason) = claim else { return done(nil) }
        denySignature(of: request, reason) { done($0) }
    }

    /// Calls `done` exactly once, delayed if this client's signatures or tokens were wrong too often.
    func denySignature(
        of request: some RequestHead, _ reason: String, then done: @escaping @LoopActor @Sendable (Denial?) -> Void
    ) {
        authentication.refuse(client(of: request)) { [self] verdict in
            done(refusal(for: verdict, reason, challenges: webhookChallenges))
        }
    }

    private var webhookChallenges: [String] {
        let signature = signatures.secrets.isEmpty ? [] : ["HMAC-SHA256 header=\"\(signatures.header)\""]
        return authentication.challenges + signature
    }

    private func refusal(
        for verdict: RequestAuthentication.Verdict,
        _ reason: String = "valid credentials are required in the Authorization header", challenges: [String]
    ) -> Denial? {
        switch verdict {
        case .admitted: return nil
        case .refused:
            let challenges = challenges.map { ("WWW-Authenticate", $0) }
            return Denial(reason: "unauthorized", answer: HTTPResponse.error(401, reason, headers: challenges))
        case .limited(let wait):
            let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
            let answer = HTTPResponse.unavailable("too many wrong credentials from this address", retryAfter: seconds)
            return Denial(reason: "throttled", answer: answer)
        case .busy:
            return Denial(reason: "throttled", answer: .unavailable("too many password checks are pending"))
        case .failed(let failure):
            logger.error("passwords cannot be checked", metadata: ["errno": "\(failure.code)"])
            return Denial(reason: "throttled", answer: .unavailable("passwords cannot be checked now"))
        }
    }
}
