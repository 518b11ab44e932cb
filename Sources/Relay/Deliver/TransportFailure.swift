/// Why a delivery attempt ended without a whole HTTP answer.
struct TransportFailure: Error, Sendable, Equatable {
    enum Kind: Sendable, Equatable, CaseIterable {
        /// The name of the server or of the proxy was not resolved.
        case resolve
        /// No connection to the server or through the proxy.
        case connect
        /// The proxy will not let us through, by its configuration or ours.
        case proxy
        /// The TLS handshake broke off, as it does when a server restarts.
        case handshake
        /// The certificate, or our own TLS settings, will not do: trying again does not help.
        case certificate
        /// Libcurl cannot use the URL.
        case url
        case timeout
        /// The connection broke after it stood.
        case reset
        /// What came back was not a whole HTTP answer, or its header was too large.
        case badAnswer
        /// The relay itself gave up because its time to drain ran out.
        case aborted
        case other
    }

    var kind: Kind
    /// A request had begun to leave, so Rocket.Chat may have posted the message.
    var sentRequest: Bool
    /// What libcurl says, without the hook's secrets.
    var message: String
    /// What had arrived of an answer before it broke off.
    var partialAnswer: HTTPAnswer?
}
