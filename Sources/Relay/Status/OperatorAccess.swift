import Libevent
import Posting

/// Who may see the status page.
enum StatusAccess: String, Sendable {
    /// Operators with the credentials of `/webhook`.
    case authenticated
    /// Everybody in the allowed networks.
    case open
    case off

    /// Who that is for a configuration, for its summary.
    func summary(_ configuration: RelayConfiguration) -> String {
        switch self {
        case .off: "off"
        case .open: "open to everybody who may reach it; only credentials allow replays"
        case .authenticated:
            OperatorAccess(configuration).hasCredentials
                ? "with the credentials of /webhook" : "closed, because there are no credentials of /webhook"
        }
    }
}

extension SettingFormat where Value == StatusAccess {
    static var statusAccess: Self {
        .single("authenticated, open or off", text: \.rawValue) { StatusAccess(rawValue: $0.lowercased()) }
    }
}

/// Decides which requests of the status page need credentials (docs/decisions/0035).
struct OperatorAccess: Sendable {
    enum Rule: Equatable {
        case admitted
        /// Check the request's credentials.
        case credentials
        /// No credentials are configured. The message names what to set.
        case closed(String)
    }

    let access: StatusAccess
    /// Whether senders can be told apart by tokens, passwords or client certificates.
    let hasCredentials: Bool
    /// Whether these are sent in the `Authorization` field.
    private let areInHeader: Bool

    init(_ configuration: RelayConfiguration) {
        access = configuration.statusPage
        areInHeader = !configuration.authTokens.isEmpty || !configuration.users.isEmpty
        hasCredentials = areInHeader || configuration.tlsFiles?.clientCA != nil
    }

    /// Browsers ask for user and password. If only tokens are configured, the password is a token.
    static let challenges = ["Basic realm=\"relay status\", charset=\"UTF-8\""]

    func rule(authorization: String?, needsProof: Bool) -> Rule {
        // Credentials that are sent are checked, so that an admitted request with some is proven.
        if areInHeader, authorization != nil { return .credentials }
        if access == .open, !needsProof { return .admitted }
        guard hasCredentials else {
            return .closed(
                needsProof
                    ? "this needs credentials: set RELAY_AUTH_TOKEN or RELAY_BASIC_AUTH"
                    : "the status page is closed: set RELAY_AUTH_TOKEN or RELAY_BASIC_AUTH, "
                        + "or RELAY_STATUS_PAGE=open to show it to everybody")
        }
        // The TLS handshake has verified a client certificate.
        return areInHeader ? .credentials : .admitted
    }

    /// Whether an admitted request with this `Authorization` field comes from a proven operator.
    func isProven(authorization: String?) -> Bool {
        areInHeader ? authorization != nil : hasCredentials
    }
}
