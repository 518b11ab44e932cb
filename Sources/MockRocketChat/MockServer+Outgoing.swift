import Dispatch
import Libevent
import Posting

/// Outgoing webhooks: what people type is sent on, and the responses are posted.
extension MockServer {
    /// Rocket.Chat's own limit.
    private static let timeout = Duration.seconds(20)
    private static let callsLimit = 1000

    func outgoing(_ route: Route, _ exchange: HTTPExchange) -> HookReply {
        do {
            switch (route, exchange.head.method) {
            case (.outgoing, .get): return .json(200, outgoingState)
            case (.outgoing, .put):
                integration = try OutgoingIntegration(Self.json(exchange.body()))
                return .json(200, outgoingState)
            case (.outgoing, .delete):
                (integration, calls) = (nil, [])
                return HookReply(status: 204, body: [])
            case (.typing, .post): return type(try TypedMessage(Self.json(exchange.body())))
            case (.press, .post): return try press(Self.json(exchange.body()))
            default:
                let allow = route == .outgoing ? "GET, PUT, DELETE" : "POST"
                return HookReply(status: 405, headers: [.init(name: "Allow", value: allow)], body: [])
            }
        } catch let error as OutgoingError {
            return .failure(error.reason)
        } catch {
            return .failure("not JSON: \(error)")
        }
    }

    private static func json(_ body: [UInt8]) throws -> JSONValue { try JSONParser.parse(body) }

    private var outgoingState: JSONValue {
        .object([
            "configured": .bool(integration != nil), "disabled": .bool(integration?.isDisabled ?? false),
            "calls": .array(calls.map(\.json)),
        ])
    }

    /// Records the message and sends it on if a trigger word begins it. A message with an id that exists is sent on only.
    private func type(_ message: TypedMessage) -> HookReply {
        if !chat.store.contains(id: message.id) { chat.record(message) }
        let isTriggered = trigger(message)
        return .json(200, .object(["id": .string(message.id), "triggered": .bool(isTriggered)]))
    }

    /// Does what the web client does if `user` presses the button with this index in a message.
    private func press(_ json: JSONValue) throws(OutgoingError) -> HookReply {
        let entry = chat.store.messages.lazy.compactMap { try? JSONParser.parse($0.json) }.first {
            $0["id"] == json["id"]
        }
        guard let entry, let user = json["user"]?.stringValue, let room = entry["room"]?.stringValue else {
            throw OutgoingError(reason: "no such message, or no user")
        }
        let actions = (entry["body"]?["attachments"]?.elements ?? []).flatMap { $0["actions"]?.elements ?? [] }
        let index = json["button"]?.intValue ?? 0
        guard actions.indices.contains(index), actions[index]["type"] == .string("button") else {
            throw OutgoingError(reason: "the message has no such button")
        }
        guard actions[index]["url"] == nil, actions[index]["msg_in_chat_window"] == .bool(true),
            let text = actions[index]["msg"]?.stringValue
        else { throw OutgoingError(reason: "the button posts nothing") }
        if actions[index]["msg_processing_type"] == .string("respondWithMessage") {
            return .json(200, .object(["composer": .string(text)]))
        }
        return type(TypedMessage(room: room, user: user, text: text))
    }

    /// Messages of integrations trigger outgoing webhooks too, marked as a bot's.
    func triggerForPosts(after count: Int) {
        guard integration != nil else { return }
        for recorded in chat.store.messages.dropFirst(count) {
            guard let entry = try? JSONParser.parse(recorded.json) else { continue }
            var message = TypedMessage(
                room: recorded.hook, user: "rocket.cat", text: entry["text"]?.stringValue ?? "")
            message.id = entry["id"]?.stringValue ?? message.id
            message.bot = .object(["i": .string(recorded.hook)])
            _ = trigger(message)
        }
    }

    private func trigger(_ message: TypedMessage) -> Bool {
        guard let integration, let body = integration.body(for: message), calls.count < Self.callsLimit else {
            return false
        }
        send(body, for: message, to: integration, retries: integration.retries)
        return true
    }

    private func send(_ body: [UInt8], for message: TypedMessage, to target: OutgoingIntegration, retries: Int) {
        let number = calls.count
        calls.append(OutgoingCall(body: body))
        let request = CurlRequest(.post(body), target.url)
        let settings = DelivererSettings(userAgent: "node-fetch", timeout: Self.timeout, noProxy: "*")
        DispatchQueue.global().async { @Sendable in
            let result = request.perform(settings, abort: DeliveryAbort())
            LoopActor.post { [weak self] in
                self?.finish(number, result, of: message, body, target, retries: retries)
            }
        }
    }

    private func finish(
        _ number: Int, _ result: DeliveryResult, of message: TypedMessage, _ body: [UInt8],
        _ target: OutgoingIntegration, retries: Int
    ) {
        // `DELETE /outgoing` forgets calls that wait.
        guard calls.indices.contains(number), calls[number].body == body else { return }
        guard case .success(let response) = result else {
            calls[number].outcome = "no response"
            return
        }
        (calls[number].status, calls[number].answer) = (response.status, response.body)
        switch response.status {
        case 200..<300:
            switch chat.post(answer: response.body, to: message) {
            case .success(let posted):
                calls[number].outcome = "posted"
                _ = trigger(posted)
            case .failure(let error): calls[number].outcome = error.reason
            }
        case 410:
            calls[number].outcome = "the integration is disabled"
            integration?.isDisabled = true
        case 500: calls[number].outcome = "final"
        default:
            calls[number].outcome = "failed"
            if retries > 0 { send(body, for: message, to: target, retries: retries - 1) }
        }
    }
}
