import CLibcurl
package import Support

/// One HTTP request on a connection of its own, for interfaces that are called seldom. Redirects are not followed.
package struct CurlRequest: Sendable {
    package enum Method: Sendable, Equatable {
        case get
        /// With a JSON body, not empty.
        case post([UInt8])
        case delete
    }

    /// The credentials that the request sends.
    package enum Login: Sendable, Equatable {
        case none
        case basic(user: String, password: Secret)
        case bearer(Secret)
    }

    private let method: Method
    private let url: String
    private let login: Login

    /// - Parameter url: absolute, with `http` or `https`. It must not hold credentials, because errors may quote it.
    package init(_ method: Method, _ url: String, login: Login = .none) {
        self.method = method
        self.url = url
        self.login = login
    }

    /// Blocks until the request has ended, so it must not be called on the loop.
    package func perform(_ settings: DelivererSettings, abort: DeliveryAbort) -> DeliveryResult {
        let transfer = CurlTransfer(settings: settings, abort: abort)
        var body: [UInt8] = []
        if case .post(let bytes) = method { body = bytes }
        var headers = curl_slist_append(nil, "Accept: application/json")
        if case .post = method {
            expect(!body.isEmpty, "the body is empty")
            headers = curl_slist_append(curl_slist_append(headers, "Content-Type: application/json"), "Expect:")
        }
        if case .bearer(let token) = login {
            headers = curl_slist_append(headers, "Authorization: Bearer \(token.revealed)")
        }
        defer { curl_slist_free_all(headers) }
        let handle = CurlHandle()
        configure(handle, settings)
        handle.set(list: CURLOPT_HTTPHEADER, headers)
        handle.setReceiver(transfer)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CURL_ERROR_SIZE)) { detail in
            detail.initialize(repeating: 0)
            handle.set(pointer: CURLOPT_ERRORBUFFER, detail.baseAddress)
            // The handle may report an error while it is freed, after this memory.
            defer {
                handle.set(pointer: CURLOPT_ERRORBUFFER, nil)
                handle.set(list: CURLOPT_HTTPHEADER, nil)
            }
            let code = withExtendedLifetime(transfer) {
                body.withUnsafeBytes { bytes in
                    if case .post = method {
                        handle.set(size: CURLOPT_POSTFIELDSIZE_LARGE, bytes.count)
                        handle.set(pointer: CURLOPT_POSTFIELDS, bytes.baseAddress)
                    }
                    return transfer.mayContinue() ? handle.perform() : CURLE_ABORTED_BY_CALLBACK
                }
            }
            transfer.finish(status: handle.responseCode)
            if code == CURLE_OK || transfer.stop == .bodyLimit { return .success(transfer.response) }
            let reason = curl_easy_strerror(code).map { String(cString: $0) } ?? "no answer"
            let more = detail.baseAddress.map { String(cString: $0) } ?? ""
            return .failure(
                TransportFailure(
                    kind: kind(of: code, transfer), sentRequest: transfer.sentRequest,
                    message: "\(more.isEmpty ? reason : more) (libcurl \(code.rawValue))"))
        }
    }

    private func kind(of code: CURLcode, _ transfer: CurlTransfer) -> TransportFailure.Kind {
        switch transfer.stop {
        case .resend: .reset
        case .headerLimit: .badResponse
        case .aborted: .aborted
        case .bodyLimit, nil: .init(curlCode: code.rawValue, sentRequest: transfer.sentRequest)
        }
    }

    private func configure(_ handle: borrowing CurlHandle, _ settings: DelivererSettings) {
        handle.set(CURLOPT_URL, url)
        handle.set(CURLOPT_USERAGENT, settings.userAgent)
        handle.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        handle.set(CURLOPT_FOLLOWLOCATION, false)
        handle.set(CURLOPT_NOSIGNAL, true)
        handle.set(CURLOPT_ACCEPT_ENCODING, "identity")
        handle.set(CURLOPT_QUICK_EXIT, true)
        handle.set(milliseconds: CURLOPT_CONNECTTIMEOUT_MS, settings.connectTimeout)
        handle.set(milliseconds: CURLOPT_TIMEOUT_MS, settings.timeout)
        switch method {
        case .get: handle.set(CURLOPT_HTTPGET, true)
        case .post: handle.set(CURLOPT_POST, true)
        case .delete: handle.set(CURLOPT_CUSTOMREQUEST, "DELETE")
        }
        if case .basic(let user, let password) = login {
            handle.set(CURLOPT_USERNAME, user)
            handle.set(CURLOPT_PASSWORD, password.revealed)
        }
        handle.setSecurity(settings)
        handle.setCallbacks()
    }
}
