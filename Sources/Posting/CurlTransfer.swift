import Support

/// The response to one request, and the reason if a callback ended the transfer early.
///
/// Not Sendable: libcurl calls back on the thread that runs `curl_easy_perform`.
final class CurlTransfer {
    /// Why a callback ended the transfer.
    enum Stop {
        case bodyLimit
        case headerLimit
        /// libcurl was about to send the request a second time.
        case resend
        case aborted
    }

    private let bodyLimit: Int
    private let headerLimit: Int
    private let abort: DeliveryAbort
    private var headerBytes = 0

    private(set) var response = HookResponse(status: 0)
    private(set) var stop: Stop?
    private(set) var sentRequest = false

    init(settings: DelivererSettings, abort: DeliveryAbort) {
        bodyLimit = settings.bodyLimit
        headerLimit = settings.headerLimit
        self.abort = abort
    }

    /// Whether the request may be sent. libcurl repeats a request if a kept-alive connection breaks before the first byte
    /// of the response. The server may have posted by then, so the delivery machine must decide on a retry.
    func mayStartRequest() -> Bool {
        if sentRequest { stop = .resend }
        sentRequest = true
        return stop == nil
    }

    func mayContinue() -> Bool {
        if abort.isAborted { stop = .aborted }
        return stop == nil
    }

    /// Appends a part of the body; returns false if it exceeds the limit.
    func receive(body piece: UnsafeRawBufferPointer) -> Bool {
        let remaining = bodyLimit - response.body.count
        response.body.append(contentsOf: piece.prefix(remaining))
        guard piece.count <= remaining else {
            response.isBodyCut = true
            stop = .bodyLimit
            return false
        }
        return true
    }

    /// Reads one header line or the status line; returns false if the header exceeds the limit.
    func receive(header line: UnsafeRawBufferPointer) -> Bool {
        headerBytes += line.count
        guard headerBytes <= headerLimit else {
            stop = .headerLimit
            return false
        }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            // The fields before belong to an interim response (1xx).
            response = HookResponse(status: 0)
        } else if let colon = text.firstIndex(of: ":") {
            let value = text[text.index(after: colon)...].trimmed
            keep(field: text[..<colon].lowercased(), value: value)
        }
        return true
    }

    private func keep(field: String, value: String) {
        switch field {
        case "content-type": response.contentType = value
        case "date": response.date = value
        case "retry-after": response.retryAfter = value
        case "x-ratelimit-limit": response.rateLimit.limit = value
        case "x-ratelimit-remaining": response.rateLimit.remaining = value
        case "x-ratelimit-reset": response.rateLimit.reset = value
        default: break
        }
    }

    func finish(status: Int) {
        response.status = status
    }
}
