import Alerts
import CLibcurl
import Synchronization

/// What one delivery attempt brought back: an answer, or the reason why there is none.
package typealias DeliveryResult = Result<HookResponse, TransportFailure>

/// Posts one message to one hook.
package protocol Deliverer {
    /// Makes exactly one HTTP request and waits for its end; blocks, so it belongs on an outbound queue.
    ///
    /// - Parameter body: a JSON object, not empty.
    func deliver(_ body: [UInt8]) -> DeliveryResult
}

/// A switch, thrown once, that cuts the posts under way and refuses new ones: a drain deadline has passed.
///
/// A post notices it within about a second.
package final class DeliveryAbort: Sendable {
    private let isThrown = Atomic(false)

    package init() {}

    var isAborted: Bool { isThrown.load(ordering: .relaxed) }

    package func abort() {
        isThrown.store(true, ordering: .relaxed)
    }
}

/// The parts of an HTTP answer that decide what becomes of a message. Header values stand as they were sent.
package struct HookResponse: Sendable, Equatable {
    package var status: Int
    package var contentType: String?
    /// The server's own clock; what it says about times is measured against this.
    package var date: String?
    /// Seconds or an HTTP-date (RFC 9110 section 10.2.3); proxies send it, Rocket.Chat does not.
    package var retryAfter: String?
    package var rateLimit: RateLimit = RateLimit()
    /// At most as many bytes as the settings allow.
    package var body: [UInt8] = []
    /// The body was longer than the settings allow, and the rest was not read.
    var isBodyCut = false

    /// Rocket.Chat's `X-RateLimit-*` headers (docs/rocketchat.md section 2).
    package struct RateLimit: Sendable, Equatable {
        package var limit: String?
        /// `Infinity` on servers whose limiter does not work.
        package var remaining: String?
        /// Milliseconds since 1970.
        package var reset: String?
    }
}

/// Why a delivery attempt ended without a whole HTTP answer.
package struct TransportFailure: Error, Sendable, Equatable {
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
    package var sentRequest: Bool
    /// What libcurl says, without the hook's secrets.
    package var message: String
    /// What had arrived of an answer before it broke off.
    var partialAnswer: HookResponse?
}

extension TransportFailure.Kind {
    /// The kind of a CURLcode; codes that an HTTP transfer cannot end with, and unknown ones, are `other`.
    ///
    /// - Parameter sentRequest: tells a URL that libcurl refuses from an answer that is no HTTP/1, which has the
    ///   same code.
    init(curlCode: UInt32, sentRequest: Bool) {
        switch CURLcode(curlCode) {
        case CURLE_UNSUPPORTED_PROTOCOL: self = sentRequest ? .badAnswer : .url
        case CURLE_URL_MALFORMAT: self = .url
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: self = .resolve
        case CURLE_COULDNT_CONNECT, CURLE_PROXY, CURLE_INTERFACE_FAILED, CURLE_NO_CONNECTION_AVAILABLE:
            self = .connect
        case CURLE_SSL_CONNECT_ERROR: self = .handshake
        case let code where Self.isCertificate(code): self = .certificate
        case CURLE_OPERATION_TIMEDOUT: self = .timeout
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SEND_FAIL_REWIND,
            CURLE_UNRECOVERABLE_POLL, CURLE_HTTP2, CURLE_HTTP2_STREAM:
            self = .reset
        case CURLE_WEIRD_SERVER_REPLY, CURLE_PARTIAL_FILE, CURLE_BAD_CONTENT_ENCODING, CURLE_WRITE_ERROR,
            CURLE_FILESIZE_EXCEEDED:
            self = .badAnswer
        case CURLE_ABORTED_BY_CALLBACK: self = .aborted
        default: self = .other
        }
    }

    private static func isCertificate(_ code: CURLcode) -> Bool {
        switch code {
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH,
            CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT, CURLE_SSL_ENGINE_NOTFOUND,
            CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED:
            true
        default: false
        }
    }
}

/// At most so many posts in any stretch of time of that length.
package struct RateLimit: Sendable, Hashable {
    package let posts: Int
    package let window: Duration

    package init(posts: Int, per window: Duration) {
        precondition(posts > 0 && window > .zero, "a limit that lets nothing through")
        self.posts = posts
        self.window = window
    }

    /// Rocket.Chat's default (docs/rocketchat.md section 2).
    package static let rocketChat = RateLimit(posts: 10, per: .seconds(60))
}
