import CLibevent

/// The open connections of one server: their number, their deadlines.
@LoopActor
final class HTTPConnectionTable {
    private var connections: [OpaquePointer: HTTPConnection] = [:]
    private let limits: HTTPLimits
    private var sweeper: LoopEvent?
    let clock = ContinuousClock()
    /// Deadlines are kept to within this.
    private static let sweepInterval = Duration.milliseconds(250)

    /// Called when the number of connections reaches the limit, and when it has fallen to nine tenths of it.
    var onCrowded: (@LoopActor (_ isCrowded: Bool) -> Void)?
    /// Called for an exchange whose reply is overdue; it must be replied to now.
    var onReplyOverdue: (@LoopActor (HTTPExchange) -> Void)?
    private var isCrowded = false
    /// What new connections are accepted with; nil for plain ones.
    var tls: TLSContext?
    /// Connections of clients that began a TLS handshake and did not finish it.
    private(set) var failedHandshakes = 0

    init(limits: HTTPLimits) {
        self.limits = limits
    }

    var count: Int { connections.count }

    /// The connection that a request came over; nil once its client is gone.
    func connection(of request: HTTPExchange.Request) -> HTTPConnection? {
        evhttp_request_get_connection(request).flatMap { evhttp_connection_get_bufferevent($0) }
            .flatMap { connections[$0] }
    }

    /// Makes the bufferevent of a connection that evhttp is about to set up.
    func accept() -> OpaquePointer? {
        let session = tls?.makeSession()
        // Where memory is short evhttp goes on with a bufferevent of its own, a plain one even where TLS is asked for;
        // the server answers 400 to what has no record here.
        guard (session == nil) == (tls == nil), let bufferEvent = makeBufferEvent(session) else { return nil }
        // Before the new one is in the table: until evhttp has set its callbacks it looks like one let go.
        if connections.count + 1 >= limits.connections { sweep() }
        connections[bufferEvent] = HTTPConnection(
            bufferEvent: bufferEvent, table: self, tls: session.map { TLSSession($0, now: clock.now) })
        updateCrowded()
        scheduleSweep()
        return bufferEvent
    }

    private func makeBufferEvent(_ session: OpaquePointer?) -> OpaquePointer? {
        // Closing with the last reference, which is ours: the descriptor cannot be reused while we may still use it.
        let options = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue)
        let base = LoopActor.loop.base
        guard let session else { return bufferevent_socket_new(base, -1, options) }
        // Owns the session from here on, even where it fails. It keeps to its default of taking an end without
        // close_notify for an error: evhttp reads a body without a length up to the end of input, and such an end,
        // which anybody on the way can make, must not pass for that.
        return bufferevent_openssl_socket_new(base, -1, session, BUFFEREVENT_SSL_ACCEPTING, options)
    }

    func remove(_ connection: HTTPConnection) {
        if connection.hasFailedHandshake { failedHandshakes += 1 }
        connections[connection.bufferEvent] = nil
        updateCrowded()
    }

    private func updateCrowded() {
        if isCrowded ? count <= limits.connections * 9 / 10 : count >= limits.connections {
            isCrowded.toggle()
            onCrowded?(isCrowded)
        }
    }

    // MARK: Sweep

    private func scheduleSweep() {
        guard sweeper == nil else { return }
        // unowned: the timer is freed with this table.
        sweeper = LoopEvent.timer(after: Self.sweepInterval, repeats: true) { [unowned self] in sweep() }
    }

    private func sweep() {
        let now = clock.now
        for connection in connections.values {
            if connection.isReleasedByServer {
                connection.finishExchange()
                remove(connection)
            } else if let start = connection.unfinishedSince(now), now - start > limits.requestTimeout {
                connection.cutOff()
            } else if let exchange = connection.exchange, exchange.isAwaitingReply,
                now - exchange.arrival > limits.replyTimeout
            {
                onReplyOverdue?(exchange)
            }
        }
        if connections.isEmpty { sweeper = nil }
    }
}
