/// The connections whose senders have yet to show that they may post here, in the order in which they fell silent.
@LoopActor
struct UnprovenConnections {
    private var first: HTTPConnection?
    private var last: HTTPConnection?

    /// Puts a connection at the end, wherever it was.
    mutating func moveToEnd(_ connection: HTTPConnection) {
        if last === connection { return }
        remove(connection)
        connection.links.previous = last
        if let last { last.links.next = connection } else { first = connection }
        last = connection
    }

    mutating func remove(_ connection: HTTPConnection) {
        let (previous, next) = (connection.links.previous, connection.links.next)
        guard previous != nil || next != nil || first === connection else { return }
        if let previous { previous.links.next = next } else { first = next }
        if let next { next.links.previous = previous } else { last = previous }
        connection.links = HTTPConnection.Links()
    }

    /// The one that has been silent longest and awaits no reply, of those that `isMeant` is true of.
    func longestSilent(where isMeant: @LoopActor (HTTPConnection) -> Bool = { _ in true }) -> HTTPConnection? {
        var candidate = first
        while let connection = candidate, !(connection.mayMakeWay && isMeant(connection)) {
            candidate = connection.links.next
        }
        return candidate
    }
}
