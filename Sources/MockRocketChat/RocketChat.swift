import Support

/// The Rocket.Chat server behind the hooks: its replies and its rooms. It does no I/O.
struct RocketChat: Sendable {
    let profile: ServerProfile
    /// Message_MaxAllowedSize, in UTF-16 code units.
    var textLimit = 5000
    var limit: RateLimiter.Limit
    var store = MessageStore()
    private var limiter = RateLimiter()

    init(profile: ServerProfile, textLimit: Int = 5000, limit: RateLimiter.Limit? = nil) {
        self.profile = profile
        self.textLimit = textLimit
        self.limit = limit ?? RateLimiter.Limit(mode: profile.limiterMode)
    }

    mutating func forgetLimits() {
        limiter.reset()
    }

    /// Processes one request and returns the reply.
    ///
    /// - Parameters:
    ///   - limit: replaces the server's own limit.
    ///   - recordedStatus: the status to record with the message if a fault determines the response.
    mutating func answer(
        _ request: IncomingWebhook, integration: Integration = Integration(), limit: RateLimiter.Limit? = nil,
        recordedStatus: Int? = nil
    ) -> HookReply {
        let reply = authenticate(request, integration, limit, recordedStatus)
        return profile.isHono ? reply : reply.adding([.init(name: "Access-Control-Allow-Origin", value: "*")])
    }

    /// The first checks, in the order of docs/rocketchat.md section 1.3: integration, user, rate limiter.
    private mutating func authenticate(
        _ request: IncomingWebhook, _ integration: Integration, _ limit: RateLimiter.Limit?, _ recordedStatus: Int?
    ) -> HookReply {
        if !integration.isKnown { return .unknownIntegration(profile) }
        if !PercentEncoding.decode(request.token.utf8).isWellFormed && profile.isHono {
            return .text(500, "Internal Server Error")
        }
        if !integration.hasUser { return .userMissing(profile) }
        let verdict = limiter.take(
            "\(request.method.rawValue) \(request.target)", client: request.client, limit: limit ?? self.limit,
            now: request.receivedAt)
        if let refusal = verdict.refusal { return refusal }
        return process(request, integration, recordedStatus).adding(verdict.headers)
    }

    private mutating func process(
        _ request: IncomingWebhook, _ integration: Integration, _ recordedStatus: Int?
    ) -> HookReply {
        if !integration.isEnabled { return .disabled(profile) }
        if profile.demandsImpersonation && !integration.mayImpersonate {
            return .failure("error-user-lacks-message-impersonate-permission")
        }
        // GET reaches the same handler, without a body.
        if request.method == .get { return .success }
        switch PostedBody.read(request.body, contentType: request.contentType, profile: profile) {
        case .refused(let reply): return reply
        case .nothing: return .success
        case .emptyMessage:
            return post(Posting(request, HookMessage(.object([])), raw: nil, integration, recordedStatus))
        case .object(let value, let raw):
            return runScript(Posting(request, HookMessage(value), raw: raw, integration, recordedStatus))
        }
    }

    private mutating func runScript(_ posting: Posting) -> HookReply {
        switch posting.integration.script {
        case .none: return post(posting)
        case .noContent: return .success
        case .error(let error): return .failure(error)
        case .fails: return .failure("error-running-script")
        case .response(let members):
            let reply = post(posting)
            return reply.status == 200
                ? .json(200, .object(members + [.init(name: "success", value: .bool(true))])) : reply
        }
    }

    // MARK: Posting

    /// One message to be posted to its rooms.
    private struct Posting {
        var request: IncomingWebhook
        var message: HookMessage
        var raw: [UInt8]?
        var integration: Integration
        var recordedStatus: Int?

        init(
            _ request: IncomingWebhook, _ message: HookMessage, raw: [UInt8]?, _ integration: Integration,
            _ recordedStatus: Int?
        ) {
            self.request = request
            self.message = message
            self.raw = raw
            self.integration = integration
            self.recordedStatus = recordedStatus
        }

        /// The rooms with the names under which messages are recorded.
        var targets: [(name: String, room: Integration.Room)] {
            if message.channels.isEmpty { return [(request.hook, integration.room)] }
            return message.channels.map { ($0, integration.rooms[$0] ?? .open) }
        }
    }

    private mutating func post(_ posting: Posting) -> HookReply {
        if profile.checksChannelOverride && !posting.message.channels.isEmpty && !posting.integration.mayOverrideChannel
        {
            return .failure("overriding destination channel is disabled for this integration")
        }
        if profile.offersSeparateResponse && posting.message.wantsSeparateResponse { return postSeparately(posting) }
        let targets = posting.targets
        if profile.checksAllChannelsFirst, let error = targets.compactMap({ error(posting, $0.room) }).first {
            return .failure(error)
        }
        for target in targets {
            // Before 7.9, messages posted to earlier channels remain.
            if let error = error(posting, target.room) { return .failure(error) }
            record(posting, in: target.name, status: 200)
        }
        return .success
    }

    /// An answer for each channel (docs/rocketchat.md section 1.4).
    private mutating func postSeparately(_ posting: Posting) -> HookReply {
        let targets = posting.targets
        let errors = targets.map { error(posting, $0.room) }
        let isSuccess = errors.contains(nil)
        var responses: [JSONValue] = []
        for (target, error) in zip(targets, errors) {
            let channel = JSONValue.string(target.name)
            if let error {
                responses.append(.object(["channel": channel, "error": .string(error)]))
            } else {
                let id = record(posting, in: target.name, status: isSuccess ? 200 : 400)
                responses.append(.object(["channel": channel, "message": document(posting, target.name, id)]))
            }
        }
        let body = JSONValue.object(["responses": .array(responses), "success": .bool(isSuccess)])
        return .json(isSuccess ? 200 : 400, body)
    }

    private func error(_ posting: Posting, _ room: Integration.Room) -> String? {
        room.error
            ?? posting.message.violation(profile: profile, integration: posting.integration, textLimit: textLimit)
    }

    @discardableResult
    private mutating func record(_ posting: Posting, in room: String, status: Int) -> String {
        let id = MessageID.random()
        // A thread reply is not shown in the channel; a reply to an unknown parent is not shown at all.
        let isVisible = posting.message.threadID.map { store.contains(id: $0) } ?? true
        let recorded = RecordedMessage(
            sequence: store.nextSequence, id: id, room: room, message: posting.message, request: posting.request,
            body: posting.raw, profile: profile, status: posting.recordedStatus ?? status, isVisible: isVisible)
        store.append(recorded, id: id)
        return id
    }

    private func document(_ posting: Posting, _ room: String, _ id: String) -> JSONValue {
        let message = posting.message
        return .object([
            "_id": .string(id), "rid": .string(room), "msg": .string(message.text),
            "alias": .string(message.alias ?? "Alertmanager"), "parseUrls": .bool(message.parsesURLs),
            "groupable": .bool(false), "attachments": .array(message.keptAttachments),
            "ts": .string(Clock.iso8601(milliseconds: posting.request.receivedAt)),
            "u": .object([
                "_id": .string("rocket.cat"), "username": .string("rocket.cat"), "name": .string("Rocket.Cat"),
            ]),
            "md": .array([]),
        ])
    }
}
