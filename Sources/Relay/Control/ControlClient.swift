import Alerts
import Glibc
import Journaling
import Libevent
import RocketChat
import SQLiteJournal
import Support

/// Asks a running relay over its control socket.
struct ControlClient {
    let folder: String

    /// Whether a process takes commands there now; what it is `ask` finds out.
    var isServed: Bool { UnixSocket.server(at: ControlListener.path(in: folder)) != nil }

    /// The running relay's answer; nil where none runs on the folder.
    func ask(_ request: DeadLetterRequest, asJSON: Bool) throws -> DeadLetterReply? {
        try checkServer()
        let (verb, body) = request.wire
        let url = try HookURL("http://relay/dead-letters/\(verb)" + (asJSON ? "?json" : ""))
        let result = try? UnixSocket.withShortPath(ControlListener.path(in: folder)) { socket in
            // A line break asks for nothing, and libcurl must have a body.
            deliverer(url, socket).deliver(Array((body + "\n").utf8))
        }
        switch result {
        // A folder that cannot be opened is told of when the spool in it is looked for.
        case nil: return nil
        case .failure(let failure) where !failure.sentRequest: return nil
        case .failure(let failure): throw ControlError(description: failure.message)
        case .success(let answer): return try reply(answer)
        }
    }

    /// Ids that are dropped must not go to, nor alerts be read from, a process that somebody else put in the relay's
    /// place.
    private func checkServer() throws(ControlError) {
        guard let server = UnixSocket.server(at: ControlListener.path(in: folder)) else { return }
        var (ofFolder, ofDatabase) = (stat(), stat())
        guard stat(folder, &ofFolder) == 0 else { return }
        let hasDatabase = lstat(folder + "/spool.db", &ofDatabase) == 0
        let owners = [ofFolder.st_uid] + (hasDatabase ? [ofDatabase.st_uid] : [])
        guard Self.isRelay(server, ownUser: geteuid(), owners: owners) else {
            throw ControlError(
                description: "user \(server) serves the control socket in \(folder), and not the folder's owner")
        }
    }

    /// - Parameter owners: of the folder and of the database. A volume can be root's while the relay is not: then the
    ///   database is the relay's.
    static func isRelay(_ server: UInt32, ownUser: UInt32, owners: [UInt32]) -> Bool {
        server == 0 || server == ownUser || owners.first == server || (owners.first == 0 && owners.last == server)
    }

    private func deliverer(_ url: HookURL, _ socket: String) -> CurlDeliverer {
        var settings = DelivererSettings()
        settings.unixSocket = socket
        // Libcurl asks no proxy for a Unix socket; this says so.
        settings.noProxy = "*"
        settings.timeout = .seconds(600)
        settings.bodyLimit = 256 << 20
        return CurlDeliverer(hook: url, settings: settings, abort: DeliveryAbort())
    }

    private func reply(_ answer: HookResponse) throws -> DeadLetterReply {
        if answer.status == 403 {
            throw ControlError(description: "the running relay takes commands from its own user and from root only")
        }
        guard answer.status == 200, let reply = DeadLetterReply(wire: String(decoding: answer.body, as: UTF8.self))
        else { throw ControlError(description: "the running relay does not understand: HTTP \(answer.status)") }
        return reply
    }
}

struct ControlError: Error, CustomStringConvertible {
    var description: String
}
