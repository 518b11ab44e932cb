import CLibcurl
package import Support

/// Posts to one hook over one kept-alive connection.
///
/// Not Sendable: its outbound queue owns it and posts one request at a time.
package final class CurlDeliverer: Deliverer {
    private let hook: HookURL
    private let settings: DelivererSettings
    /// The configured proxy, else the environment's.
    private let proxy: ProxyURL?
    private let abort: DeliveryAbort
    private let handle = CurlHandle()
    private let headers: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>

    package init(hook: HookURL, settings: DelivererSettings, abort: DeliveryAbort) {
        self.hook = hook
        self.settings = settings
        proxy =
            settings.proxy.flatMap { try? ProxyURL($0.revealed) } ?? ProxyURL.ofEnvironment(for: hook.url.revealed)
        self.abort = abort
        // With `Expect: 100-continue`, libcurl's default for larger bodies, a proxy that ignores it costs a second.
        headers = curl_slist_append(curl_slist_append(nil, "Content-Type: application/json"), "Expect:")
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        setRequest()
        handle.setSecurity(settings)
        handle.setCallbacks()
    }

    deinit {
        // The handle is freed after this body, and may report an error while it closes its connection.
        handle.set(pointer: CURLOPT_ERRORBUFFER, nil)
        handle.set(list: CURLOPT_HTTPHEADER, nil)
        curl_slist_free_all(headers)
        errorText.deallocate()
    }

    /// Libcurl's and its TLS library's names and versions.
    ///
    /// Does not call `curl_version()`: in Debian's libcurl that initializes OpenLDAP, which resolves the host name and
    /// blocks while the resolver does not respond.
    package static var libraryVersion: String {
        guard let info = relay_curl_version()?.pointee, let version = info.version else {
            return "libcurl of unknown version"
        }
        let tls = info.ssl_version.map { " " + String(cString: $0) } ?? ""
        return "libcurl/" + String(cString: version) + tls
    }

    package func deliver(_ body: [UInt8]) -> DeliveryResult {
        // Without a body libcurl would read one from standard input.
        expect(!body.isEmpty, "the body is empty")
        let transfer = CurlTransfer(settings: settings, abort: abort)
        guard transfer.mayContinue() else { return .failure(failure(of: CURLE_ABORTED_BY_CALLBACK, transfer)) }
        let code = perform(transfer, body)
        transfer.finish(status: handle.responseCode)
        // The status is sufficient if the body is over the limit.
        if code == CURLE_OK || transfer.stop == .bodyLimit { return .success(transfer.response) }
        return .failure(failure(of: code, transfer))
    }

    private func perform(_ transfer: CurlTransfer, _ body: [UInt8]) -> CURLcode {
        handle.setReceiver(transfer)
        errorText.pointee = 0
        return withExtendedLifetime(transfer) {
            body.withUnsafeBytes { bytes in
                handle.set(size: CURLOPT_POSTFIELDSIZE_LARGE, bytes.count)
                handle.set(pointer: CURLOPT_POSTFIELDS, bytes.baseAddress)
                return handle.perform()
            }
        }
    }

    private func failure(of code: CURLcode, _ transfer: CurlTransfer) -> TransportFailure {
        let kind: TransportFailure.Kind =
            switch transfer.stop {
            case .resend: .reset
            case .headerLimit: .badResponse
            case .aborted: .aborted
            case .bodyLimit, nil:
                isRefusedByProxy(transfer) ? .proxy : .init(curlCode: code.rawValue, sentRequest: transfer.sentRequest)
            }
        return TransportFailure(
            kind: kind, sentRequest: transfer.sentRequest, message: message(of: code, transfer.stop),
            partialResponse: transfer.response.status == 0 ? nil : transfer.response)
    }

    /// A proxy responds with 5xx if it cannot reach the server, and with 408 or 429 if it is busy. These are temporary.
    private func isRefusedByProxy(_ transfer: CurlTransfer) -> Bool {
        let code = handle.connectCode
        return !transfer.sentRequest && (400..<500).contains(code) && code != 408 && code != 429
    }

    private func message(of code: CURLcode, _ stop: CurlTransfer.Stop?) -> String {
        switch stop {
        case .resend: return "the kept-alive connection broke before an answer"
        case .headerLimit: return "the header of the answer is over \(settings.headerLimit) bytes"
        case .aborted: return "cut by the end of the time to drain"
        case .bodyLimit, nil:
            let text = errorText.pointee == 0 ? curl_easy_strerror(code).map { UnsafePointer($0) } : .init(errorText)
            let words = hook.redacting(text.map { String(cString: $0) } ?? "")
            let explained = CurlText.explained(proxy?.redacting(words) ?? words, proxy: proxy?.address)
            return explained + " (libcurl \(code.rawValue))"
        }
    }
}

