/// The parts of an HTTP answer that decide what becomes of a message. Header values stand as they were sent.
struct HTTPAnswer: Sendable, Equatable {
    var status: Int
    var contentType: String?
    /// The server's own clock; what it says about times is measured against this.
    var date: String?
    /// Seconds or an HTTP-date (RFC 9110 section 10.2.3); proxies send it, Rocket.Chat does not.
    var retryAfter: String?
    var rateLimit: RateLimit = RateLimit()
    /// At most as many bytes as the settings allow.
    var body: [UInt8] = []
    /// The body was longer than the settings allow, and the rest was not read.
    var isBodyCut = false

    /// Rocket.Chat's `X-RateLimit-*` headers (contract section 2).
    struct RateLimit: Sendable, Equatable {
        var limit: String?
        /// `Infinity` on servers whose limiter does not work.
        var remaining: String?
        /// Milliseconds since 1970.
        var reset: String?
    }
}
