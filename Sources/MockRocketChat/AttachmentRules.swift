/// The checks that `sendMessage` makes on attachments (docs/rocketchat.md section 3.2); a message with one bad
/// attachment is refused whole.
struct AttachmentRules {
    let profile: ServerProfile

    private static let attachmentKeys: KeyValuePairs<String, MatchPattern> = [
        "color": .string, "text": .string, "ts": .stringOrNumber, "thumb_url": .url, "button_alignment": .string,
        "actions": .array, "message_link": .url, "collapsed": .boolean, "author_name": .string, "author_link": .url,
        "author_icon": .url, "title": .string, "title_link": .url, "title_link_download": .boolean,
        "image_dimensions": .object, "image_url": .url, "image_preview": .string, "image_type": .string,
        "image_size": .number, "audio_url": .url, "audio_type": .string, "audio_size": .number, "video_url": .url,
        "video_type": .string, "video_size": .number, "fields": .array,
    ]

    private static let fieldKeys: KeyValuePairs<String, MatchPattern> = [
        "short": .boolean, "title": .string, "value": .stringNumberOrBoolean,
    ]

    private static let actionKeys: KeyValuePairs<String, MatchPattern> = [
        "type": .string, "text": .string, "url": .url, "image_url": .url, "is_webview": .boolean,
        "webview_height_ratio": .string, "msg": .string, "msg_in_chat_window": .boolean,
    ]

    /// The error for the first violation; nil if there is none.
    func violation(in attachments: [JSONValue]) -> String? {
        // `msg` of each attachment is renamed before any check.
        if attachments.contains(.null) { return Self.readingNull("msg") }
        return attachments.lazy.compactMap(violation(inAttachment:)).first
    }

    /// Values that are not objects have none of the keys, so they pass.
    private func violation(inAttachment attachment: JSONValue) -> String? {
        MatchPattern.violation(of: Self.attachmentKeys, in: attachment)
            ?? attachment["fields"]?.elements?.lazy.compactMap(violation(inField:)).first
            ?? attachment["actions"]?.elements?.lazy.compactMap(Self.violation(inAction:)).first
    }

    private func violation(inField field: JSONValue) -> String? {
        if field == .null { return Self.readingNull("short") }
        if let violation = MatchPattern.violation(of: Self.fieldKeys, in: field) { return violation }
        let isComplete = field["title"]?.isTruthy == true && field["value"]?.isTruthy == true
        return profile.refusesEmptyFields && !isComplete
            ? "Invalid attachment field, title and value is required" : nil
    }

    private static func violation(inAction action: JSONValue) -> String? {
        action == .null ? readingNull("type") : MatchPattern.violation(of: actionKeys, in: action)
    }

    /// The message of JavaScript's error.
    private static func readingNull(_ key: String) -> String {
        "Cannot read properties of null (reading '\(key)')"
    }
}
