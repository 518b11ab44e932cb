/// What clients may take of the listener. Every number is a setting of the program.
public struct HTTPLimits: Sendable, Equatable {
    /// Bytes of request line and header fields together; 400 above it.
    public var headerSize = 16 * 1024
    /// Header fields of one request; 400 above it.
    public var headerFields = 100
    /// Bytes of a body, without its chunked coding; 413 above it.
    public var bodySize = 16 * 1024 * 1024
    /// Bytes of all requests and replies in memory at once. A quarter is kept for connections that are trusted.
    public var memory = 128 * 1024 * 1024
    /// Open connections; above it, the one that has been silent longest makes way for a new one.
    public var connections = 4096
    /// Open connections of one client address, or one IPv6 network of 64 bits.
    public var connectionsPerAddress = 512
    /// From a connection's acceptance to its first byte.
    public var firstByteTimeout = Duration.seconds(5)
    /// From a request's first byte to the end of its head.
    public var headerTimeout = Duration.seconds(10)
    /// Silence between requests after which a connection is closed. Longer than nginx's upstream keepalive_timeout of
    /// 60 s, so that nginx is the one that closes and never posts into a closing connection.
    public var idleTimeout = Duration.seconds(75)
    /// From a request's first byte to its last, as long for a TLS handshake, and as long for a client to take its reply;
    /// a peer that drips bytes is cut here.
    public var requestTimeout = Duration.seconds(30)
    /// From a request's last byte to our reply; the handler is told to give up then.
    public var replyTimeout = Duration.seconds(10)
    /// How long a request waits for memory before it is answered with 503.
    public var memoryTimeout = Duration.seconds(3)
    /// How long a refused client may go on sending, so that it can read its answer.
    public var lingerTimeout = Duration.seconds(5)
    /// Requests on one connection, after which it is closed, so that load spreads anew.
    public var requestsPerConnection = 100_000

    public init() {}
}
