import Libevent
import Logging

/// Who may post here: tells it by the network a request comes from, then by its credentials.
@LoopActor
final class Admission {
    /// Why a request is not let in, and what it is told.
    struct Refusal {
        /// A value of `relay_payloads_rejected_total{reason}`.
        var reason: String
        var answer: Answer
    }

    private let authentication: RequestAuthentication
    private var allowedNetworks: NetworkList
    private var trustedProxies: NetworkList
    /// Whether it matters where a request comes from: else nobody asks, since most webhooks bring a token or nothing.
    private var asksForAddress: Bool
    private let logger: Logger

    init(configuration: RelayConfiguration, logger: Logger) {
        authentication = RequestAuthentication(
            bearer: BearerAuthentication(tokens: configuration.authTokens), basic: configuration.users)
        allowedNetworks = configuration.allowedNetworks
        trustedProxies = configuration.trustedProxies
        asksForAddress = Self.asksForAddress(configuration)
        self.logger = logger
    }

    /// Works with other settings from the next request on.
    func reconfigure(_ configuration: RelayConfiguration) {
        authentication.reconfigure(
            bearer: BearerAuthentication(tokens: configuration.authTokens), basic: configuration.users)
        allowedNetworks = configuration.allowedNetworks
        trustedProxies = configuration.trustedProxies
        asksForAddress = Self.asksForAddress(configuration)
    }

    private static func asksForAddress(_ configuration: RelayConfiguration) -> Bool {
        !configuration.allowedNetworks.isEmpty || !configuration.users.isEmpty
    }

    /// The address that a request came from, past the proxies that are trusted.
    func client(of exchange: HTTPExchange) -> ClientAddress {
        ClientAddress(
            peer: exchange.remoteAddress, forwardedFor: exchange.headers("X-Forwarded-For"),
            trustedProxies: trustedProxies)
    }

    /// Calls back once, with nil for a request that is let in: before it returns, unless a password has to be checked.
    /// Until then the client may have gone, or been answered for want of time.
    func admit(_ exchange: HTTPExchange, then done: @escaping @LoopActor @Sendable (Refusal?) -> Void) {
        let client = asksForAddress ? client(of: exchange) : ClientAddress(nil)
        guard isAllowed(client) else {
            let answer = Answer.error(403, "requests from \(client) are not allowed")
            return done(Refusal(reason: "forbidden", answer: answer))
        }
        authentication.authenticate(authorization: exchange.header("Authorization"), client: client) { [self] verdict in
            done(refusal(for: verdict, client))
        }
    }

    /// A peer on a Unix socket without a forwarded address is this machine's, and in no network.
    private func isAllowed(_ client: ClientAddress) -> Bool {
        if allowedNetworks.isEmpty { return true }
        return client.address.map(allowedNetworks.contains) ?? false
    }

    private func refusal(for verdict: RequestAuthentication.Verdict, _ client: ClientAddress) -> Refusal? {
        switch verdict {
        case .admitted: return nil
        case .refused:
            let challenges = authentication.challenges.map { ("WWW-Authenticate", $0) }
            let answer = Answer.error(
                401, "valid credentials are needed in the Authorization field", headers: challenges)
            return Refusal(reason: "unauthorized", answer: answer)
        case .limited(let wait):
            let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
            let answer = Answer.unavailable("too many wrong passwords from this address", retryAfter: seconds)
            return Refusal(reason: "throttled", answer: answer)
        case .busy:
            return Refusal(reason: "throttled", answer: .unavailable("too many passwords wait to be checked"))
        case .failed(let failure):
            logger.error("passwords cannot be checked", metadata: ["errno": "\(failure.code)"])
            return Refusal(reason: "throttled", answer: .unavailable("passwords cannot be checked now"))
        }
    }
}
