import Libevent

/// The addresses the relay answers; their names label its HTTP metrics.
enum Route: String, CaseIterable {
    case webhook = "/webhook"
    case health = "/health"
    case healthy = "/-/healthy"
    case ready = "/-/ready"
    case metrics = "/metrics"
    case reload = "/-/reload"

    var methods: [HTTPMethod] {
        switch self {
        case .webhook, .reload: [.post]
        case .health, .healthy, .ready, .metrics: [.get, .head]
        }
    }

    /// The value of the `Allow` field (RFC 9110 section 10.2.1).
    var allow: String { methods.map(\.rawValue).joined(separator: ", ") }
}
