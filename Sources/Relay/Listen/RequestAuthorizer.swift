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
    private let logger: Logger

    init(configuration: RelayConfiguration, logger: Logger) {
        authentication = RequestAuthentication(
            bearer: BearerAuthentication(tokens: configuration.authTokens), basic: configuration.users)
        allowedNetworks = configuration.allowedNetworks
        trustedProxies = configuration.trustedProxies
        provesSenders = Self.provesSenders(configuration)
        self.logger = logger
    }

    /// Uses other settings from the next request on.
    func reconfigure(_ configuration: RelayConfiguration) {
        authentication.reconfigure(
            bearer: BearerAuthentication(tokens: configuration.authTokens), basic: configuration.users)
        allowedNetworks = configuration.allowedNetworks
        trustedProxies = configuration.trustedProxies
        provesSenders = Self.provesSenders(configuration)
    }

    private static func provesSenders(_ configuration: RelayConfiguration) -> Bool {
        !configuration.allowedNetworks.isEmpty || !configuration.authTokens.isEmpty || !configuration.users.isEmpty
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
        if !allowedNetworks.isEmpty {
            let client = client(of: request)
            // A peer on a Unix socket without a forwarded address is local and in no network.
            guard client.address.map(allowedNetworks.contains) ?? false else {
                let answer = HTTPResponse.error(403, "requests from \(client) are not allowed")
                return done(Denial(reason: "forbidden", answer: answer))
            }
        }
        // The address is computed only if the credentials do not decide: most webhooks have a valid token or need none.
        authentication.authenticate(
            authorization: request.header("Authorization"), client: self.client(of: request)
        ) { [self] verdict in
            done(refusal(for: verdict))
        }
    }

    private func refusal(for verdict: RequestAuthentication.Verdict) -> Denial? {
        switch verdict {
        case .admitted: return nil
        case .refused:
            let challenges = authentication.challenges.map { ("WWW-Authenticate", $0) }
            let answer = HTTPResponse.error(
                401, "valid credentials are required in the Authorization header", headers: challenges)
            return Denial(reason: "unauthorized", answer: answer)
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
