import CLibcurl
package import Support

/// Makes single requests to a relay, for commands. Blocks, and ignores the proxies of the environment.
package struct CurlProbe {
    package enum Outcome: Equatable {
        /// The body is cut at `bodyLimit` bytes.
        case answer(status: Int, body: String)
        /// No response, for libcurl's reason. `handshake`: the server completed a TLS handshake before.
        case failed(String, handshake: Bool)
    }

    /// For one whole request.
    package var timeout = Duration.seconds(5)
    package var verifiesCertificate = true
    /// A file with the trusted certificates; nil uses the system's.
    package var caFile: String?
    package var clientCertificate: ClientCertificate?
    /// The value of the `Authorization` field.
    package var authorization: Secret?

    /// Further header fields.
    package var fields: [(name: String, value: String)] = []

    private static let bodyLimit = 4096

    package init() {}

    package func get(_ url: String) -> Outcome {
        let handle = CurlHandle()
        return perform(handle, url)
    }

    /// - Parameter body: a JSON text, not empty.
    package func post(_ url: String, body: [UInt8]) -> Outcome {
        expect(!body.isEmpty, "the body is empty")
        let handle = CurlHandle()
        handle.set(CURLOPT_POST, true)
        return body.withUnsafeBytes { bytes in
            handle.set(size: CURLOPT_POSTFIELDSIZE_LARGE, bytes.count)
            handle.set(pointer: CURLOPT_POSTFIELDS, bytes.baseAddress)
            return perform(handle, url)
        }
    }

    private func perform(_ handle: borrowing CurlHandle, _ url: String) -> Outcome {
        handle.set(CURLOPT_URL, url)
        handle.set(CURLOPT_PROTOCOLS_STR, "http,https")
        handle.set(CURLOPT_NOSIGNAL, true)
        handle.set(CURLOPT_NOPROXY, "*")
        handle.set(milliseconds: CURLOPT_TIMEOUT_MS, timeout)
        setSecurity(handle)
        var headers = curl_slist_append(nil, "Content-Type: application/json")
        headers = curl_slist_append(headers, "Expect:")
        if let authorization { headers = curl_slist_append(headers, "Authorization: \(authorization.revealed)") }
        for field in fields { headers = curl_slist_append(headers, "\(field.name): \(field.value)") }
        defer { curl_slist_free_all(headers) }
        handle.set(list: CURLOPT_HTTPHEADER, headers)
        let body = Body()
        handle.set(pointer: CURLOPT_WRITEDATA, UnsafeRawPointer(Unmanaged.passUnretained(body).toOpaque()))
        handle.set(receiver: CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            guard let context else { return 0 }
            let body = Unmanaged<Body>.fromOpaque(context).takeUnretainedValue()
            let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
            body.bytes += piece.prefix(CurlProbe.bodyLimit - body.bytes.count)
            return piece.count
        }
        return withExtendedLifetime(body) { outcome(of: handle, body) }
    }

    private func setSecurity(_ handle: borrowing CurlHandle) {
        if !verifiesCertificate {
            handle.set(CURLOPT_SSL_VERIFYPEER, false)
            handle.set(CURLOPT_SSL_VERIFYHOST, false)
        }
        if let caFile { handle.set(CURLOPT_CAINFO, caFile) }
        guard let clientCertificate else { return }
        handle.set(CURLOPT_SSLCERT, clientCertificate.certificate)
        handle.set(CURLOPT_SSLKEY, clientCertificate.key)
    }

    private func outcome(of handle: borrowing CurlHandle, _ body: Body) -> Outcome {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CURL_ERROR_SIZE)) { detail in
            detail.initialize(repeating: 0)
            handle.set(pointer: CURLOPT_ERRORBUFFER, detail.baseAddress)
            let code = handle.perform()
            handle.set(pointer: CURLOPT_ERRORBUFFER, nil)
            guard code != CURLE_OK else {
                return .answer(status: handle.responseCode, body: String(decoding: body.bytes, as: UTF8.self))
            }
            // The detail, such as OpenSSL's reason, often repeats the general text.
            let general = curl_easy_strerror(code).map { String(cString: $0) } ?? "no answer"
            let detail = detail.baseAddress.map { String(cString: $0) } ?? ""
            let text = detail.contains(general) ? detail : detail.isEmpty ? general : "\(general): \(detail)"
            return .failed(CurlText.explained(text), handshake: handle.hasCompletedHandshake)
        }
    }

    private final class Body {
        var bytes: [UInt8] = []
    }
}
