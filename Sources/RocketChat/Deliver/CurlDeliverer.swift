import Alerts
import CLibcurl
package import Support

/// Posts to one hook over one kept-alive connection.
///
/// Not Sendable: it lives on the outbound queue of its hook, one request at a time.
package final class CurlDeliverer: Deliverer {
    private let hook: HookURL
    private let settings: DelivererSettings
    private let proxy: ProxyURL?
    private let abort: DeliveryAbort
    private let handle = CurlHandle()
    private let headers: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>

    package init(hook: HookURL, settings: DelivererSettings, abort: DeliveryAbort) {
        self.hook = hook
        self.settings = settings
        proxy = settings.proxy.flatMap { try? ProxyURL($0.revealed) }
        self.abort = abort
        // With `Expect: 100-continue`, libcurl's default for larger bodies, a proxy that ignores it costs a second.
        headers = curl_slist_append(curl_slist_append(nil, "Content-Type: application/json"), "Expect:")
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        setRequest()
        setSecurity()
        setCallbacks()
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
    /// Not by `curl_version()`: Debian's libcurl asks OpenLDAP there, which looks the machine's own name up and waits for
    /// a resolver that does not answer.
    package static var libraryVersion: String {
        guard let info = relay_curl_version()?.pointee, let version = info.version else {
            return "libcurl of unknown version"
        }
        let tls = info.ssl_version.map { " " + String(cString: $0) } ?? ""
        return "libcurl/" + String(cString: version) + tls
    }

    package func deliver(_ body: [UInt8]) -> DeliveryResult {
        // Without a body libcurl would read one from standard input.
        precondition(!body.isEmpty, "an empty body")
        let transfer = CurlTransfer(settings: settings, abort: abort)
        guard transfer.mayContinue() else { return .failure(failure(of: CURLE_ABORTED_BY_CALLBACK, transfer)) }
        let code = perform(transfer, body)
        transfer.finish(status: handle.responseCode)
        // A body beyond the limit still has a status that says enough.
        if code == CURLE_OK || transfer.stop == .bodyLimit { return .success(transfer.answer) }
        return .failure(failure(of: code, transfer))
    }

    private func perform(_ transfer: CurlTransfer, _ body: [UInt8]) -> CURLcode {
        let context = UnsafeRawPointer(Unmanaged.passUnretained(transfer).toOpaque())
        for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_XFERINFODATA, CURLOPT_PREREQDATA] {
            handle.set(pointer: option, context)
        }
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
            case .headerLimit: .badAnswer
            case .aborted: .aborted
            case .bodyLimit, nil:
                isRefusedByProxy(transfer) ? .proxy : .init(curlCode: code.rawValue, sentRequest: transfer.sentRequest)
            }
        return TransportFailure(
            kind: kind, sentRequest: transfer.sentRequest, message: message(of: code, transfer.stop),
            partialAnswer: transfer.answer.status == 0 ? nil : transfer.answer)
    }

    /// A proxy that cannot reach the server says so with a 5xx, and that it has no time with 408 or 429: those pass.
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
            return (proxy?.redacting(words) ?? words) + " (libcurl \(code.rawValue))"
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
        // A redirected POST becomes a GET, which Rocket.Chat answers with success (docs/rocketchat.md section 1.1).
        handle.set(CURLOPT_FOLLOWLOCATION, false)
        handle.set(CURLOPT_TCP_KEEPALIVE, true)
        handle.set(CURLOPT_MAXCONNECTS, 1)
        handle.set(CURLOPT_NOSIGNAL, true)
        // Some servers pack their answers though nobody asked; with this libcurl unpacks them, and asks that they do not.
        handle.set(CURLOPT_ACCEPT_ENCODING, "identity")
        // A name is looked up when a connection is made, which is seldom: an address that is kept could be one that
        // fails.
        handle.set(CURLOPT_DNS_CACHE_TIMEOUT, 0)
        // Without it a name server that hangs holds the transfer beyond its timeout, to join the resolver's thread.
        handle.set(CURLOPT_QUICK_EXIT, true)
        handle.set(milliseconds: CURLOPT_CONNECTTIMEOUT_MS, settings.connectTimeout)
        handle.set(milliseconds: CURLOPT_TIMEOUT_MS, settings.timeout)
        handle.set(pointer: CURLOPT_ERRORBUFFER, errorText)
        if let socket = settings.unixSocket { handle.set(CURLOPT_UNIX_SOCKET_PATH, socket) }
    }

    private func setSecurity() {
        handle.set(CURLOPT_PROTOCOLS_STR, "http,https")
        handle.set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        handle.set(CURLOPT_SSL_VERIFYPEER, true)
        // 2: the certificate must name the host; 1 checks nothing more than 0.
        handle.set(CURLOPT_SSL_VERIFYHOST, 2)
        handle.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, true)
        if let proxy = settings.proxy { handle.set(CURLOPT_PROXY, proxy.revealed) }
        if let noProxy = settings.noProxy { handle.set(CURLOPT_NOPROXY, noProxy) }
        if let file = settings.caFile { handle.set(CURLOPT_CAINFO, file) }
        if let client = settings.clientCertificate {
            handle.set(CURLOPT_SSLCERT, client.certificate)
            handle.set(CURLOPT_SSLKEY, client.key)
        }
        if let folder = settings.caFolder { handle.set(CURLOPT_CAPATH, folder) }
    }

    private func setCallbacks() {
        handle.set(
            receiver: CURLOPT_WRITEFUNCTION,
            { bytes, size, count, context in
                let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return CurlTransfer.at(context).receive(body: piece) ? piece.count : 0
            })
        handle.set(
            receiver: CURLOPT_HEADERFUNCTION,
            { bytes, size, count, context in
                let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return CurlTransfer.at(context).receive(header: line) ? line.count : 0
            })
        handle.set(CURLOPT_NOPROGRESS, false)
        handle.set(progress: { context, _, _, _, _ in CurlTransfer.at(context).mayContinue() ? 0 : 1 })
        handle.set(prerequest: { context, _, _, _, _ in
            CurlTransfer.at(context).mayStartRequest() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
        })
    }
}

