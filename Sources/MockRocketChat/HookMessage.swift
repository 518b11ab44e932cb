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

    init(_ body: JSONValue) {
        text = (Self.firstTruthy(body, "text", "msg")?.coercedToString ?? "").trimmed
        alias = Self.firstTruthy(body, "username", "alias")?.coercedToString
        avatar = Self.firstTruthy(body, "icon_url", "avatar")?.coercedToString
        emoji = Self.firstTruthy(body, "icon_emoji", "emoji")?.coercedToString
        let channel = Self.firstTruthy(body, "channel", "roomId") ?? .array([])
        channels = (channel.elements ?? [channel]).map(\.coercedToString)
        attachments = body["attachments"]?.elements ?? []
        // Previews are on unless the body has an `attachments` key; even an empty list turns them off.
        parsesURLs = body["parseUrls"]?.boolValue ?? !(body["attachments"]?.isTruthy ?? false)
        threadID = body["tmid"]?.stringValue
        wantsSeparateResponse = body["separateResponse"] == .bool(true)
    }

    /// The saved attachments. Rocket.Chat treats one with `message_link` as a quote and removes it.
    var keptAttachments: [JSONValue] {
        attachments.filter { !($0["message_link"]?.isTruthy ?? false) }
    }

    private static func firstTruthy(_ body: JSONValue, _ names: String...) -> JSONValue? {
        names.lazy.compactMap { body[$0] }.first { $0.isTruthy }
    }
}

// MARK: Checks

extension HookMessage {
    /// Message_MaxAllowedSize counts JavaScript characters, that is UTF-16 code units.
    var textLength: Int { text.utf16.count }

    /// The error of `sendMessage` that does not depend on the room; nil if there is none.
    func violation(profile: ServerProfile, integration: Integration, textLimit: Int) -> String? {
        if profile.limitsTextSize && textLength > textLimit { return "error-message-size-exceeded" }
        if (alias != nil || avatar != nil) && !integration.mayImpersonate { return "Not enough permission" }
        if let avatar, !AttachmentRules.isURL(avatar), !avatar.hasPrefix("/") { return "Invalid href value provided" }
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
