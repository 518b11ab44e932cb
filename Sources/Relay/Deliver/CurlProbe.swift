import CLibcurl

/// One GET whose answer's status is all that matters.
enum CurlProbe {
    enum Outcome: Equatable {
        case status(Int)
        /// Libcurl's words for why there is no answer.
        case failed(String)
    }

    static func get(_ url: String, timeout: Duration) -> Outcome {
        let handle = CurlHandle()
        handle.set(CURLOPT_URL, url)
        handle.set(CURLOPT_PROTOCOLS_STR, "http,https")
        handle.set(CURLOPT_NOSIGNAL, true)
        // What is asked is this machine: a proxy that the environment names has no part in it.
        handle.set(CURLOPT_NOPROXY, "*")
        handle.set(milliseconds: CURLOPT_TIMEOUT_MS, timeout)
        handle.set(receiver: CURLOPT_WRITEFUNCTION) { _, size, count, _ in size * count }
        let code = handle.perform()
        guard code == CURLE_OK else {
            return .failed(curl_easy_strerror(code).map { String(cString: $0) } ?? "no answer")
        }
        return .status(handle.responseCode)
    }
}
