import Alerts
import Journaling
import Libevent
import Support

/// A response of the listener. Errors name the problem and its location, and reveal nothing of the internals.
struct HTTPResponse {
    typealias Header = (name: String, value: String)

    var status: Int
    var headers: [Header]
    var body: [UInt8]

    private static let json: Header = ("Content-Type", "application/json; charset=utf-8")
    private static let jsonHeaders = [json]
    private static let okStart = Array(#"{"status":"ok","processed":"#.utf8)

    /// The response to each accepted webhook, made without strings.
    static func ok(processed count: Int) -> HTTPResponse {
        var body = okStart
        var digits = count
        repeat {
            body.insert(UInt8(ascii: "0") + UInt8(digits % 10), at: okStart.count)
            digits /= 10
        } while digits > 0
        body.append(UInt8(ascii: "}"))
        return HTTPResponse(status: 200, headers: jsonHeaders, body: body)
    }

    static func json(status: Int = 200, _ members: [(name: String, value: String)]) -> HTTPResponse {
        HTTPResponse(status: status, headers: [json], body: object(members))
    }

    static func error(_ status: Int, _ message: String, headers: [Header] = []) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: [json] + headers, body: object([("status", "error"), ("error", message)]))
    }

    /// The relay cannot accept the webhook now. Alertmanager retries after 5xx and no other status.
    ///
    /// - Parameter retryAfter: in seconds.
    static func unavailable(_ message: String, retryAfter: Int = 5) -> HTTPResponse {
        error(503, message, headers: [("Retry-After", String(retryAfter))])
    }

    static func text(_ text: String, contentType: String = "text/plain; charset=utf-8") -> HTTPResponse {
        HTTPResponse(status: 200, headers: [("Content-Type", contentType)], body: Array(text.utf8))
    }

    /// The reply for a request that is refused before its body is read.
    var http: HTTPReply { HTTPReply(status: status, headers: headers, body: body) }

    private static func object(_ members: [(name: String, value: String)]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            for member in members {
                object.key(member.name)
                object.string(member.value)
            }
        }
        return writer.bytes
    }
}

extension JournalRefusal {
    /// The meaning for the sender, without system messages, which can contain paths.
    var explanation: String {
        switch self {
        case .overloaded: "too many webhooks are waiting for the disk"
        case .reserved(let severity):
            "the remaining journal space is reserved for more urgent alerts than \(severity.rawValue)"
        case .full(let reason): "the journal is full: \(reason)"
        case .unavailable(let reason): "the journal is unavailable: \(reason)"
        case .late: "the webhook waited too long for the journal"
        case .failed: "the journal has failed; the relay is about to restart"
        case .closed: "the relay is shutting down"
        }
    }
}

/// The routes of the listener. Their names are label values of the HTTP metrics.
enum Route: String, CaseIterable {
    case webhook = "/webhook"
    case health = "/health"
    case healthy = "/-/healthy"
    case ready = "/-/ready"
    case metrics = "/metrics"
    case reload = "/-/reload"
    case status = "/"
    case statusStyle = "/status.css"
    case statusScript = "/status.js"
    case statusJSON = "/api/v1/status"
    case history = "/api/v1/history"
    case deadLetters = "/api/v1/dead-letters"
    case render = "/api/v1/render"
    case rocketchat = "/rocketchat"

    /// Returns the route of a path, with or without a trailing slash. Also accepts the paths of Kubernetes probes.
    init?(path: String) {
        // First, because nearly all requests are webhooks.
        if path == Route.webhook.rawValue {
            self = .webhook
            return
        }
        let hasSlash = path.utf8.count > 1 && path.utf8.last == UInt8(ascii: "/")
        let path = hasSlash ? String(path.dropLast()) : path
        switch path {
        case "/healthz", "/livez": self = .health
        case "/readyz": self = .ready
        default: self.init(rawValue: path)
        }
    }

    var methods: [HTTPMethod] {
        switch self {
        case .webhook, .reload, .render, .rocketchat: [.post]
        case .health, .healthy, .ready, .metrics, .status, .statusStyle, .statusScript, .statusJSON, .history:
            [.get, .head]
        case .deadLetters: [.get, .head, .post]
        }
    }

    /// Whether it belongs to the status page.
    var isOfStatusPage: Bool {
        switch self {
        case .status, .statusStyle, .statusScript, .statusJSON, .history, .deadLetters, .render: true
        case .webhook, .health, .healthy, .ready, .metrics, .reload, .rocketchat: false
        }
    }

    /// The value of the `Allow` field (RFC 9110 section 10.2.1).
    var allow: String { methods.map(\.rawValue).joined(separator: ", ") }
    /// The methods that at least one route accepts.
    static let allAllowed = "GET, HEAD, POST"
}
