package import Alerts
package import Posting

/// Classifies responses and transport failures by the table of docs/rocketchat.md section 9.
package struct ResponseClassifier: Sendable {
    /// The hook whose secrets are redacted from details.
    package let hook: HookURL

    package init(hook: HookURL) {
        self.hook = hook
    }

    /// - Parameter now: the wall clock, which replaces the server's clock if the response has no `Date`.
    package func outcome(of result: DeliveryResult, now: Timestamp) -> DeliveryOutcome {
        switch result {
        case .success(let response): outcome(of: ParsedResponse(response), now: now)
        case .failure(let failure): outcome(of: failure)
        }
    }

    // MARK: - Transport failures

    private func outcome(of failure: TransportFailure) -> DeliveryOutcome {
        // The connection may break after a complete response.
        if let partial = failure.partialResponse.map(ParsedResponse.init), partial.isSuccess {
            return .delivered(partial.receipt)
        }
        let detail = line(failure.message)
        let maybe = failure.sentRequest
        switch failure.kind {
        case .resolve, .connect, .handshake, .reset, .aborted, .other:
            return .retry(.network, maybeDelivered: maybe, detail: detail)
        case .timeout: return .retry(.timeout, maybeDelivered: maybe, detail: detail)
        case .badResponse: return .retry(.badResponse, maybeDelivered: maybe, detail: detail)
        case .proxy: return .misconfigured(.authError, detail: detail)
        case .certificate: return .misconfigured(.network, detail: detail)
        case .url: return .misconfigured(.clientError, detail: detail)
        }
    }

    // MARK: - Responses

    private func outcome(of parsed: ParsedResponse, now: Timestamp) -> DeliveryOutcome {
        let detail = detail(of: parsed)
        switch parsed.response.status {
        case 200...299: return success(parsed, detail, now)
        case 408: return .retry(.timeout, maybeDelivered: false, detail: detail)
        case 413: return .fixable(.resplit, detail: detail)
        case 425: return .retry(.clientError, maybeDelivered: false, detail: detail)
        case 429: return .rateLimited(wait: RateLimitHint(parsed.response, error: parsed.error, now: now).wait)
        case 400...499: return refusal(parsed, detail, now) ?? clientError(parsed, detail)
        case 500...599: return serverError(parsed, detail)
        // A redirect turns a POST into a GET, and no other status below 200 is final.
        default: return .misconfigured(.badResponse, detail: detail)
        }
    }

    /// A 2xx is a delivery only if Rocket.Chat itself confirms it.
    private func success(_ parsed: ParsedResponse, _ detail: String, _ now: Timestamp) -> DeliveryOutcome {
        if parsed.isSuccess { return .delivered(parsed.receipt) }
        if let refusal = refusal(parsed, detail, now) { return refusal }
        let isFromServer = parsed.isFromRocketChat || parsed.isTruncatedObject
        guard isFromServer else { return .misconfigured(.badResponse, detail: detail) }
        // A truncated object may have confirmed the message, and would do so again at each retry.
        return .unknown(.badResponse, maybeDelivered: parsed.isTruncatedObject, detail: detail)
    }

    private func refusal(_ parsed: ParsedResponse, _ detail: String, _ now: Timestamp) -> DeliveryOutcome? {
        switch parsed.error.flatMap(ServerRejection.init) {
        case .rateLimited:
            .rateLimited(wait: RateLimitHint(parsed.response, error: parsed.error, now: now).wait)
        case .fixable(let fix): .fixable(fix, detail: detail)
        case .misconfigured(let reason): .misconfigured(reason, detail: detail)
        // The database may have stored the message before it became unavailable.
        case .databaseUnavailable: .retry(.serverError, maybeDelivered: true, detail: detail)
        case nil: nil
        }
    }

    /// A response that is not from Rocket.Chat concerns the hook, not the message: a proxy or a firewall would send it for
    /// any message.
    private func clientError(_ parsed: ParsedResponse, _ detail: String) -> DeliveryOutcome {
        switch parsed.response.status {
        case 401, 403, 407: .misconfigured(.authError, detail: detail)
        case 404, 405, 410: .misconfigured(.clientError, detail: detail)
        case _ where parsed.isFromRocketChat: .unknown(.clientError, maybeDelivered: false, detail: detail)
        default: .misconfigured(.clientError, detail: detail)
        }
    }

    private func serverError(_ parsed: ParsedResponse, _ detail: String) -> DeliveryOutcome {
        switch parsed.response.status {
        case 500 where parsed.isBareInternalError: .suspicious(.serverError, detail: detail)
        case 503 where parsed.isDisabledIntegration: .misconfigured(.serverError, detail: detail)
        case 500, 503: .retry(.serverError, maybeDelivered: false, detail: detail)
        // A gateway in front of Rocket.Chat sent this. The request may have arrived.
        default: .retry(.serverError, maybeDelivered: true, detail: detail)
        }
    }

    private func detail(of parsed: ParsedResponse) -> String {
        let response = parsed.response
        if let error = parsed.error { return line("HTTP \(response.status): \(error)") }
        let size = response.isBodyCut ? "over \(response.body.count)" : "\(response.body.count)"
        return line("HTTP \(response.status), \(response.contentType ?? "no content type"), \(size) bytes")
    }

    /// An untrusted text as one short line for the log.
    private func line(_ text: String) -> String {
        let plain = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
        let redacted = hook.redacting(plain)
        return redacted.count > 200 ? redacted.prefix(200) + "…" : redacted
    }
}

