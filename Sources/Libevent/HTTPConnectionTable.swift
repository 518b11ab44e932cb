import CLibevent

/// The open connections of one server: their number in all and for each client, their deadlines, and who makes way when
/// there are too many.
@LoopActor
final class HTTPConnectionTable {
    private var connections: [OpaquePointer: HTTPConnection] = [:]
    let limits: HTTPLimits
    let memory: HTTPMemory
    let handshakes: TLSHandshakes
    private var sweeper: LoopEvent?
    let clock = ContinuousClock()
    private static let newcomersPerTurn = 64
    /// Deadlines are kept to within this.
    private static let sweepInterval = Duration.milliseconds(250)

    /// Called when the number of connections reaches the limit and none can make way, and when it has fallen to nine
    /// tenths of it.
    var onCrowded: (@LoopActor (_ isCrowded: Bool) -> Void)?
    /// Called when as many connections have been accepted as one turn of the loop may, and when the next may accept again.
    var onTurnFull: (@LoopActor (_ isFull: Bool) -> Void)?
    /// Called for an exchange whose reply is overdue; it must be replied to now.
    var onReplyOverdue: (@LoopActor (HTTPExchange) -> Void)?
    /// Asked about each request when its head is complete.
    var onArrival: (@LoopActor (HTTPArrival) -> Void)?
    /// Makes the answer to what the server refuses by itself.
    var onRefusal: (@LoopActor (HTTPRefusal, HTTPServer.Origin) -> HTTPReply)?
    /// Told of connections that the server ends without an answer.
    var onClose: (@LoopActor (HTTPServer.Closing, HTTPServer.Origin) -> Void)?
    /// Whether a peer may have any number of connections, since it is a proxy.
    var isProxy: (@LoopActor (_ address: String) -> Bool)?
    private var isCrowded = false
    /// What new connections are accepted with; nil for plain ones.
    var tls: TLSContext?
    /// Connections of clients that began a TLS handshake and did not finish it.
    private(set) var failedHandshakes = 0

    /// Accepted in this turn of the loop; evhttp gives them their descriptors after `accept`.
    private var newcomers: [HTTPConnection] = []
    private var acceptedSinceSweep = 0
    /// Connections with a request staged whose turn has come.
    private var resuming: [HTTPConnection] = []
    private var resumption: LoopEvent?
    private var counts: [HTTPPeer.Source: Int] = [:]
    private var unproven = UnprovenConnections()

    init(limits: HTTPLimits) {
        self.limits = limits
        memory = HTTPMemory(limit: limits.memory)
        handshakes = TLSHandshakes(memory: memory)
    }

    var count: Int { connections.count }

    /// The connection that a request came over; nil once its client is gone.
    func connection(of request: HTTPExchange.Request) -> HTTPConnection? {
        evhttp_request_get_connection(request).flatMap { evhttp_connection_get_bufferevent($0) }
            .flatMap { connections[$0] }
    }

    // MARK: Accepting

    /// Makes the bufferevent of a connection that evhttp is about to set up.
    func accept() -> OpaquePointer? {
        let session = tls?.makeSession()
        // Where memory is short evhttp goes on with a bufferevent of its own, a plain one even where TLS is asked for;
        // the server answers 400 to what has no record here.
        guard (session == nil) == (tls == nil), let bufferEvent = makeBufferEvent(session) else { return nil }
        // Before the new one is in the table: until evhttp has set its callbacks it looks like one let go.
        acceptedSinceSweep += 1
        if connections.count + 1 >= limits.connections { makeRoom() }
        while session != nil, let displaced = handshakes.displaced { close(displaced, .crowded) }
        let connection = HTTPConnection(
            bufferEvent: bufferEvent, table: self, tls: session.map { TLSSession($0, now: clock.now) })
        connections[bufferEvent] = connection
        unproven.moveToEnd(connection)
        if session != nil { handshakes.add(connection) }
        updateCrowded()
        scheduleSweep()
        if newcomers.isEmpty { LoopActor.post { [weak self] in self?.countNewcomers() } }
        newcomers.append(connection)
        // libevent accepts until nobody is waiting, and would do nothing else while clients come as fast as it accepts.
        if newcomers.count == Self.newcomersPerTurn { onTurnFull?(true) }
        return bufferEvent
    }

