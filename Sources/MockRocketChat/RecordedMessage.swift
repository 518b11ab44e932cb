/// A message that was posted to a room.
struct RecordedMessage: Sendable {
    var sequence: Int
    var hook: String
    /// The entry of `GET /messages` as JSON.
    var json: [UInt8]

    /// - Parameters:
    ///   - room: the hook's id, or the channel that the body requests.
    ///   - body: the posted JSON as received; nil if the body is not a JSON object.
    ///   - status: the response's status; 0 if there is no response.
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
        // Decoded and encoded again, so that invalid UTF-8 from a client does not make the listing invalid.
        json +=
            body.map { Array(String(decoding: $0, as: UTF8.self).utf8) }
            ?? JSONValue.string(String(decoding: request.body, as: UTF8.self)).bytes
        json.append(UInt8(ascii: "}"))
    }
}
