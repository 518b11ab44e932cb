import Alerts
import Journaling
import Libevent
import Logging
import RocketChat
import Support

/// Who may post here: tells it by the network a request comes from, then by its credentials.
@LoopActor
final class RequestAuthorizer {
    /// Why a request is not let in, and what it is told.
    struct Denial {
        /// A value of `relay_payloads_rejected_total{reason}`.
        var reason: String
        var answer: HTTPResponse
    }

    private let authentication: RequestAuthentication
    private var allowedNetworks: NetworkList
    private var trustedProxies: NetworkList
    /// Whether senders have to show that they may post here, by their network or by credentials.
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

    /// Works with other settings from the next request on.
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

    /// Whether a peer speaks for many clients.
    func isTrustedProxy(_ address: String) -> Bool {
        !trustedProxies.isEmpty && IPAddress(address).map(trustedProxies.contains) ?? false
    }

    /// The address that a request came from, past the proxies that are trusted.
    func client(of request: some RequestHead) -> ClientAddress {
        ClientAddress(
            peer: request.remoteAddress, forwardedFor: request.headers("X-Forwarded-For"),
            trustedProxies: trustedProxies)
    }

    /// Calls back once, with nil for a request that is let in: before it returns, unless a password has to be checked or
    /// a refusal is delayed. Until then the client may have gone, or been answered for want of time.
    ///
    /// - Parameter request: is read before this returns, and not kept.
    func admit(_ request: some RequestHead, then done: @escaping @LoopActor @Sendable (Denial?) -> Void) {
        if !allowedNetworks.isEmpty {
            let client = client(of: request)
            // A peer on a Unix socket without a forwarded address is this machine's, and in no network.
            guard client.address.map(allowedNetworks.contains) ?? false else {
                let answer = HTTPResponse.error(403, "requests from \(client) are not allowed")
                return done(Denial(reason: "forbidden", answer: answer))
            }
        }
        // The address is only worked out where the credentials do not settle the matter: most webhooks bring a right
        // token or need none.
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
                401, "valid credentials are needed in the Authorization field", headers: challenges)
            return Denial(reason: "unauthorized", answer: answer)
        case .limited(let wait):
            let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
            let answer = HTTPResponse.unavailable("too many wrong credentials from this address", retryAfter: seconds)
            return Denial(reason: "throttled", answer: answer)
        case .busy:
            return Denial(reason: "throttled", answer: .unavailable("too many passwords wait to be checked"))
        case .failed(let failure):
            logger.error("passwords cannot be checked", metadata: ["errno": "\(failure.code)"])
            return Denial(reason: "throttled", answer: .unavailable("passwords cannot be checked now"))
        }
    }
}
