package import Alerts
import Support

/// Says what an answer, or the lack of one, means for the message: the table of docs/rocketchat.md section 9.
package struct ResponseClassifier: Sendable {
    /// Whose secrets are kept out of details.
    package let hook: HookURL

    package init(hook: HookURL) {
        self.hook = hook
    }

    /// - Parameter now: the wall clock, against which a server's dates are read that sends none of its own clock.
    package func outcome(of result: DeliveryResult, now: Timestamp) -> DeliveryOutcome {
        switch result {
        case .success(let answer): outcome(of: ParsedResponse(answer), now: now)
        case .failure(let failure): outcome(of: failure)
        }
    }

    // MARK: - Without an answer

    private func outcome(of failure: TransportFailure) -> DeliveryOutcome {
        // The connection may break after all was said.
        if let partial = failure.partialAnswer.map(ParsedResponse.init), partial.isSuccess {
            return .delivered(partial.receipt)
        }
        let detail = line(failure.message)
        let maybe = failure.sentRequest
        switch failure.kind {
        case .resolve, .connect, .handshake, .reset, .aborted, .other:
            return .retry(.network, maybeDelivered: maybe, detail: detail)
        case .timeout: return .retry(.timeout, maybeDelivered: maybe, detail: detail)
        case .badAnswer: return .retry(.badResponse, maybeDelivered: maybe, detail: detail)
        case .proxy: return .misconfigured(.authError, detail: detail)
        case .certificate: return .misconfigured(.network, detail: detail)
        case .url: return .misconfigured(.clientError, detail: detail)
        }
    }

    // MARK: - With an answer

    private func outcome(of evidence: ParsedResponse, now: Timestamp) -> DeliveryOutcome {
        let detail = detail(of: evidence)
        switch evidence.answer.status {
        case 200...299: return success(evidence, detail, now)
        case 408: return .retry(.timeout, maybeDelivered: false, detail: detail)
        case 413: return .fixable(.resplit, detail: detail)
        case 425: return .retry(.clientError, maybeDelivered: false, detail: detail)
        case 429: return .rateLimited(wait: RateLimitHint(evidence.answer, error: evidence.error, now: now).wait)
        case 400...499: return refusal(evidence, detail, now) ?? clientError(evidence, detail)
        case 500...599: return serverError(evidence, detail)
        // A redirect leads nowhere a POST survives, and nothing else below 200 is a final answer.
        default: return .misconfigured(.badResponse, detail: detail)
        }
    }

    /// A 2xx is a delivery only if Rocket.Chat itself says so.
    private func success(_ evidence: ParsedResponse, _ detail: String, _ now: Timestamp) -> DeliveryOutcome {
        if evidence.isSuccess { return .delivered(evidence.receipt) }
        if let refusal = refusal(evidence, detail, now) { return refusal }
        let speaksForRocketChat = evidence.isRocketChats || evidence.isBrokenObject
        guard speaksForRocketChat else { return .misconfigured(.badResponse, detail: detail) }
        // An object that breaks off may have said success, and would say it again at each retry.
        return .unknown(.badResponse, maybeDelivered: evidence.isBrokenObject, detail: detail)
    }

    private func refusal(_ evidence: ParsedResponse, _ detail: String, _ now: Timestamp) -> DeliveryOutcome? {
        switch evidence.error.flatMap(ServerRejection.init) {
        case .rateLimited:
            .rateLimited(wait: RateLimitHint(evidence.answer, error: evidence.error, now: now).wait)
        case .fixable(let fix): .fixable(fix, detail: detail)
        case .misconfigured(let reason): .misconfigured(reason, detail: detail)
        // The database may have taken the message before it went away.
        case .databaseAway: .retry(.serverError, maybeDelivered: true, detail: detail)
        case nil: nil
        }
    }

    /// What is not Rocket.Chat's own answer is about the hook and never about the message: a proxy's or a firewall's
    /// page, which the next message would get as well.
    private func clientError(_ evidence: ParsedResponse, _ detail: String) -> DeliveryOutcome {
        switch evidence.answer.status {
        case 401, 403, 407: .misconfigured(.authError, detail: detail)
        case 404, 405, 410: .misconfigured(.clientError, detail: detail)
        case _ where evidence.isRocketChats: .unknown(.clientError, maybeDelivered: false, detail: detail)
        default: .misconfigured(.clientError, detail: detail)
        }
    }

    private func serverError(_ evidence: ParsedResponse, _ detail: String) -> DeliveryOutcome {
        switch evidence.answer.status {
        case 500 where evidence.isBareInternalError: .suspicious(.serverError, detail: detail)
        case 503 where evidence.saysDisabled: .misconfigured(.serverError, detail: detail)
        case 500, 503: .retry(.serverError, maybeDelivered: false, detail: detail)
        // Gateways in front of Rocket.Chat speak, who do not know what became of the request.
        default: .retry(.serverError, maybeDelivered: true, detail: detail)
        }
    }

    private func detail(of evidence: ParsedResponse) -> String {
        let answer = evidence.answer
        if let error = evidence.error { return line("HTTP \(answer.status): \(error)") }
        let size = answer.isBodyCut ? "over \(answer.body.count)" : "\(answer.body.count)"
        return line("HTTP \(answer.status), \(answer.contentType ?? "no content type"), \(size) bytes")
    }

    /// What a stranger wrote, fit for a log.
    private func line(_ text: String) -> String {
        let plain = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
        let redacted = hook.redacting(plain)
        return redacted.count > 200 ? redacted.prefix(200) + "…" : redacted
    }
}

