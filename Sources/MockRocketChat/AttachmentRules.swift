/// The checks that `sendMessage` makes on attachments (docs/rocketchat.md section 3.2); a message with one bad
/// attachment is refused whole.
struct AttachmentRules {
    let profile: ServerProfile

    private enum Kind {
        case string, stringOrNumber, number, boolean, array, object, url

        func accepts(_ value: JSONValue) -> Bool {
            switch (self, value) {
            case (.string, .string), (.stringOrNumber, .string), (.url, .string): true
            case (.stringOrNumber, .number), (.number, .number): true
            case (.boolean, .bool), (.array, .array), (.object, .object): true
            default: false
            }
        }

        var name: String {
            switch self {
            case .string, .stringOrNumber, .url: "string"
            case .number: "number"
            case .boolean: "boolean"
            case .array: "array"
            case .object: "object"
            }
        }
    }

    private static let attachmentKeys: KeyValuePairs<String, Kind> = [
        "color": .string, "text": .string, "ts": .stringOrNumber, "thumb_url": .url, "button_alignment": .string,
        "actions": .array, "message_link": .url, "collapsed": .boolean, "author_name": .string, "author_link": .url,
        "author_icon": .url, "title": .string, "title_link": .url, "title_link_download": .boolean,
        "image_dimensions": .object, "image_url": .url, "image_preview": .string, "image_type": .string,
        "image_size": .number, "audio_url": .url, "audio_type": .string, "audio_size": .number, "video_url": .url,
        "video_type": .string, "video_size": .number, "fields": .array,
    ]

    private static let actionKeys: KeyValuePairs<String, Kind> = [
        "type": .string, "text": .string, "url": .url, "image_url": .url, "is_webview": .boolean,
        "webview_height_ratio": .string, "msg": .string, "msg_in_chat_window": .boolean,
    ]

    /// The error for the first violation; nil if there is none.
    func violation(in attachments: [JSONValue]) -> String? {
        attachments.lazy.compactMap(violation(inAttachment:)).first
    }

    private func violation(inAttachment attachment: JSONValue) -> String? {
        guard case .object = attachment else {
            return "Match error: Expected object, got \(attachment.typeName)"
        }
        return Self.violation(of: Self.attachmentKeys, in: attachment)
            ?? attachment["fields"]?.elements?.lazy.compactMap(violation(inField:)).first
            ?? attachment["actions"]?.elements?.lazy.compactMap(Self.violation(inAction:)).first
    }

    private static func violation(of keys: KeyValuePairs<String, Kind>, in object: JSONValue) -> String? {
        for (key, kind) in keys {
            guard let value = object[key], value != .null else { continue }
            if !kind.accepts(value) { return mismatch(kind, value, key) }
            if kind == .url, let text = value.stringValue, !isURL(text) { return "Invalid href value provided" }
        }
        return nil
    }

    private static func mismatch(_ kind: Kind, _ value: JSONValue, _ key: String) -> String {
        "Match error: Expected \(kind.name), got \(value.typeName) in field \(key)"
    }

    /// Accepts lower-case schemes only, and refuses the empty string (issue #24099).
    static func isURL(_ text: String) -> Bool {
        ["http://", "https://", "data:", "/file-upload/"].contains { text.hasPrefix($0) }
    }

    private func violation(inField field: JSONValue) -> String? {
        guard case .object = field else { return "Match error: Expected object, got \(field.typeName)" }
        let title = field["title"] ?? .null
        let value = field["value"] ?? .null
        if profile.refusesEmptyFields && !(title.isTruthy && value.isTruthy) {
            return "Invalid attachment field, title and value is required"
        }
        if title != .null && !Kind.string.accepts(title) { return Self.mismatch(.string, title, "title") }
        switch value {
        case .array, .object:
            return "Match error: Failed Match.OneOf, Match.Maybe or Match.Optional validation in field value"
        case .null, .bool, .number, .string: break
        }
        let short = field["short"] ?? .null
        return short == .null || Kind.boolean.accepts(short) ? nil : Self.mismatch(.boolean, short, "short")
    }

    private static func violation(inAction action: JSONValue) -> String? {
        guard case .object = action else { return "Match error: Expected object, got \(action.typeName)" }
        return violation(of: actionKeys, in: action)
    }
}