/// A response with its parsed body.
struct ParsedResponse {
    let response: HookResponse
    private let json: ResponseJSON?

    init(_ response: HookResponse) {
        self.response = response
        json = response.isBodyCut ? nil : ResponseJSON(response.body, keeping: Self.fields)
    }

    private static let fields: Set = ["success", "status", "error", "message", "responses", "channel", "_id"]

    /// The response is from Rocket.Chat and not from a proxy, a firewall or another server. Its errors are objects in one
    /// of two forms (docs/rocketchat.md section 1.5).
    fileprivate var isFromRocketChat: Bool {
        if case .bool? = json?["success"] { return true }
        return json?["status"]?.text == "error" && json?["message"]?.text != nil
    }

    var isSuccess: Bool { (200...299).contains(response.status) && json?["success"] == .bool(true) }

    /// The body starts like a JSON object but is incomplete.
    fileprivate var isTruncatedObject: Bool {
        let ignored: [UInt8] = [0x20, 0x0A, 0x0D, 0x09, 0xEF, 0xBB, 0xBF]
        return json == nil && response.body.first { !ignored.contains($0) } == UInt8(ascii: "{")
    }

    /// The error text of a refusal; of the first room if several refused.
    var error: String? {
        guard case .object = json, !isSuccess else { return nil }
        return json?["error"]?.text ?? json?["message"]?.text ?? receipt.refused.first?.error
    }

    /// The integration is disabled: a JSON string up to 7.6, an object since then (docs/rocketchat.md section 1.5). A 503
    /// of a proxy is neither.
    fileprivate var isDisabledIntegration: Bool {
        json?.text == "Service Unavailable" || (json?["success"] == .bool(false) && error == "Service Unavailable")
    }

    /// The 500 of Rocket.Chat's newer router, which can mean a wrong ID or token.
    fileprivate var isBareInternalError: Bool {
        String(decoding: response.body.prefix(64), as: UTF8.self) == "Internal Server Error"
    }

    /// The results by room, for a message with `separateResponse` (docs/rocketchat.md section 1.4).
    var receipt: DeliveryReceipt {
        guard case .array(let rooms) = json?["responses"] else { return DeliveryReceipt() }
        return rooms.reduce(into: DeliveryReceipt()) { receipt, room in
            let channel = room["channel"]?.text
            if let error = room["error"]?.text {
                receipt.refused.append(.init(channel: channel, error: error))
            } else if let id = room["message"]?["_id"]?.text {
                receipt.posted.append(.init(channel: channel, messageID: id))
            }
        }
    }
}

