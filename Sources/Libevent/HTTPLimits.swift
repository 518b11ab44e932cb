/// Resource limits of a listener's clients. Every number is a setting of the program.
public struct HTTPLimits: Sendable, Equatable {
    /// Bytes of the request line and header fields; 400 above it.
    public var headerSize = 16 * 1024
    /// Header fields of one request; 400 above it.
    public var headerFields = 100
    /// Bytes of a body, without its chunked coding; 413 above it.
    public var bodySize = 16 * 1024 * 1024
    /// Bytes of all requests and replies in memory at once. A quarter is reserved for trusted connections.
    public var memory = 128 * 1024 * 1024
    /// Open connections; above it, a new connection evicts the one that has been silent longest.
    public var connections = 4096
    /// Open connections of one IPv4 address or one IPv6 /64 network.
    public var connectionsPerAddress = 512
    /// From a connection's acceptance to its first byte.
    public var firstByteTimeout = Duration.seconds(5)
    /// From a request's first byte to the end of its head.
    public var headerTimeout = Duration.seconds(10)
    /// Silence between requests after which a connection is closed. Longer than nginx's upstream keepalive_timeout of
    /// 60 s, so that nginx closes first and never posts into a closing connection.
    public var idleTimeout = Duration.seconds(75)
    /// From a request's first byte to its last. Also the limit for a TLS handshake and for a client to read its reply.
    public var requestTimeout = Duration.seconds(30)
    /// From a request's last byte to the reply; `onReplyOverdue` is called then.
    public var replyTimeout = Duration.seconds(10)
    /// How long a request waits for memory before it is answered with 503.
    public var memoryTimeout = Duration.seconds(3)
    /// How long a refused client may continue to send, so that it can read its response.
    public var lingerTimeout = Duration.seconds(5)
    /// Requests on one connection before it is closed, so that a load balancer can redistribute clients.
    public var requestsPerConnection = 100_000

    public init() {}
}