extension CurlTransfer {
    /// The transfer behind a callback's context; `perform` keeps it alive while libcurl can call.
    fileprivate static func at(_ context: UnsafeMutableRawPointer?) -> CurlTransfer {
        guard let context else { preconditionFailure("libcurl calls without a context") }
        return Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    }
}

/// How posts leave: times, limits and the way to the server.
package struct DelivererSettings: Sendable, Equatable {
    /// `relay/<version>`.
    package var userAgent = "relay"
    /// From the start to a connection that stands, TLS included.
    package var connectTimeout: Duration = .seconds(5)
    /// From the start to the last byte of the answer. Rocket.Chat answers after it has notified the room, which
    /// takes seconds in large ones (docs/rocketchat.md section 5).
    package var timeout: Duration = .seconds(20)
    /// The bytes of an answer's body that are read, unpacked: enough for the largest message and its parsed text, which
    /// Rocket.Chat sends back where ids are asked for.
    package var bodyLimit = 4 << 20
    /// The bytes that all header lines of an answer may have together.
    var headerLimit = 32 * 1024
    /// A proxy's URL, which may hold a password; nil for what `http_proxy`, `https_proxy` and `no_proxy` say.
    package var proxy: Secret?
    /// Hosts that are reached without the proxy, separated by commas; nil for what `no_proxy` says.
    package var noProxy: String?
    /// A Unix socket to connect to, in place of the URL's host.
    package var unixSocket: String?
    /// A file with the certificates to trust, in place of the system's.
    package var caFile: String?
    /// A folder with the certificates to trust, in place of the system's.
    var caFolder: String?
    /// What to show a server that asks for a certificate.
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
