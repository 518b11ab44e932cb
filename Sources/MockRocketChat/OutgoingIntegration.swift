import Support

/// An outgoing webhook as an administrator configures it: event "Message Sent", trigger words, URL and token.
struct OutgoingIntegration: Equatable, Sendable {
    var url: String
    var token: String
    /// The beginnings of messages that are sent on; empty for all messages.
    var triggers = ["!silence", "!unsilence", "!alerts", "!help"]
    /// How often a failed call is repeated ("Retry Failed Url Calls").
    var retries = 0
    /// The server's setting Site_Url.
    var siteURL = "https://chat.example.com"
    /// Set by a response with status 410.
    var isDisabled = false

    init(_ json: JSONValue) throws(OutgoingError) {
        guard let url = json["url"]?.stringValue, let token = json["token"]?.stringValue else {
            throw OutgoingError(reason: "url and token are required")
        }
        self.url = url
        self.token = token
        triggers = json["triggers"]?.elements?.map(\.coercedToString) ?? triggers
        retries = min(max(0, json["retries"]?.intValue ?? 0), 6)
        siteURL = json["siteUrl"]?.stringValue ?? siteURL
    }

    /// The body for a message; nil if no trigger word begins its text.
    func body(for message: TypedMessage) -> [UInt8]? {
        guard !isDisabled else { return nil }
        let word = triggers.first { message.text.hasPrefix($0) }
        guard triggers.isEmpty || word != nil else { return nil }
        var members: [JSONValue.Member] = []
        func add(_ name: String, _ value: JSONValue?) {
            if let value { members.append(.init(name: name, value: value)) }
        }
        add("token", .string(token))
        add("bot", message.bot ?? .bool(false))
        add("trigger_word", word.map { .string($0) })
        add("channel_id", .string(TypedMessage.channelID(of: message.room)))
        add("channel_name", .string(message.room))
        add("message_id", .string(message.id))
        add("timestamp", .string(Clock.iso8601(milliseconds: message.sentAt)))
        add("user_id", .string("id-of-\(message.user)"))
        add("user_name", .string(message.user))
        add("text", .string(message.text))
        add("siteUrl", .string(siteURL))
        add("alias", message.alias.map { .string($0) })
        add("isEdited", message.isEdited ? .bool(true) : nil)
        add("tmid", message.threadID.map { .string($0) })
        return JSONValue.object(members).bytes
    }
}

struct OutgoingError: Error {
    var reason: String
}

/// A message that a person types, or an integration posts, in a room.
struct TypedMessage: Equatable, Sendable {
    var id = MessageID.random()
    var room: String
    var user: String
    var text: String
    var alias: String?
    var threadID: String?
    /// `{"i": …}` for a message of an integration.
    var bot: JSONValue?
    var isEdited = false
    /// Milliseconds since 1970.
    var sentAt = Clock.now

    init(room: String, user: String, text: String) {
        self.room = room
        self.user = user
        self.text = text
    }

    init(_ json: JSONValue) throws(OutgoingError) {
        guard let room = json["room"]?.stringValue, let user = json["user"]?.stringValue,
            let text = json["text"]?.stringValue
        else { throw OutgoingError(reason: "room, user and text are required") }
        self.init(room: room, user: user, text: text)
        id = json["id"]?.stringValue ?? id
        alias = json["alias"]?.stringValue
        threadID = json["tmid"]?.stringValue
        bot = json["bot"]
        isEdited = json["isEdited"]?.boolValue ?? false
    }

    /// Rooms have no ids of their own in the mock.
    static func channelID(of room: String) -> String { "id-of-\(room)" }
}

/// A call of an outgoing webhook, for `GET /outgoing`.
struct OutgoingCall: Sendable {
    var body: [UInt8]
    /// 0 if there was no response.
    var status = 0
    var answer: [UInt8] = []
    /// What became of the answer: `posted`, `nothing to post`, or an error.
    var outcome = "waiting"

    var json: JSONValue {
        .object([
            "body": .string(String(decoding: body, as: UTF8.self)), "status": .number(status),
            "answer": .string(String(decoding: answer, as: UTF8.self)), "outcome": .string(outcome),
        ])
    }
}

extension RocketChat {
    /// Records what a person types. Returns the recorded message's number.
    mutating func record(_ message: TypedMessage) {
        var members: [JSONValue.Member] = [
            .init(name: "text", value: .string(message.text)),
            .init(name: "alias", value: .string(message.alias ?? message.user)),
        ]
        if let thread = message.threadID { members.append(.init(name: "tmid", value: .string(thread))) }
        append(HookMessage(.object(members)), in: message.room, id: message.id, body: JSONValue.object(members).bytes)
    }

    /// Posts the response of an outgoing webhook as its integration's user. Returns the posted message, or why there is
    /// none.
    mutating func post(answer: [UInt8], to question: TypedMessage) -> Result<TypedMessage, OutgoingError> {
        guard !answer.isEmpty, let json = try? JSONParser.parse(answer), json.members != nil else {
            return .failure(OutgoingError(reason: "the response is no JSON object"))
        }
        let message = HookMessage(json)
        guard !message.text.isEmpty || !message.attachments.isEmpty else {
            return .failure(OutgoingError(reason: "nothing to post"))
        }
        if let violation = message.violation(profile: profile, integration: Integration(), textLimit: textLimit) {
            return .failure(OutgoingError(reason: violation))
        }
        var posted = TypedMessage(room: message.channels.first ?? question.room, user: "rocket.cat", text: message.text)
        posted.bot = .object(["i": .string("outgoing")])
        append(message, in: posted.room, id: posted.id, body: answer)
        return .success(posted)
    }

    private mutating func append(_ message: HookMessage, in room: String, id: String, body: [UInt8]) {
        let request = IncomingWebhook(
            method: .post, hook: room, token: "", target: "", contentType: "application/json", body: body, client: "",
            receivedAt: Clock.now)
        let recorded = RecordedMessage(
            sequence: store.nextSequence, id: id, room: room, message: message, request: request, body: body,
            profile: profile, status: 200, isVisible: message.threadID.map { store.contains(id: $0) } ?? true)
        store.append(recorded, id: id)
    }
}
