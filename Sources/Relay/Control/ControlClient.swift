import Libevent

/// Asks a running relay over its control socket.
struct ControlClient {
    let folder: String

    /// The running relay's answer; nil where none runs on the folder.
    func ask(_ request: DeadLetterRequest, asJSON: Bool) throws -> DeadLetterReply? {
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

    private func deliverer(_ url: HookURL, _ socket: String) -> CurlDeliverer {
        var settings = DelivererSettings()
        settings.unixSocket = socket
        settings.timeout = .seconds(60)
        settings.bodyLimit = 256 << 20
        return CurlDeliverer(hook: url, settings: settings, abort: DeliveryAbort())
    }

    private func reply(_ answer: HTTPAnswer) throws -> DeadLetterReply {
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
