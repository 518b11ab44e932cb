/// Asks a running relay over its control socket.
struct ControlClient {
    let folder: String

    /// The running relay's answer; nil where none runs on the folder.
    func ask(_ request: DeadLetterRequest, asJSON: Bool) throws -> DeadLetterReply? {
        let (verb, body) = request.wire
        let url = try HookURL("http://relay/dead-letters/\(verb)" + (asJSON ? "?json" : ""))
        var settings = DelivererSettings()
        settings.unixSocket = ControlListener.path(in: folder)
        settings.timeout = .seconds(60)
        settings.bodyLimit = 256 << 20
        let deliverer = CurlDeliverer(hook: url, settings: settings, abort: DeliveryAbort())
        // A line break asks for nothing, and libcurl must have a body.
        switch deliverer.deliver(Array((body + "\n").utf8)) {
        case .failure(let failure) where !failure.sentRequest: return nil
        case .failure(let failure): throw ControlError(description: failure.message)
        case .success(let answer):
            guard answer.status == 200, let reply = DeadLetterReply(wire: String(decoding: answer.body, as: UTF8.self))
            else { throw ControlError(description: "the running relay does not understand: HTTP \(answer.status)") }
            return reply
        }
    }
}

struct ControlError: Error, CustomStringConvertible {
    var description: String
}
