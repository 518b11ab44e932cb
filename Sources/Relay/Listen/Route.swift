import Libevent

/// The addresses the relay answers; their names label its HTTP metrics.
enum Route: String, CaseIterable {
    case webhook = "/webhook"
    case health = "/health"
    case healthy = "/-/healthy"
    case ready = "/-/ready"
    case metrics = "/metrics"
    case reload = "/-/reload"

    /// Finds the route of a path, which may end in a slash; the names that Kubernetes' own probes ask for are known too.
    init?(path: String) {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        switch path {
        case "/healthz", "/livez": self = .health
        case "/readyz": self = .ready
        default: self.init(rawValue: path)
        }
    }

    var methods: [HTTPMethod] {
        switch self {
        case .webhook, .reload: [.post]
        case .health, .healthy, .ready, .metrics: [.get, .head]
        }
    }

    /// The value of the `Allow` field (RFC 9110 section 10.2.1).
    var allow: String { methods.map(\.rawValue).joined(separator: ", ") }
    /// The methods that any route takes.
    static let allAllowed = "GET, HEAD, POST"
}
