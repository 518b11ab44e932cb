import Libevent

/// The routes for the web page and for tests.
extension MockServer {
    func control(_ route: Route, _ exchange: HTTPExchange) -> HookReply {
        let method = exchange.head.method == .head ? .get : exchange.head.method
        switch (route, method) {
        case (.page, .get): return .page
        case (.health, .get): return .json(200, .object(["status": .string("healthy")]))
        case (.messages, .get): return messages(Query(exchange.head.query))
        case (.messages, .delete):
            chat.store.removeAll()
            return HookReply(status: 204, body: [])
        case (.messageCount, .get): return .json(200, chat.store.counts)
        case (.faults, .get): return .json(200, faults.listing)
        case (.faults, .put): return put(exchange.body())
        case (.faults, .delete):
            heal()
            return HookReply(status: 204, body: [])
        default: return HookReply(status: 405, headers: [.init(name: "Allow", value: Self.allow(route))], body: [])
        }
    }

    private static func allow(_ route: Route) -> String {
        switch route {
        case .messages: "GET, HEAD, DELETE"
        case .faults: "GET, HEAD, PUT, DELETE"
        default: "GET, HEAD"
        }
    }

    private func messages(_ query: Query) -> HookReply {
        let since = query["since"].flatMap { Int($0) } ?? 0
        let limit = query["limit"].flatMap { Int($0) } ?? .max
        func reply(_ type: String, _ body: some Sequence<UInt8>) -> HookReply {
            HookReply(status: 200, headers: [.init(name: "Content-Type", value: type)], body: body)
        }
        func chosen() -> [RecordedMessage] {
            chat.store.messages(hook: query["hook"], since: since, limit: max(0, limit))
        }
        switch query["format"] {
        case "text":
            let texts = chosen().map { Transcript.text(of: $0, profile: chat.profile) }
            return reply("text/plain; charset=utf-8", texts.joined(separator: "\n").utf8)
        case "html":
            return reply("application/json", Transcript.drawn(chosen(), profile: chat.profile))
        default:
            let list = chat.store.list(hook: query["hook"], since: since, limit: max(0, limit))
            return reply("application/json", list)
        }
    }

    private func put(_ body: [UInt8]) -> HookReply {
        do {
            let value = try JSONParser.parse(body)
            if let elements = value.elements {
                faults.replaceAll(try elements.map { try Fault($0) })
            } else {
                faults.put(try Fault(value))
            }
            return .json(200, faults.listing)
        } catch let error as FaultError {
            return .failure(error.reason)
        } catch {
            return .failure("not JSON: \(error)")
        }
    }

    /// Removes all faults, ends hanging exchanges and resets the rate limiter.
    private func heal() {
        faults = FaultTable()
        chat.forgetLimits()
        releaseHung()
    }
}

extension HookReply {
    fileprivate static let page = HookReply(
        status: 200,
        headers: [
            .init(name: "Content-Type", value: "text/html; charset=utf-8"),
            .init(
                name: "Content-Security-Policy",
                value: "default-src 'none'; script-src 'unsafe-inline'; "
                    + "style-src 'unsafe-inline'; connect-src 'self'; img-src 'self' data:"),
        ], body: Page.html.utf8)
}
