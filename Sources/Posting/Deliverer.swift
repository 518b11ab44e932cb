import CLibcurl
import Support
import Synchronization

/// The result of one request: a response, or the reason why there is none.
package typealias DeliveryResult = Result<HookResponse, TransportFailure>

/// Posts one message to one hook.
package protocol Deliverer {
    /// Makes exactly one HTTP request. Blocks until it has ended, so it must be called on an outbound queue.
    ///
    /// - Parameter body: a JSON object, not empty.
    func deliver(_ body: [UInt8]) -> DeliveryResult
}

/// Cancels posts in progress and prevents new ones. Used once, when the drain timeout has passed.
///
/// A post ends within about a second.
package final class DeliveryAbort: Sendable {
    private let flag = Atomic(false)

    package init() {}

    var isAborted: Bool { flag.load(ordering: .relaxed) }

    package func abort() {
        flag.store(true, ordering: .relaxed)
    }
}

/// The parts of an HTTP response that targets classify. Header values are unparsed.
package struct HookResponse: Sendable, Equatable {
    package var status: Int
    package var contentType: String?
    /// The server's clock, to which its other times refer.
    package var date: String?
    /// Seconds or an HTTP-date (RFC 9110 section 10.2.3); proxies send it, Rocket.Chat does not.
    package var retryAfter: String?
    package var rateLimit: RateLimit = RateLimit()
    /// At most `DelivererSettings.bodyLimit` bytes.
    package var body: [UInt8] = []
    /// The body exceeded that limit, and the rest was not read.
    package var isBodyCut = false

    package init(
        status: Int, contentType: String? = nil, date: String? = nil, retryAfter: String? = nil,
        rateLimit: RateLimit = RateLimit(), body: [UInt8] = [], isBodyCut: Bool = false
    ) {
        self.status = status
        self.contentType = contentType
        self.date = date
        self.retryAfter = retryAfter
        self.rateLimit = rateLimit
        self.body = body
        self.isBodyCut = isBodyCut
    }

    /// The `X-RateLimit-*` headers of Rocket.Chat and others (docs/rocketchat.md section 2).
    package struct RateLimit: Sendable, Equatable {
        package var limit: String?
        /// `Infinity` on Rocket.Chat servers whose limiter is broken.
        package var remaining: String?
        /// Milliseconds since 1970.
        package var reset: String?
    }
}

/// Why a request ended without a complete HTTP response.
package struct TransportFailure: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable, CaseIterable {
        /// The name of the server or of the proxy was not resolved.
        case resolve
        /// No connection to the server or through the proxy.
        case connect
        /// The proxy refuses the connection.
        case proxy
        /// The TLS handshake broke off, for example because the server restarts.
        case handshake
        /// A certificate or the relay's TLS settings are invalid; a retry does not help.
        case certificate
        /// libcurl refuses the URL.
        case url
        case timeout
        /// An established connection broke.
        case reset
        /// The response is incomplete, is not HTTP, or has too large a header.
        case badResponse
        /// The drain timeout has passed.
        case aborted
        case other
    }

    package var kind: Kind
    /// Sending the request had begun, so the server may have posted the message.
    package var sentRequest: Bool
    /// libcurl's error text without the hook's secrets.
    package var message: String
    /// The part of the response that arrived.
    package var partialResponse: HookResponse?
}

extension TransportFailure.Kind {
    /// The kind of a CURLcode; `other` for unknown codes and those that HTTP transfers do not return.
    ///
    /// - Parameter sentRequest: distinguishes a refused URL from a response that is not HTTP/1, which has the same code.
    init(curlCode: UInt32, sentRequest: Bool) {
        switch CURLcode(curlCode) {
        case CURLE_UNSUPPORTED_PROTOCOL: self = sentRequest ? .badResponse : .url
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
            self = .badResponse
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

/// At most `posts` in any interval of length `window`.
package struct RateLimit: Sendable, Hashable {
    package let posts: Int
    package let window: Duration

    package init(posts: Int, per window: Duration) {
        expect(posts > 0 && window > .zero, "the limit and its window must be positive")
        self.posts = posts
        self.window = window
    }
}
