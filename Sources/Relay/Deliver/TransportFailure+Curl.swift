import CLibcurl

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
