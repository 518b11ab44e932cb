/// What one peer may take of the listener. Every number is a setting of the program.
public struct HTTPLimits: Sendable, Equatable {
    /// Bytes of request line and header fields together; evhttp answers 400 above it.
    public var headerSize = 16 * 1024
    /// Header fields of one request.
    public var headerFields = 100
    /// Bytes of a body as it arrives; evhttp answers 413 above it.
    public var bodySize = 64 * 1024 * 1024
    /// Open connections; above it, new ones wait in the kernel's backlog.
    public var connections = 4096
    /// Silence after which a connection is closed, between requests and within one. Longer than nginx's upstream
    /// keepalive_timeout of 60 s, so that nginx is the one that closes and never posts into a closing connection.
    public var idleTimeout = Duration.seconds(75)
    /// From a request's first byte to its last, and as long for a TLS handshake; a peer that drips bytes is cut here.
    public var requestTimeout = Duration.seconds(30)
    /// From a request's last byte to our reply; the handler is told to give up then.
    public var replyTimeout = Duration.seconds(10)
    /// Requests on one connection, after which it is closed, so that load spreads anew.
    public var requestsPerConnection = 100_000

    public init() {}
}