/// An answer with its body read.
struct ParsedResponse {
    let answer: HookResponse
    private let json: ResponseJSON?

    init(_ answer: HookResponse) {
        self.answer = answer
        json = answer.isBodyCut ? nil : ResponseJSON(answer.body, keeping: Self.fields)
    }

    private static let fields: Set = ["success", "status", "error", "message", "responses", "channel", "_id"]

    /// Rocket.Chat itself speaks, and not a proxy, a firewall or another server: its errors are objects that say so, in
    /// one of two forms (docs/rocketchat.md section 1.5).
    fileprivate var isRocketChats: Bool {
        if case .bool? = json?["success"] { return true }
        return json?["status"]?.text == "error" && json?["message"]?.text != nil
    }

    var isSuccess: Bool { (200...299).contains(answer.status) && json?["success"] == .bool(true) }

    /// Begins as a JSON object does and does not end as one.
    fileprivate var isBrokenObject: Bool {
        let passedOver: [UInt8] = [0x20, 0x0A, 0x0D, 0x09, 0xEF, 0xBB, 0xBF]
        return json == nil && answer.body.first { !passedOver.contains($0) } == UInt8(ascii: "{")
    }

    /// The error text of a refusal; where several rooms refused, the first one's.
    var error: String? {
        guard case .object = json, !isSuccess else { return nil }
        return json?["error"]?.text ?? json?["message"]?.text ?? receipt.refused.first?.error
    }

    /// A disabled integration: a JSON string up to 7.6, an object since (docs/rocketchat.md section 1.5). A proxy's 503
    /// is neither.
    fileprivate var saysDisabled: Bool {
        json?.text == "Service Unavailable" || (json?["success"] == .bool(false) && error == "Service Unavailable")
    }

    /// The 500 of Rocket.Chat's newer router, which may mean a wrong id or token.
    fileprivate var isBareInternalError: Bool {
        String(decoding: answer.body.prefix(64), as: UTF8.self) == "Internal Server Error"
    }

    /// What `separateResponse` told of each room (docs/rocketchat.md section 1.4).
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

/// What an error text of Rocket.Chat means (docs/rocketchat.md sections 1.5 and 9). The texts are stable codes or
/// sentences of its source; whatever is not listed is unknown.
package enum ServerRejection: Equatable {
    case rateLimited
    case fixable(Fix)
    case misconfigured(FailureReason)
    /// The driver's own words, under a status of its caller's fault.
    case databaseAway

    package init?(error: String) {
        if Self.isDatabases(error) {
            self = .databaseAway
            return
        }
        let code = Self.code(of: error)
        guard let known = Self.known.first(where: { code.hasPrefix($0.prefix) }) else { return nil }
        self = known.meaning
    }

    /// MongoDB's driver and server while a node restarts or an election is under way.
    private static func isDatabases(_ error: String) -> Bool {
        if error.hasPrefix("connection "), error.hasSuffix(" closed") || error.hasSuffix(" timed out") { return true }
        return databases.contains { error.hasPrefix($0) }
    }

    private static let databases = [
        "Server selection timed out", "not primary", "not master", "node is recovering", "interrupted at shutdown",
        "Topology is closed", "Client must be connected", "Connection pool for", "Attempted to check out a connection",
        "connect ECONNREFUSED", "connect ETIMEDOUT", "read ECONNRESET", "getaddrinfo ", "MongoNetworkError",
        "MongoServerSelectionError", "The server is in quiesce mode",
    ]

    /// Some errors are a sentence with the code behind it in brackets.
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
        // Rocket.Chat 7.4 to 7.6 with a wrong id or token.
        ("Cannot read properties of null (reading 'name')", .misconfigured(.authError)),
    ]
}
