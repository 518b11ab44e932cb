import Alerts
import Support

/// What arrives during one request, and why it was ended early if it was.
///
/// Libcurl's callbacks run on the thread that is inside `curl_easy_perform`, so nothing here is shared.
final class CurlTransfer {
    /// Why a callback ended the transfer.
    enum Stop {
        case bodyLimit
        case headerLimit
        /// Libcurl wanted to send the request a second time.
        case resend
        case aborted
    }

    private let bodyLimit: Int
    private let headerLimit: Int
    private let abort: DeliveryAbort
    private var headerBytes = 0

    private(set) var answer = HookResponse(status: 0)
    private(set) var stop: Stop?
    private(set) var sentRequest = false

    init(settings: DelivererSettings, abort: DeliveryAbort) {
        bodyLimit = settings.bodyLimit
        headerLimit = settings.headerLimit
        self.abort = abort
    }

    /// Whether the request may leave. Libcurl repeats a request by itself when a kept-alive connection breaks
    /// before the first byte of the answer; Rocket.Chat may have posted by then, so that is for the retry policy
    /// to decide and to count.
    func mayStartRequest() -> Bool {
        if sentRequest { stop = .resend }
        sentRequest = true
        return stop == nil
    }

    func mayContinue() -> Bool {
        if abort.isAborted { stop = .aborted }
        return stop == nil
    }

    /// Takes a piece of the body; false when it is more than may be read.
    func receive(body piece: UnsafeRawBufferPointer) -> Bool {
        let room = bodyLimit - answer.body.count
        answer.body.append(contentsOf: piece.prefix(room))
        guard piece.count <= room else {
            answer.isBodyCut = true
            stop = .bodyLimit
            return false
        }
        return true
    }

    /// Takes one header line, the status line included; false when the header is too large.
    func receive(header line: UnsafeRawBufferPointer) -> Bool {
        headerBytes += line.count
        guard headerBytes <= headerLimit else {
            stop = .headerLimit
            return false
        }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            // An interim answer (1xx) came first: its fields are not the final answer's.
            answer = HookResponse(status: 0)
        } else if let colon = text.firstIndex(of: ":") {
            let value = text[text.index(after: colon)...].trimmed
            keep(field: text[..<colon].lowercased(), value: value)
        }
        return true
    }

    private func keep(field: String, value: String) {
        switch field {
        case "content-type": answer.contentType = value
        case "date": answer.date = value
        case "retry-after": answer.retryAfter = value
        case "x-ratelimit-limit": answer.rateLimit.limit = value
        case "x-ratelimit-remaining": answer.rateLimit.remaining = value
        case "x-ratelimit-reset": answer.rateLimit.reset = value
        default: break
        }
    }

    func finish(status: Int) {
        answer.status = status
    }
}
