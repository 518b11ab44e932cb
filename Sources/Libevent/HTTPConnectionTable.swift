import CLibevent

/// The open connections of one server. Enforces the total and per-client limits and the deadlines, and evicts
/// connections at the limit.
@LoopActor
final class HTTPConnectionTable {
    private var connections: [OpaquePointer: HTTPConnection] = [:]
    let limits: HTTPLimits
    let memory: MemoryBudget
    let handshakes: TLSHandshakes
    private var sweeper: LoopEvent?
    let clock = ContinuousClock()
    private static let acceptsPerIteration = 64
    /// The precision of deadlines.
    private static let sweepInterval = Duration.milliseconds(250)

    /// Called when the number of connections reaches the limit and none can be evicted, and again when it has fallen to
    /// nine tenths of the limit.
    var onCrowded: (@LoopActor (_ isCrowded: Bool) -> Void)?
    /// Called when one loop iteration has accepted its maximum of connections, and again when accepting may resume.
    var onAcceptLimit: (@LoopActor (_ isFull: Bool) -> Void)?
    /// Called for an exchange whose reply is overdue; must reply before it returns.
    var onReplyOverdue: (@LoopActor (HTTPExchange) -> Void)?
    /// Called for each request when its head is complete.
    var onRequestHead: (@LoopActor (IncomingRequest) -> Void)?
    /// Returns the response to a request that the server itself refuses.
    var onRefusal: (@LoopActor (HTTPRefusal, HTTPServer.Origin) -> HTTPReply)?
    /// Called for each connection that the server closes without a response.
    var onClose: (@LoopActor (HTTPServer.Closing, HTTPServer.Origin) -> Void)?
    /// Whether a peer is a proxy, which may have any number of connections.
    var isProxy: (@LoopActor (_ address: String) -> Bool)?
    private var isCrowded = false
    /// The TLS context of new connections; nil for plain HTTP.
    var tls: TLSContext?
    /// Connections whose client began a TLS handshake and did not finish it.
    private(set) var failedHandshakes = 0

    /// Accepted in this loop iteration; evhttp sets their descriptors after `accept`.
    private var newcomers: [HTTPConnection] = []
    private var acceptedSinceSweep = 0
    /// Connections with a staged request that may start now.
    let resumption = HTTPResumption()
    private var counts: [HTTPPeer.Source: Int] = [:]
    private var unproven = UnprovenConnections()

    init(limits: HTTPLimits) {
        self.limits = limits
        memory = MemoryBudget(limit: limits.memory)
        handshakes = TLSHandshakes(memory: memory)
    }

    var count: Int { connections.count }

    /// The gate of an evhttp connection; nil if this table does not have it.
    func connection(of evhttpConnection: OpaquePointer) -> HTTPConnection? {
        guard let bufferEvent = evhttp_connection_get_bufferevent(evhttpConnection) else { return nil }
        return connections[bufferEvent]
    }

    // MARK: Accepting

    /// Makes the bufferevent of a connection that evhttp is about to set up. Returns nil if memory is short.
    func accept() -> OpaquePointer? {
        let session = tls?.makeSession()
        // evhttp replaces nil by a bufferevent of its own, a plain one even for TLS. The server answers 400 to requests
        // whose connection is not in this table.
        guard (session == nil) == (tls == nil), let bufferEvent = makeBufferEvent(session) else { return nil }
        // Evict before the new connection is in the table: without callbacks it looks like a freed one to the sweep.
        acceptedSinceSweep += 1
        if connections.count + 1 >= limits.connections { evictOne() }
        while session != nil, let displaced = handshakes.displaced { close(displaced, .crowded) }
        let connection = HTTPConnection(
            bufferEvent: bufferEvent, table: self, tls: session.map { TLSSession($0, now: clock.now) })
        connections[bufferEvent] = connection
        unproven.moveToEnd(connection)
        if session != nil { handshakes.add(connection) }
        updateCrowded()
        scheduleSweep()
        if newcomers.isEmpty { LoopActor.post { [self] in countNewcomers() } }
        newcomers.append(connection)
        // libevent accepts until the backlog is empty. Fast arrivals would otherwise starve the open connections.
        if newcomers.count == Self.acceptsPerIteration { onAcceptLimit?(true) }
        return bufferEvent
    }

