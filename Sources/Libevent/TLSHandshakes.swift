import CLibevent

/// The connections with an unfinished TLS handshake, oldest first. Bounds their number and charges their memory.
///
/// A handshake takes far more memory than an open connection: OpenSSL keeps a record's buffer until the record is whole,
/// and allocates a message's announced size at once.
@LoopActor
final class TLSHandshakes {
    /// Bytes charged for a handshake. Measured with OpenSSL 3.0: 50 KiB after any first byte, 63 KiB within a message of
    /// 16 KiB, at most 160 KiB after a message that announces 128 KiB, the most OpenSSL accepts.
    static let cost = 64 << 10
    /// At an eighth of the memory limit there are 256 by default.
    let limit: Int
    private let memory: HTTPMemory
    private var connections: [HTTPConnection] = []

    init(memory: HTTPMemory) {
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

    /// The connection to close before another handshake begins: the oldest of the address with the most handshakes, so
    /// that one client's flood displaces its own. Skips connections whose bytes the loop has yet to read. Returns nil
    /// below the limit.
    var displaced: HTTPConnection? {
        guard connections.count >= limit else { return nil }
        var counts: [HTTPPeer.Source: Int] = [:]
        for source in connections.compactMap(\.countedFor) { counts[source, default: 0] += 1 }
        var displaced: (connection: HTTPConnection, count: Int)?
        for connection in connections {
            let count = connection.countedFor.flatMap { counts[$0] } ?? 1
            if count > displaced?.count ?? 0, connection.mayMakeWay, !connection.hasUnreadBytes {
                displaced = (connection, count)
            }
        }
        return displaced?.connection
    }
}

extension HTTPConnection {
    /// Sees a failed handshake at once, by taking evhttp's place until the handshake ends: evhttp would free its side
    /// silently, and OpenSSL's buffers would stay until the next sweep. Called once evhttp has set its callbacks.
    func watchHandshake() {
        guard let tls, tls.isHandshaking, phase != .ended else { return }
        if isReleasedByServer {
            closed()
        } else if tls.hasFinishedHandshake {
            handshakeFinished()
        } else {
            takeCallbacks()
        }
    }

    func handshakeFinished() {
        guard tls?.isHandshaking == true else { return }
        table.handshakes.remove(self)
        giveCallbacksBack()
    }
}
