import ChatMarkup
import Support

/// Drawings of recorded messages, for a page and for a terminal.
enum Transcript {
    static func text(of recorded: RecordedMessage, profile: ServerProfile) -> String {
        guard let entry = try? JSONParser.parse(recorded.json) else { return "" }
        return text(of: entry, profile: profile)
    }

    static func text(of entry: JSONValue, profile: ServerProfile) -> String {
        let message = ChatMessage(entry)
        var headline = ["#\(message.room)", message.time ?? ""]
        headline += [entry["emoji"], entry["alias"]].map(\.shown).filter { !$0.isEmpty }
        if message.isHidden { headline.append("(hidden: the thread's parent is unknown)") }
        return MessageText.string(message, headline: headline.joined(separator: "  "), grammar: profile.grammar)
    }

    /// The messages with their HTML as a JSON array, for the page's script.
    static func drawn(_ messages: [RecordedMessage], profile: ServerProfile) -> [UInt8] {
        var writer = JSONWriter()
        writer.array(messages) { writer, message in
            let entry = (try? JSONParser.parse(message.json)) ?? .null
            writer.object { writer in
                writer.key("seq")
                writer.integer(message.sequence)
                writer.key("room")
                writer.string(entry["room"].shown)
                writer.key("html")
                writer.string(MessageHTML.article(ChatMessage(entry), grammar: profile.grammar))
            }
        }
        return writer.bytes + [UInt8(ascii: "\n")]
    }
}

extension ChatMessage {
    /// The message of an entry of `GET /messages`.
    fileprivate init(_ entry: JSONValue) {
        let received = entry["receivedAt"]?.intValue ?? 0
        let details = [
            Clock.iso8601(milliseconds: received), "#\(entry["seq"].shown)", "answered \(entry["answered"].shown)",
        ]
        self.init(
            room: entry["room"].shown, sender: entry["alias"].map(\.coercedToString) ?? "Alertmanager",
            emoji: entry["emoji"]?.stringValue, time: Clock.time(milliseconds: received),
            details: details.joined(separator: " · "), text: entry["text"].shown,
            attachments: HookMessage(entry["body"] ?? .null).keptAttachments.map(Attachment.init),
            isHidden: entry["visible"] == .bool(false))
    }
}

extension ChatMessage.Attachment {
    fileprivate init(_ value: JSONValue) {
        func text(_ key: String) -> String? { value[key].shown.isEmpty ? nil : value[key].shown }
        self.init(
            color: text("color"), author: text("author_name"), pretext: text("pretext"), title: text("title"),
            titleLink: text("title_link"), text: text("text") ?? text("msg"), imageURL: text("image_url"),
            fields: (value["fields"]?.elements ?? []).map { field in
                ChatMessage.Field(
                    title: field["title"].shown, value: field["value"].shown,
                    isShort: field["short"]?.isTruthy ?? false)
            },
            buttons: (value["actions"]?.elements ?? []).map { action in
                ChatMessage.Button(
                    text: action["text"].shown, url: action["url"].shown, command: action["msg"]?.stringValue)
            },
            isCollapsed: value["collapsed"]?.isTruthy ?? false)
    }
}

extension JSONValue? {
    /// The value as a client shows it. Null is nothing.
    fileprivate var shown: String {
        map { $0 == .null ? "" : $0.coercedToString } ?? ""
    }
}
