import Testing

@testable import MockRocketChat

/// Sections 3.1, 3.3 and 3.4 of docs/rocketchat.md.
@Suite
struct HookMessageTests {
    private func message(_ body: String) throws -> HookMessage { HookMessage(try json(body)) }

    private func violation(
        text: String, _ profile: ServerProfile = .h80, _ integration: Integration = Integration()
    ) -> String? {
        HookMessage(.object(["text": .string(text)])).violation(
            profile: profile, integration: integration, textLimit: 5000)
    }

    @Test(arguments: [
        (#"{"text":"  a\n "}"#, "a"), (#"{"text":"\u00a0\ufeffa\u2028"}"#, "a"), (#"{"text":"","msg":"b"}"#, "b"),
        (#"{"text":5}"#, "5"), (#"{"text":null}"#, ""), (#"{"text":["a","b"]}"#, "a,b"),
        (#"{"text":{"a":1}}"#, "[object Object]"),
        (#"{"text":"\u200ba"}"#, "\u{200B}a"), (#"{"blocks":[]}"#, ""),
    ])
    func textIsTrimmedAndConvertedToAString(body: String, text: String) throws {
        #expect(try message(body).text == text)
    }

    @Test(arguments: [(5000, 0), (0, 2500), (4998, 1)])
    func textAtTheLimitIsAccepted(letters: Int, emoji: Int) {
        let text = String(repeating: "a", count: letters) + String(repeating: "🔥", count: emoji)
        #expect(violation(text: text) == nil)
    }

    @Test(arguments: [(5001, 0), (0, 2501), (4999, 1)])
    func textAboveTheLimitIsRefusedSince78(letters: Int, emoji: Int) {
        let text = String(repeating: "a", count: letters) + String(repeating: "🔥", count: emoji)
        for profile in ServerProfile.allCases {
            let isLimited = [.h79, .h80, .h86, .h90].contains(profile)
            #expect(violation(text: text, profile) == (isLimited ? "error-message-size-exceeded" : nil))
        }
    }

    @Test func surroundingSpaceDoesNotCount() {
        #expect(violation(text: String(repeating: "a", count: 5000) + "   ") == nil)
    }

    @Test func attachmentTextMayHaveAnySize() throws {
        let body = JSONValue.object([
            "text": .string("x"),
            "attachments": .array([.object(["text": .string(String(repeating: "a", count: 100_000))])]),
        ])
        #expect(HookMessage(body).violation(profile: .h80, integration: Integration(), textLimit: 5000) == nil)
    }

    @Test(arguments: [
        (#"{"text":"x"}"#, true), (#"{"attachments":[]}"#, false), (#"{"attachments":null}"#, true),
        (#"{"parseUrls":false}"#, false), (#"{"parseUrls":true,"attachments":[{}]}"#, true),
        (#"{"attachments":"text"}"#, true), (#"{"attachments":{}}"#, true), (#"{"parseUrls":null}"#, true),
    ])
    func previewsAreOnWithoutAttachmentsKey(body: String, parsesURLs: Bool) throws {
        #expect(try message(body).parsesURLs == parsesURLs)
    }

    @Test func anAttachmentWithAMessageLinkIsNotKept() throws {
        let message = try message(#"{"attachments":[{"message_link":"https://x/?msg=1"},{"text":"a"}]}"#)
        #expect(message.keptAttachments == [.object(["text": .string("a")])])
    }

    @Test func attachmentsThatAreNotAnArrayAreIgnored() throws {
        for value in [#"{"text":"a"}"#, #""text""#, "1", "true", "null"] {
            let message = try message("{\"text\":\"x\",\"attachments\":\(value)}")
            #expect(message.attachments.isEmpty && message.text == "x")
            #expect(message.violation(profile: .h80, integration: Integration(), textLimit: 5000) == nil)
        }
    }

    @Test(arguments: [
        (#"{"tmid":1}"#, "Match error: Match error: Expected string, got number in field tmid"),
        (#"{"tmid":false}"#, "Match error: Match error: Expected string, got boolean in field tmid"),
        (#"{"username":5}"#, "Match error: Match error: Expected string, got number in field alias"),
        (#"{"alias":["a"]}"#, "Match error: Match error: Expected string, got object in field alias"),
        (#"{"icon_emoji":{"a":1}}"#, "Match error: Match error: Expected string, got object in field emoji"),
        (#"{"avatar":["a"]}"#, "Match error: Match error: Match error: Expected string, got object in field avatar"),
        (#"{"icon_url":"x"}"#, "Invalid href value provided"),
    ])
    func wrongTypeIsRefused(body: String, error: String) throws {
        for profile in ServerProfile.allCases {
            let violation = try message(body).violation(
                profile: profile, integration: Integration(), textLimit: 5000)
            #expect(violation == error)
        }
    }

    /// Numbers and booleans are neither an avatar nor an emoji, and null is no value of any key.
    @Test(arguments: [#"{"emoji":5}"#, #"{"avatar":true}"#, #"{"tmid":null}"#, #"{"alias":null}"#, #"{"emoji":[]}"#])
    func valueThatDoesNotCountIsIgnored(body: String) throws {
        let message = try message(body)
        #expect(message.violation(profile: .h80, integration: Integration(), textLimit: 5000) == nil)
        #expect(message.emoji == nil && message.avatar == nil && message.alias == nil)
    }

    @Test(arguments: [#"{"alias":"A"}"#, #"{"username":"A"}"#, #"{"avatar":"https://x/"}"#, #"{"icon_url":"/x"}"#])
    func aliasAndAvatarNeedAPermission(body: String) throws {
        var integration = Integration()
        let message = try message(body)
        #expect(message.violation(profile: .h80, integration: integration, textLimit: 5000) == nil)
        integration.mayImpersonate = false
        #expect(message.violation(profile: .h80, integration: integration, textLimit: 5000) == "Not enough permission")
        #expect(
            try self.message(#"{"emoji":":fire:"}"#).violation(profile: .h80, integration: integration, textLimit: 5000)
                == nil)
    }

    // MARK: Mentions

    @Test(arguments: [
        ("@all", true, true), ("a @here!", true, true), (">@all", true, true), ("x@all", false, false),
        ("@\u{200B}all", false, false), ("@allow", false, false), ("(@all)", false, true), ("\\@all", false, true),
        ("`@all`", false, false), ("` @all `", true, false), ("a ` @all", true, true),
        ("```\n@all\n```", true, false), ("```\nx\n```\n@all", true, true), ("@all.", true, true),
    ])
    func mentionsOfEveryoneFollowTheProfile(text: String, before: Bool, since8: Bool) {
        for profile in ServerProfile.allCases {
            let expected = [.h80, .h86, .h90].contains(profile) ? since8 : before
            #expect((violation(text: text, profile) == "error-action-not-allowed") == expected, "\(profile)")
        }
    }

    @Test func mentionedNamesAreListedInOrder() {
        #expect(MentionRules.mentions(in: "hi @bob, @eve-1 x@no @\u{200B}no", profile: .h80) == ["bob", "eve-1"])
    }

    @Test func aUserWithThePermissionMayNotifyEveryone() {
        var integration = Integration()
        integration.mayMentionAll = true
        #expect(violation(text: "@all", .h80, integration) == nil)
    }
}