/// The meaning of an error text of Rocket.Chat (docs/rocketchat.md sections 1.5 and 9). The texts are stable codes or
/// sentences in its source; other texts are unknown.
package enum ServerRejection: Equatable {
    case rateLimited
    case fixable(Fix)
    case misconfigured(FailureReason)
    /// An error of the MongoDB driver, sent with a 4xx status.
    case databaseUnavailable

    package init?(error: String) {
        if Self.isDatabaseError(error) {
            self = .databaseUnavailable
            return
        }
        let code = Self.code(of: error)
        guard let known = Self.known.first(where: { code.hasPrefix($0.prefix) }) else { return nil }
        self = known.meaning
    }

    /// Whether an error can be about the room that a message names (docs/rocketchat.md section 1.5).
    package static func concernsChannel(_ error: String?) -> Bool {
        guard let error else { return false }
        return channelErrors.contains { code(of: error).hasPrefix($0) }
    }

    private static let channelErrors = [
        "overriding destination channel is disabled", "invalid-channel", "error-invalid-room", "error-not-allowed",
        "room_is_", "You can't send messages because the room is readonly", "You_have_been_muted",
    ]

    /// Errors of MongoDB's driver and server while a node restarts or an election is in progress.
    private static func isDatabaseError(_ error: String) -> Bool {
        if error.hasPrefix("connection "), error.hasSuffix(" closed") || error.hasSuffix(" timed out") { return true }
        return databaseErrors.contains { error.hasPrefix($0) }
    }

    private static let databaseErrors = [
        "Server selection timed out", "not primary", "not master", "node is recovering", "interrupted at shutdown",
        "Topology is closed", "Client must be connected", "Connection pool for", "Attempted to check out a connection",
        "connect ECONNREFUSED", "connect ETIMEDOUT", "read ECONNRESET", "getaddrinfo ", "MongoNetworkError",
        "MongoServerSelectionError", "The server is in quiesce mode",
    ]

    /// The code of an error; some errors are a sentence followed by the code in brackets.
    private static func code(of error: String) -> Substring {
        guard error.hasSuffix("]"), let bracket = error.lastIndex(of: "[") else { return error[...] }
        return error[error.index(after: bracket)...].dropLast()
    }

    private static let known: [(prefix: String, meaning: ServerRejection)] = [
        ("error-too-many-requests", .rateLimited),
        ("error-message-size-exceeded", .fixable(.resplit)),
        ("error-action-not-allowed", .fixable(.neutraliseMentions)),
        ("Invalid href value provided", .fixable(.plainText)),
        ("Invalid attachment field", .fixable(.plainText)),
        ("Match error", .fixable(.plainText)),
        ("Not enough permission", .fixable(.plainText)),
        ("invalid-channel", .misconfigured(.clientError)),
        ("error-invalid-room", .misconfigured(.clientError)),
        ("error-not-allowed", .misconfigured(.clientError)),
        ("room_is_", .misconfigured(.clientError)),
        ("You can't send messages because the room is readonly", .misconfigured(.clientError)),
        ("You_have_been_muted", .misconfigured(.clientError)),
        ("overriding destination channel is disabled", .misconfigured(.clientError)),
        ("error-user-lacks-message-impersonate-permission", .misconfigured(.authError)),
        ("error-running-script", .misconfigured(.clientError)),
        ("error-evaluating-script", .misconfigured(.clientError)),
        ("class-script-not-found", .misconfigured(.clientError)),
        ("Invalid integration id or token provided", .misconfigured(.authError)),
        ("You must be logged in to do this", .misconfigured(.authError)),
        // Rocket.Chat 7.4 to 7.6 with a wrong ID or token.
        ("Cannot read properties of null (reading 'name')", .misconfigured(.authError)),
    ]
}