    private func makeBufferEvent(_ session: OpaquePointer?) -> OpaquePointer? {
        // Closing with the last reference, which is ours: the descriptor cannot be reused while we may still use it.
        let options = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue)
        let base = LoopActor.loop.base
        guard let session else { return bufferevent_socket_new(base, -1, options) }
        // Owns the session from here on, even where it fails. It keeps to its default of taking an end without
        // close_notify for an error.
        return bufferevent_openssl_socket_new(base, -1, session, BUFFEREVENT_SSL_ACCEPTING, options)
    }

    /// One address has a share of the connections, or a single stranger could take them all.
    private func countNewcomers() {
        let arrived = newcomers
        newcomers = []
        if arrived.count >= Self.newcomersPerTurn { onTurnFull?(false) }
        for connection in arrived { connection.watchHandshake() }
        for connection in arrived where connection.phase != .ended {
            let peer = connection.peer
            guard let source = peer.source, isProxy?(peer.address) != true else { continue }
            if count(connection, for: source) { continue }
            // The address's own longest silent one makes way, or whoever keeps its share with connections that say nothing
            // would shut out its honest neighbours. Not one that the loop has yet to read.
            if let silent = unproven.longestSilent(where: { $0.countedFor == source && !$0.hasUnreadBytes }) {
                close(silent, .tooManyOfAddress)
            }
            if !count(connection, for: source) { close(connection, .tooManyOfAddress) }
        }
    }

    /// Counts a connection for a client, and no longer for the one that it was counted for.
    ///
    /// - Returns: false, and nothing changes, where the client has as many as one may have.
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

    /// The place is the newcomer's: what has been silent longest makes way, those who have yet to show that they may
    /// post here before the others.
    private func makeRoom() {
        // Clients that are gone make way first, and evhttp lets them go without a word. Looking at all of them has its
        // cost, which so many newcomers share.
        if acceptedSinceSweep >= max(1, limits.connections / 8) {
            sweep()
            guard connections.count + 1 >= limits.connections else { return }
        }
        if let connection = unproven.longestSilent() { return close(connection, .crowded) }
        // Looking at all of them is for the rare case that all have proven who they are.
        sweep()
        guard connections.count + 1 >= limits.connections else { return }
        let idle = connections.values.filter { $0.phase == .idle }.min { $0.since < $1.since }
        if let idle { close(idle, .crowded) }
    }

    func fellSilent(_ connection: HTTPConnection) {
        if !connection.isTrusted { unproven.moveToEnd(connection) }
    }

    func becameTrusted(_ connection: HTTPConnection) { unproven.remove(connection) }

    func remove(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: connection.bufferEvent) != nil else { return }
        if connection.tls?.hasFailedHandshake == true { failedHandshakes += 1 }
        connection.detach()
        handshakes.remove(connection)
        uncount(connection)
        unproven.remove(connection)
        updateCrowded()
    }

    /// Lets all connections go: evhttp has ended those that it knew.
    func removeAll() {
        for connection in connections.values {
            connection.detach()
            unproven.remove(connection)
        }
        handshakes.removeAll()
        connections = [:]
        newcomers = []
        resuming = []
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

    /// Has a connection go on later in this turn: before the loop reads again, and may find the client's end, evhttp has
    /// to have the request that had arrived before it.
    func resume(_ connection: HTTPConnection) {
        resuming.append(connection)
        // unowned: the event is freed with this table.
        let event = resumption ?? LoopEvent.manual { [unowned self] in resumeAll() }
        resumption = event
        event.activate()
    }

    private func resumeAll() {
        let connections = resuming
        resuming = []
        for connection in connections { connection.resume() }
    }

    // MARK: What the program says

    func screen(_ arrival: HTTPArrival) {
        guard let onArrival else { return arrival.admit(bodyLimit: limits.bodySize) }
        onArrival(arrival)
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
                // After a turn of the loop that took long, it is the server that is late.
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
                // The client does not take its answer.
                close(connection, .stalled)
            }
        case .refused:
            if age > limits.lingerTimeout || connection.hasDroppedEnough { connection.end() }
        case .ended: break
        }
    }
}
