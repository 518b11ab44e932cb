import Glibc
import Libevent
import Posting

/// Sends commands to a running relay over its control socket.
struct ControlClient {
    let folder: String

    /// Whether a process listens on the control socket. `ask` checks which one.
    var isServed: Bool { UnixSocket.server(at: ControlListener.path(in: folder)) != nil }

    /// Returns the reply of the running relay; nil if no relay runs on the folder.
    func ask(_ request: ControlRequest) throws -> ControlReply? {
        try checkServer()
        let url = HookURL(withoutSecrets: "http://relay" + request.target)
        let result = try? UnixSocket.withShortPath(ControlListener.path(in: folder)) { socket in
            // libcurl needs a body; the server ignores the line break.
            deliverer(url, socket).deliver(Array((request.body + "\n").utf8))
        }
        switch result {
        // An inaccessible folder is reported later, when the spool is opened.
        case nil: return nil
        case .failure(let failure) where !failure.sentRequest: return nil
        case .failure(let failure): throw ControlError(description: failure.message)
        case .success(let answer): return try reply(answer)
        }
    }

    /// Fails if another user serves the socket. IDs must not be sent to, nor alerts read from, an impostor.
    private func checkServer() throws(ControlError) {
        guard let server = UnixSocket.server(at: ControlListener.path(in: folder)) else { return }
        var (ofFolder, ofDatabase) = (stat(), stat())
        guard stat(folder, &ofFolder) == 0 else { return }
        let hasDatabase = lstat(folder + "/spool.db", &ofDatabase) == 0
        let owners = [ofFolder.st_uid] + (hasDatabase ? [ofDatabase.st_uid] : [])
        guard Self.isRelay(server, ownUser: geteuid(), owners: owners) else {
            throw ControlError(
                description: "user \(server) serves the control socket in \(folder), but does not own the folder")
        }
    }

    /// - Parameter owners: the owners of the folder and of the database. A volume can belong to root while the database
    ///   belongs to the relay.
    static func isRelay(_ server: UInt32, ownUser: UInt32, owners: [UInt32]) -> Bool {
        server == 0 || server == ownUser || owners.first == server || (owners.first == 0 && owners.last == server)
    }

    private func deliverer(_ url: HookURL, _ socket: String) -> CurlDeliverer {
        var settings = DelivererSettings()
        settings.unixSocket = socket
        // libcurl uses no proxy for a Unix socket; this makes it explicit.
        settings.noProxy = "*"
        settings.timeout = .seconds(600)
        settings.bodyLimit = 256 << 20
        return CurlDeliverer(hook: url, settings: settings, abort: DeliveryAbort())
    }

    private func reply(_ answer: HookResponse) throws -> ControlReply {
        if answer.status == 403 {
            throw ControlError(description: "the running relay accepts commands only from its own user and from root")
        }
        if answer.status == 404 {
            throw ControlError(description: "the running relay does not know this command: it has another version")
        }
        guard answer.status == 200, let reply = ControlReply(wire: String(decoding: answer.body, as: UTF8.self))
        else { throw ControlError(description: "unexpected response of the running relay: HTTP \(answer.status)") }
        return reply
    }
}

struct ControlError: Error, CustomStringConvertible {
    var description: String
}
