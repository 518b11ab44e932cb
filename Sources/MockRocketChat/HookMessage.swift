/// A posted body as Rocket.Chat reads it (docs/rocketchat.md section 3.1).
struct HookMessage: Equatable, Sendable {
    var text: String
    var alias: String?
    var avatar: String?
    var emoji: String?
    /// The requested rooms; empty for the integration's own.
    var channels: [String]
    var attachments: [JSONValue]
    var parsesURLs: Bool
    var threadID: String?
    var wantsSeparateResponse: Bool

    /// The error for a value of a wrong type.
    private var mismatch: String?

    init(_ body: JSONValue) {
        text = (Self.firstTruthy(body, "text", "msg")?.coercedToString ?? "").trimmed
        let alias = Self.firstTruthy(body, "username", "alias")
        // Numbers and booleans do not count as a value of these keys. An avatar has priority over an emoji.
        let avatar = Self.hasContent(body, "icon_url", "avatar") ? Self.firstTruthy(body, "icon_url", "avatar") : nil
        let hasEmoji = avatar == nil && Self.hasContent(body, "icon_emoji", "emoji")
        let emoji = hasEmoji ? Self.firstTruthy(body, "icon_emoji", "emoji") : nil
        self.alias = alias?.coercedToString
        self.avatar = avatar?.coercedToString
        self.emoji = emoji?.coercedToString
        let channel = Self.firstTruthy(body, "channel", "roomId") ?? .array([])
        channels = (channel.elements ?? [channel]).map(\.coercedToString)
        let attachments = body["attachments"]
        self.attachments = attachments?.elements ?? []
        // Previews are on unless the body has a list of attachments, which may be empty. Only `false` turns them off.
        parsesURLs = body["parseUrls"].map { $0 != .bool(false) } ?? (attachments?.elements == nil)
        threadID = body["tmid"]?.stringValue
        wantsSeparateResponse = body["separateResponse"] == .bool(true)
        let checked = JSONValue.object([
            "alias": alias ?? .null, "emoji": emoji ?? .null, "tmid": body["tmid"] ?? .null, "avatar": avatar ?? .null,
        ])
        mismatch = MatchPattern.violation(
            of: ["alias": .string, "emoji": .string, "tmid": .string, "avatar": .partialURL], in: checked)
    }

    /// The saved attachments. Rocket.Chat treats one with `message_link` as a quote and removes it.
    var keptAttachments: [JSONValue] {
        attachments.filter { !($0["message_link"]?.isTruthy ?? false) }
    }

    private static func firstTruthy(_ body: JSONValue, _ names: String...) -> JSONValue? {
        names.lazy.compactMap { body[$0] }.first { $0.isTruthy }
    }

    /// Whether a value is a string, an array or an object that is not empty.
    private static func hasContent(_ body: JSONValue, _ names: String...) -> Bool {
        names.contains { name in
            switch body[name] {
            case .string(let text)?: !text.isEmpty
            case .array(let elements)?: !elements.isEmpty
            case .object(let members)?: !members.isEmpty
            default: false
            }
        }
    }
}

// MARK: Checks

extension HookMessage {
    /// Message_MaxAllowedSize counts JavaScript characters, that is UTF-16 code units.
    var textLength: Int { text.utf16.count }

    /// The error of `sendMessage` that does not depend on the room; nil if there is none.
    func violation(profile: ServerProfile, integration: Integration, textLimit: Int) -> String? {
        if profile.limitsTextSize && textLength > textLimit { return "error-message-size-exceeded" }
        if let mismatch { return mismatch }
        if (alias != nil || avatar != nil) && !integration.mayImpersonate { return "Not enough permission" }
        if let violation = AttachmentRules(profile: profile).violation(in: attachments) { return violation }
        if !integration.mayMentionAll && MentionRules.notifiesEveryone(mentions(profile)) {
            return "error-action-not-allowed"
        }
        return nil
    }

    func mentions(_ profile: ServerProfile) -> [String] {
        MentionRules.mentions(in: text, profile: profile)
    }
}
