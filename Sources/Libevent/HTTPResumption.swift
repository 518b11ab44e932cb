/// Continues with the pipelined requests of connections, one of each connection in an iteration of the loop.
@LoopActor
final class HTTPResumption {
    private var connections: [HTTPConnection] = []
    /// Those of the next iteration.
    private var later: [HTTPConnection] = []
    private var event: LoopEvent?
    private var isRunning = false

    /// Resumes a connection later in this iteration. evhttp must receive the pipelined request before the loop reads
    /// again, because that read may report the client's end.
    ///
    /// Returns false if the connection was resumed in this iteration already. It is then resumed in the next one and must
    /// not read before. Otherwise all requests of all connections would be answered before the loop looks at a socket.
    func add(_ connection: HTTPConnection) -> Bool {
        if isRunning {
            if later.isEmpty { LoopActor.post { [weak self] in self?.runLater() } }
            later.append(connection)
            return false
        }
        connections.append(connection)
        // unowned: the event is freed with this object.
        let event = event ?? LoopEvent.manual { [unowned self] in run() }
        self.event = event
        event.activate()
        return true
    }

    func removeAll() {
        (connections, later) = ([], [])
        event = nil
    }

    private func runLater() {
        connections += later
        later = []
        run()
    }

    private func run() {
        let connections = connections
        self.connections = []
        isRunning = true
        for connection in connections { connection.resume() }
        isRunning = false
    }
}
