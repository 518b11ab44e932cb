/// An injected fault of the server, its network or its proxies, for one hook or for all.
///
/// `PUT /faults` accepts one of these as JSON, or an array that replaces all. Every member is optional:
///
///     {"hook": "critical",            one hook's id; absent for all hooks without a fault of their own
///      "containing": "DiskFull",      only requests whose bodies contain this text
///      "times": 3,                    ends after this many requests
///      "mode": "recordThenReset",     see `Mode`; by default `reply` if there is a status
///      "status": 503, "body": "…", "contentType": "text/html", "headers": {"Retry-After": "5"},
///      "delayMs": 200,                before the request is processed; in `lateSuccess`, after it
///      "jitterMs": 100,               a random additional delay, which reorders overlapping requests
///      "growMs": 10,                  an increase of the delay with every request
///      "bytes": 8388608,              the size of `hugeBody`
///      "location": "/login",          of `redirect`
///      "retryAfter": 2,               seconds, of `proxyRateLimit` and `proxyRateLimitDate`
///      "records": true,               the message is recorded whatever the response is
///      "limiter": {"max": 10, "windowMs": 60000, "mode": "enforced"},
///      "integration": {"known": true, "enabled": true, "user": true, "impersonate": true, "overrideChannel": false,
///                      "mentionAll": false, "room": "readOnly", "rooms": {"#ops": "notMember"},
///                      "script": "fails" | "noContent" | {"error": "…"} | {"response": {…}}}}
///
/// Rooms are `open unknown notMember archived readOnly muted blocked`; limiter modes `enforced off infinite`.
struct Fault: Equatable, Sendable {
    enum Mode: String, Sendable, CaseIterable {
        /// Rocket.Chat's own response, modified by the other members.
        case normal
        /// `status`, `headers` and `body`, without processing by Rocket.Chat.
        case reply
        /// The connection is reset or closed in order before the message is recorded.
        case reset, close
        /// No response until the faults are removed.
        case hang
        case recordThenReply, recordThenReset, recordThenClose, recordThenHang
        /// Recorded at once, answered after `delayMs`.
        case lateSuccess
        /// 200 with truncated JSON; a body shorter than its Content-Length.
        case truncatedJSON, truncatedBody
        /// One byte of the head every 100 ms, without end.
        case dripHeaders
        case hugeBody
        /// Other transports of Rocket.Chat's own response: chunked, HTTP/1.0, `Connection: close`, and a keep-alive
        /// connection that is closed right after the response.
        case chunkedBody, http10, connectionClose, closeAfterReply
        /// 302 to `location`; 302 to https as with Force_SSL.
        case redirect, forceSSL
        /// A single sign-on page with status 200; 200 without a body.
        case loginPage, emptyReply
        /// 400 with the database driver's error; 500 in plain text as from the lookup of the integration.
        case databaseFailure, databaseFailureInAuth
        /// A proxy's 429 in HTML, with Retry-After in seconds or as a date.
        case proxyRateLimit, proxyRateLimitDate
    }

    /// Milliseconds in a day.
    static let longestDelay = 86_400_000

    /// nil for all hooks.
    var hook: String?
    /// Text in the bodies of affected requests; nil for all requests.
    var text: [UInt8]?
    /// Requests until the fault ends; nil for no end.
    var timesLeft: Int?
    var mode = Mode.normal
    var status: Int?
    var body: String?
    var contentType: String?
    var headers: [HookReply.Header] = []
    var delay = 0
    var jitter = 0
    var growth = 0
    var bytes = 8 * 1024 * 1024
    var location = "/login"
    var retryAfter = 2
    var recordsAnyway: Bool?
    var limit: RateLimiter.Limit?
    var integration = Integration()
    /// The received JSON, for `GET /faults`.
    var source = JSONValue.object([])

    /// Whether Rocket.Chat processes the request, so that its message may be recorded.
    var records: Bool {
        if let recordsAnyway { return recordsAnyway }
        switch mode {
        case .normal, .recordThenReply, .recordThenReset, .recordThenClose, .recordThenHang, .lateSuccess,
            .chunkedBody, .http10, .connectionClose, .closeAfterReply:
            return true
        default: return false
        }
    }
}
