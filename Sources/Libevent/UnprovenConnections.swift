/// The connections without an authenticated request, in the order in which they became silent.
@LoopActor
struct UnprovenConnections {
    private var first: HTTPConnection?
    private var last: HTTPConnection?

    /// Moves or adds a connection to the end.
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

    /// The connection that has been silent longest, awaits no reply and satisfies the predicate.
    func longestSilent(where isCandidate: @LoopActor (HTTPConnection) -> Bool = { _ in true }) -> HTTPConnection? {
        var candidate = first
        while let connection = candidate, !(connection.isEvictable && isCandidate(connection)) {
            candidate = connection.links.next
        }
        return candidate
    }
}
