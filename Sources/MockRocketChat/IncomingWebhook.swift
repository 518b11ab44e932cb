/// One request to a hook, as the server's handler sees it.
struct IncomingWebhook: Equatable, Sendable {
    enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    var method: Method
    var hook: String
    var token: String
    /// Path and query, which with the method are the limiter's key.
    var target: String
    var contentType: String?
    var body: [UInt8]
    /// The address of the client.
    var client: String
    /// Milliseconds since 1970.
    var receivedAt: Int
    /// Another request to the same hook was being processed at the same time.
    var overlaps = false
}
