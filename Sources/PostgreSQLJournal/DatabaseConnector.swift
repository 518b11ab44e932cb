import Dispatch
package import Journaling
import Support

/// Connects on a queue of its own, because libpq waits for the resolver. Begins at the first call of `journal()`, and
/// again after each lost connection.
package final class DatabaseConnector: DatabaseLink {
    /// A connection on its way from the queue that connects to the queue of the engine.
    // @unchecked because it is moved: the queue that connects does not use it afterwards.
    private struct Opened: @unchecked Sendable {
        let connection: PostgreSQLConnection
    }

    private struct State: Sendable {
        var opened: Opened?
        var isConnecting = false
        var failure: PostgreSQLFailure?
        var nextAttempt = ContinuousClock.now
    }

    /// The time between the beginnings of two attempts.
    private static let pause = Duration.milliseconds(250)

    private let servers: PostgreSQLServers
    private let schema: DatabaseSchema
    private let requiresStandbys: Bool
    private let queue = DispatchQueue(label: "database")
    private let state = Locked(State())
    private var current: DatabaseJournal?
    /// The server with which the next attempt begins.
    private var first = 0

    package init(_ servers: PostgreSQLServers, _ schema: DatabaseSchema, requiresStandbys: Bool) {
        self.servers = servers
        self.schema = schema
        self.requiresStandbys = requiresStandbys
    }

    package func journal() throws(JournalStoreError) -> DatabaseJournal {
        if let current, current.connection.isOpen { return current }
        current = nil
        let (opened, failure) = state.withLock { state in
            defer { state.opened = nil }
            return (state.opened, state.failure)
        }
        guard let opened else {
            connect()
            throw .unavailable(failure.map { UnavailableReason($0) } ?? .connection)
        }
        let journal = DatabaseJournal(opened.connection, schema, requiresStandbys: requiresStandbys)
        current = journal
        return journal
    }

    package func failed(_ failure: PostgreSQLFailure) {
        guard !failure.keepsConnection, let lost = current else { return }
        first = failure.shouldTryAnotherServer ? lost.connection.server + 1 : lost.connection.server
        lost.connection.close()
        current = nil
        connect()
    }

    /// Starts an attempt unless one is in progress or has just begun.
    private func connect() {
        let isDue = state.withLock { state in
            guard !state.isConnecting, state.opened == nil, state.nextAttempt <= .now else { return false }
            (state.isConnecting, state.nextAttempt) = (true, .now + Self.pause)
            return true
        }
        guard isDue else { return }
        queue.async { [servers, first, state] in
            let time = servers.connectTimeout * servers.count
            do throws(PostgreSQLFailure) {
                let opened = Opened(
                    connection: try PostgreSQLConnection(servers, first: first % servers.count, within: time))
                state.withLock { ($0.opened, $0.isConnecting, $0.failure) = (opened, false, nil) }
            } catch {
                state.withLock { ($0.isConnecting, $0.failure) = (false, error) }
            }
        }
    }
}