    private func makeBufferEvent(_ session: OpaquePointer?) -> OpaquePointer? {
        // Closes the descriptor with the last reference, which this table holds: it is not reused while still in use.
        let options = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue)
        let base = LoopActor.loop.base
        guard let session else { return bufferevent_socket_new(base, -1, options) }
        // Takes ownership of the session, even on failure. By default it treats an end without close_notify as an
        // error.
        return bufferevent_openssl_socket_new(base, -1, session, BUFFEREVENT_SSL_ACCEPTING, options)
    }

    /// Enforces the limit per address, so that a single client cannot use all connections.
    private func countNewcomers() {
        let arrived = newcomers
        newcomers = []
        if arrived.count >= Self.acceptsPerIteration { onAcceptLimit?(false) }
        for connection in arrived { connection.watchHandshake() }
        for connection in arrived where connection.phase != .ended {
            let peer = connection.peer
            guard let source = peer.source, isProxy?(peer.address) != true else { continue }
            if count(connection, for: source) { continue }
            // Evict the longest silent connection of the same address: idle connections must not exclude other clients
            // behind that address. Connections with unread bytes are exempt.
            if let silent = unproven.longestSilent(where: { $0.countedFor == source && !$0.hasUnreadBytes }) {
                close(silent, .tooManyOfAddress)
            }
            if !count(connection, for: source) { close(connection, .tooManyOfAddress) }
        }
    }

    /// Counts a connection for a client instead of the client that it was counted for.
    ///
    /// - Returns: false, without a change, if the client has reached its limit.
    func count(_ connection: HTTPConnection, for source: HTTPPeer.Source) -> Bool {
        if connection.countedFor == source { return true }
        let count = counts[source] ?? 0
        guard count < limits.connectionsPerAddress else { return false }
        uncount(connection)
        counts[source] = count + 1
        connection.countedFor = source
        return true
    }

    private func uncount(_ connection: HTTPConnection) {
        guard let source = connection.countedFor else { return }
        connection.countedFor = nil
        let count = (counts[source] ?? 1) - 1
        counts[source] = count > 0 ? count : nil
    }

    /// Evicts the connection that has been silent longest; unproven connections come before trusted ones.
    private func evictOne() {
        // Remove disconnected clients first, which evhttp frees without a callback. The sweep visits all connections;
        // the newcomers since the last one amortize its cost.
        if acceptedSinceSweep >= max(1, limits.connections / 8) {
            sweep()
            guard connections.count + 1 >= limits.connections else { return }
        }
        if let connection = unproven.longestSilent() { return close(connection, .crowded) }
        // Only trusted connections are left, which is rare: visit all of them.
        sweep()
        guard connections.count + 1 >= limits.connections else { return }
        let idle = connections.values.filter { $0.phase == .idle }.min { $0.since < $1.since }
        if let idle { close(idle, .crowded) }
    }

    func didBecomeIdle(_ connection: HTTPConnection) {
        if !connection.isTrusted { unproven.moveToEnd(connection) }
    }

    func didBecomeTrusted(_ connection: HTTPConnection) { unproven.remove(connection) }

    func remove(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: connection.bufferEvent) != nil else { return }
        if connection.tls?.hasFailedHandshake == true { failedHandshakes += 1 }
        connection.detach()
        handshakes.remove(connection)
        uncount(connection)
        unproven.remove(connection)
        updateCrowded()
    }

    /// Releases all connections. evhttp must have been freed before.
    func removeAll() {
        for connection in connections.values {
            connection.detach()
            unproven.remove(connection)
        }
        handshakes.removeAll()
        connections = [:]
        newcomers = []
        resumption.removeAll()
        sweeper = nil
    }

    private func updateCrowded() {
        if isCrowded ? count <= limits.connections * 9 / 10 : count >= limits.connections {
            isCrowded.toggle()
            onCrowded?(isCrowded)
        }
    }

    private func close(_ connection: HTTPConnection, _ reason: HTTPServer.Closing) {
        onClose?(reason, origin(of: connection))
        connection.end()
    }

    // MARK: Callbacks to the program

    func screen(_ arrival: IncomingRequest) {
        guard let onRequestHead else { return arrival.admit(bodyLimit: limits.bodySize) }
        onRequestHead(arrival)
    }

    func answer(to refusal: HTTPRefusal, on connection: HTTPConnection) -> HTTPReply {
        onRefusal?(refusal, origin(of: connection)) ?? HTTPReply(refusal)
    }

    private func origin(of connection: HTTPConnection) -> HTTPServer.Origin {
        HTTPServer.Origin(
            remoteAddress: connection.peer.address,
            head: connection.request?.head, fields: connection.request?.fields)
    }

    // MARK: Sweep

    private func scheduleSweep() {
        guard sweeper == nil else { return }
        // unowned: the timer is freed with this table.
        sweeper = LoopEvent.timer(after: Self.sweepInterval, repeats: true) { [unowned self] in sweep() }
    }

    private func sweep() {
        acceptedSinceSweep = 0
        let now = clock.now
        for connection in connections.values {
            if connection.isReleasedByServer {
                connection.finishExchange()
                remove(connection)
            } else {
                check(connection, now)
            }
        }
        if connections.isEmpty { sweeper = nil }
    }

    private func check(_ connection: HTTPConnection, _ now: ContinuousClock.Instant) {
        let age = now - connection.since
        switch connection.phase {
        case .idle:
            if let start = connection.tls?.unfinishedSince(now) {
                if now - start > limits.requestTimeout
                    || (connection.tls?.hasBegun == false && age > limits.firstByteTimeout)
                {
                    close(connection, .silent)
                }
            } else if connection.requests == 0 && connection.tls == nil && age > limits.firstByteTimeout {
                // After a slow loop iteration the bytes may have arrived unread.
                if !connection.hasUnreadBytes { close(connection, .silent) }
            } else if age > limits.idleTimeout {
                connection.end()
            }
        case .head:
            if age > min(limits.headerTimeout, limits.requestTimeout) { connection.refuse(.tooSlow) }
        case .body:
            if let start = connection.inbox.waitingSince, now - start > limits.memoryTimeout {
                connection.refuse(.outOfMemory)
            } else if age > limits.requestTimeout {
                connection.refuse(.tooSlow)
            }
        case .screening:
            if age > limits.requestTimeout { connection.refuse(.tooSlow) }
        case .handedOver:
            guard let exchange = connection.exchange else { return }
            if exchange.isAwaitingReply {
                if now - exchange.arrival > limits.replyTimeout { onReplyOverdue?(exchange) }
            } else if age > limits.requestTimeout {
                // The client does not read its reply.
                close(connection, .stalled)
            }
        case .refused:
            if age > limits.lingerTimeout || connection.hasDroppedEnough { connection.end() }
        case .ended: break
        }
    }
}
