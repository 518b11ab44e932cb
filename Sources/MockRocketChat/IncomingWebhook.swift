/// One request to a hook, as Rocket.Chat's handler receives it.
struct IncomingWebhook: Equatable, Sendable {
    enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    var method: Method
    var hook: String
    var token: String
    /// Path and query. With the method, they are the rate limiter's key.
    var target: String
    var contentType: String?
    var body: [UInt8]
    /// The address of the client.
    var client: String
    /// Milliseconds since 1970.
    var receivedAt: Int
    /// Another request to the same hook was in progress at the same time.
    var overlaps = false
}
