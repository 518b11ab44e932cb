import Testing

@testable import RocketChat
@testable import Support

@Suite struct OutgoingWebhookTests {
    /// docs/CHATOPS.md: what Rocket.Chat 8.3 posts.
    private static let body = #"""
        {"token":"abcdefghijklmnopqrstuvwx","bot":false,"trigger_word":"!silence","channel_id":"GENERAL","channel_name":\#
        "alerts","message_id":"m1","timestamp":"2026-11-26T08:00:00.000Z","user_id":"u","user_name":"alice",\#
        "text":"!silence 3f2a9c 2h disk swap","siteUrl":"https://chat.example.com/"}
        """#

    private static func read(_ change: (String, String) = ("", "")) throws -> OutgoingWebhook {
        try OutgoingWebhook(Array((change.0.isEmpty ? body : body.replacing(change.0, with: change.1)).utf8))
    }

    @Test func fieldsAreRead() throws {
        let message = try Self.read()
        #expect(message.token == Secret("abcdefghijklmnopqrstuvwx") && !message.isFromBot && !message.isEdited)
        #expect(message.channelID == "GENERAL" && message.channelName == "alerts" && message.messageID == "m1")
        #expect(message.userName == "alice" && message.text == "!silence 3f2a9c 2h disk swap")
        #expect(message.threadID == nil)
        #expect(!"\(message)".contains("abcdef"))
    }

    @Test(arguments: [#""bot":true"#, #""bot":{"i":"x"}"#, #""bot":null"#, #""bot":"false""#, #""robot":false"#])
    func onlyFalseIsAPerson(bot: String) throws {
        #expect(try Self.read((#""bot":false"#, bot)).isFromBot)
    }

    @Test(arguments: ["token", "channel_id", "message_id", "user_name", "text"])
    func neededFieldIsNamed(field: String) {
        #expect(throws: OutgoingWebhook.Invalid.missing(field)) { try Self.read(("\"\(field)\":", "\"x\":")) }
        #expect(throws: OutgoingWebhook.Invalid.missing(field)) {
            try Self.read(("\"\(field)\":\"", "\"\(field)\":[],\"y\":\""))
        }
    }

    @Test(arguments: ["", "[]", "null", "{", "\"a\""]) func otherDocumentsAreInvalid(text: String) {
        #expect(throws: OutgoingWebhook.Invalid.notJSON) { try OutgoingWebhook(Array(text.utf8)) }
    }

    @Test(arguments: [
        ("https://chat.example.com/", "https://chat.example.com/channel/alerts?msg=m1"),
        ("https://chat.example.com/sub//", "https://chat.example.com/sub/channel/alerts?msg=m1"),
        ("javascript:alert(1)", nil), ("", nil), ("https://u:p@chat.example.com", nil), ("chat.example.com", nil),
    ])
    func linkNeedsASafeAddress(site: String, link: String?) throws {
        #expect(try Self.read((#""https://chat.example.com/""#, "\"\(site)\"")).link() == link)
    }

    @Test func configuredAddressReplacesTheStatedOne() throws {
        let message = try Self.read(("alerts", "a/b?c&d"))
        #expect(message.link(site: "https://x.example.com") == "https://x.example.com/channel/a%2Fb%3Fc%26d?msg=m1")
    }

    @Test func answerIsInTheThread() throws {
        let answer = String(decoding: try Self.read().answer("a \"b\""), as: UTF8.self)
        #expect(answer == #"{"text":"a \"b\"","tmid":"m1","parseUrls":false}"#)
        let threaded = try Self.read((#""message_id""#, #""tmid":"t1","message_id""#))
        #expect(String(decoding: threaded.answer("a"), as: UTF8.self).contains(#""tmid":"t1""#))
    }
}