// MARK: - The handle's settings

extension CurlDeliverer {
    private func setRequest() {
        handle.set(CURLOPT_URL, hook.url.revealed)
        handle.set(CURLOPT_PATH_AS_IS, true)
        handle.set(CURLOPT_POST, true)
        handle.set(list: CURLOPT_HTTPHEADER, headers)
        handle.set(CURLOPT_USERAGENT, settings.userAgent)
        // HTTP/2 gains nothing with one request at a time, and libcurl would repeat refused streams by itself.
        handle.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        // A redirected POST becomes a GET, to which Rocket.Chat responds with success (docs/rocketchat.md section 1.1).
        handle.set(CURLOPT_FOLLOWLOCATION, false)
        handle.set(CURLOPT_TCP_KEEPALIVE, true)
        handle.set(CURLOPT_MAXCONNECTS, 1)
        handle.set(CURLOPT_NOSIGNAL, true)
        // Some servers compress responses without being asked. With this option libcurl decompresses them.
        handle.set(CURLOPT_ACCEPT_ENCODING, "identity")
        // Connections are rare, so each one resolves the name again: a cached address may be one that fails.
        handle.set(CURLOPT_DNS_CACHE_TIMEOUT, 0)
        // Otherwise libcurl joins the resolver's thread and exceeds the timeout while a name server does not respond.
        handle.set(CURLOPT_QUICK_EXIT, true)
        handle.set(milliseconds: CURLOPT_CONNECTTIMEOUT_MS, settings.connectTimeout)
        handle.set(milliseconds: CURLOPT_TIMEOUT_MS, settings.timeout)
        handle.set(pointer: CURLOPT_ERRORBUFFER, errorText)
        if let socket = settings.unixSocket { handle.set(CURLOPT_UNIX_SOCKET_PATH, socket) }
    }
}

/// The transport settings of posts: timeouts, limits, proxy and TLS.
package struct DelivererSettings: Sendable, Equatable {
    /// `relay/<version>`.
    package var userAgent = "relay"
    /// From the start until the connection is established, including TLS.
    package var connectTimeout: Duration = .seconds(5)
    /// From the start to the last byte of the response. Rocket.Chat responds after it has notified the room, which takes
    /// seconds in large rooms (docs/rocketchat.md section 5).
    package var timeout: Duration = .seconds(20)
    /// The most bytes of a response's decompressed body. Rocket.Chat returns the message and its parsed text if the
    /// message requested its ID.
    package var bodyLimit = 4 << 20
    /// The most bytes of all header lines of a response.
    var headerLimit = 32 * 1024
    /// A proxy's URL, which may hold a password; nil uses `http_proxy`, `https_proxy` and `no_proxy`.
    package var proxy: Secret?
    /// Hosts that are reached without the proxy, separated by commas; nil uses `no_proxy`.
    package var noProxy: String?
    /// A Unix socket to connect to instead of the URL's host.
    package var unixSocket: String?
    /// A file with the trusted certificates; nil uses the system's.
    package var caFile: String?
    /// A folder with the trusted certificates; nil uses the system's.
    var caFolder: String?
    /// The certificate for servers that request one.
    package var clientCertificate: ClientCertificate?

    package init(
        userAgent: String = "relay", connectTimeout: Duration = .seconds(5), timeout: Duration = .seconds(20),
        bodyLimit: Int = 4 << 20, headerLimit: Int = 32 * 1024, proxy: Secret? = nil, noProxy: String? = nil,
        unixSocket: String? = nil, caFile: String? = nil, caFolder: String? = nil,
        clientCertificate: ClientCertificate? = nil
    ) {
        self.userAgent = userAgent
        self.connectTimeout = connectTimeout
        self.timeout = timeout
        self.bodyLimit = bodyLimit
        self.headerLimit = headerLimit
        self.proxy = proxy
        self.noProxy = noProxy
        self.unixSocket = unixSocket
        self.caFile = caFile
        self.caFolder = caFolder
        self.clientCertificate = clientCertificate
    }
}

/// The files of a certificate and its key, both PEM.
package struct ClientCertificate: Sendable, Equatable {
    package var certificate: String
    package var key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}
