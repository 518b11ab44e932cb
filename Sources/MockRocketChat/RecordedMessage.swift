/// A message that appeared in a room, ready to be listed.
struct RecordedMessage: Sendable {
    var sequence: Int
    var hook: String
    /// The whole entry of `GET /messages` as JSON.
    var json: [UInt8]

    /// - Parameters:
    ///   - room: the hook's id, or the channel that the body asked for.
    ///   - body: the posted JSON as it came; nil where the message comes of something else.
    ///   - status: what is answered; 0 where the connection ends without an answer.
    init(
        sequence: Int, id: String, room: String, message: HookMessage, request: IncomingWebhook, body: [UInt8]?,
        profile: ServerProfile, status: Int, isVisible: Bool
    ) {
        self.sequence = sequence
        hook = request.hook
        var members: [JSONValue.Member] = []
        func add(_ name: String, _ value: JSONValue?) {
            if let value { members.append(.init(name: name, value: value)) }
        }
        add("seq", .number(sequence))
        add("hook", .string(request.hook))
        add("room", .string(room))
        add("id", .string(id))
        add("receivedAt", .number(request.receivedAt))
        add("connection", .string(request.client))
        add("contentType", request.contentType.map { .string($0) } ?? .null)
        add("overlapped", .bool(request.overlaps))
        add("answered", .number(status))
        add("text", .string(message.text))
        add("alias", message.alias.map { .string($0) })
        add("emoji", message.emoji.map { .string($0) })
        add("attachments", .number(message.keptAttachments.count))
        add("parseUrls", .bool(message.parsesURLs))
        add("mentions", .array(message.mentions(profile).map { .string($0) }))
        add("tmid", message.threadID.map { .string($0) })
        add("visible", .bool(isVisible))
        json = JSONValue.object(members).bytes
        json.removeLast()
        json += ",\"body\":".utf8
        // Decoded and encoded again, so that stray bytes of a client do not make the whole listing invalid.
        json +=
            body.map { Array(String(decoding: $0, as: UTF8.self).utf8) }
            ?? JSONValue.string(String(decoding: request.body, as: UTF8.self)).bytes
        json.append(UInt8(ascii: "}"))
    }
}
