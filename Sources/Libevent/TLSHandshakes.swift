import CLibevent

/// The connections with an unfinished TLS handshake, oldest first. Bounds their number and charges their memory.
///
/// A handshake needs far more memory than an open connection: OpenSSL keeps a record's buffer until the record is
/// complete, and allocates a message's announced size at once.
@LoopActor
final class TLSHandshakes {
    /// Bytes charged for a handshake. Measured with OpenSSL 3.0: 50 KiB after the first byte, 63 KiB within a message
    /// of 16 KiB, and 160 KiB after the announcement of 128 KiB, OpenSSL's maximum.
    static let cost = 64 << 10
    /// An eighth of the memory limit, between 16 and 256 handshakes; 256 by default.
    let limit: Int
    private let memory: MemoryBudget
    private var connections: [HTTPConnection] = []

    init(memory: MemoryBudget) {
        self.memory = memory
        limit = min(max(memory.limit / 8 / Self.cost, 16), 256)
    }

    func add(_ connection: HTTPConnection) {
        connections.append(connection)
        memory.charge(Self.cost)
    }

    func remove(_ connection: HTTPConnection) {
        guard connection.tls?.isHandshaking == true else { return }
        connection.tls?.isHandshaking = false
        guard let index = connections.firstIndex(where: { $0 === connection }) else { return }
        connections.remove(at: index)
        memory.release(Self.cost)
    }

    func removeAll() {
        for connection in connections { remove(connection) }
    }

    /// The connection to close before another handshake begins; nil below the limit.
    ///
    /// It is the oldest of the address with the most handshakes, so that a flood from one client displaces its own.
    /// Connections with unread bytes are exempt.
    var displaced: HTTPConnection? {
        guard connections.count >= limit else { return nil }
        var counts: [HTTPPeer.Source: Int] = [:]
        for source in connections.compactMap(\.countedFor) { counts[source, default: 0] += 1 }
        var displaced: (connection: HTTPConnection, count: Int)?
        for connection in connections {
            let count = connection.countedFor.flatMap { counts[$0] } ?? 1
            if count > displaced?.count ?? 0, connection.isEvictable, !connection.hasUnreadBytes {
                displaced = (connection, count)
            }
        }
        return displaced?.connection
    }
}

extension HTTPConnection {
    /// Installs the gate's callbacks until the handshake ends, so that its failure is noticed at once. evhttp would
    /// free its side without a callback and leave OpenSSL's buffers until the next sweep. Called after evhttp has set
    /// its callbacks.
    func watchHandshake() {
        guard let tls, tls.isHandshaking, phase != .ended else { return }
        if isReleasedByServer {
            closed()
        } else if tls.hasFinishedHandshake {
            handshakeFinished()
        } else {
            installGateCallbacks()
        }
    }

    func handshakeFinished() {
        guard tls?.isHandshaking == true else { return }
        table.handshakes.remove(self)
        restoreCallbacks()
    }
}
