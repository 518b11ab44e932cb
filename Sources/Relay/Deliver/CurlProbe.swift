import CLibcurl

/// One GET whose answer's status is all that matters.
enum CurlProbe {
    enum Outcome: Equatable {
        case status(Int)
        /// Libcurl's words for why there is no answer.
        case failed(String)
    }

    static func get(_ url: String, timeout: Duration, verifiesCertificate: Bool = true) -> Outcome {
        let handle = CurlHandle()
        handle.set(CURLOPT_URL, url)
        handle.set(CURLOPT_PROTOCOLS_STR, "http,https")
        handle.set(CURLOPT_NOSIGNAL, true)
        // What is asked is this machine: a proxy that the environment names has no part in it.
        handle.set(CURLOPT_NOPROXY, "*")
        handle.set(milliseconds: CURLOPT_TIMEOUT_MS, timeout)
        if !verifiesCertificate {
            handle.set(CURLOPT_SSL_VERIFYPEER, false)
            handle.set(CURLOPT_SSL_VERIFYHOST, false)
        }
        handle.set(receiver: CURLOPT_WRITEFUNCTION) { _, size, count, _ in size * count }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CURL_ERROR_SIZE)) { detail in
            detail.initialize(repeating: 0)
            handle.set(pointer: CURLOPT_ERRORBUFFER, detail.baseAddress)
            defer { handle.set(pointer: CURLOPT_ERRORBUFFER, nil) }
            let code = handle.perform()
            guard code != CURLE_OK else { return .status(handle.responseCode) }
            let reason = curl_easy_strerror(code).map { String(cString: $0) } ?? "no answer"
            // What it says beyond that, such as OpenSSL's reason.
            let more = detail.baseAddress.map { String(cString: $0) } ?? ""
            return .failed(more.isEmpty ? reason : "\(reason): \(more)")
        }
    }
}
