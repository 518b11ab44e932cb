import Testing

@testable import MockRocketChat

/// Section 3.2 of docs/rocketchat.md.
@Suite
struct AttachmentRulesTests {
    private func violation(_ attachment: String, _ profile: ServerProfile = .h80) throws -> String? {
        AttachmentRules(profile: profile).violation(in: [try json(attachment)])
    }

    @Test func completeAttachmentIsAccepted() throws {
        let attachment = #"""
            {"color":"#D40E0D","title":"t","title_link":"https://x/","text":"t","ts":1,"collapsed":false,"unknown":[],
             "image_url":"/file-upload/x","thumb_url":"data:x","author_name":null,
             "fields":[{"short":true,"title":"a","value":"b"},{"title":"n","value":1}],
             "actions":[{"type":"button","text":"x","url":"https://x/"}]}
            """#
        #expect(try violation(attachment) == nil)
    }

    @Test(arguments: ["", "HTTP://x/", "Https://x/", "ftp://x/", "javascript:alert(1)", "x/y", "//x/", " https://x/"])
    func onlyLowerCaseWebURLsAreAccepted(url: String) throws {
        for key in ["title_link", "image_url", "thumb_url", "author_link", "author_icon", "message_link"] {
            #expect(try violation("{\"\(key)\":\"\(url)\"}") == "Invalid href value provided")
        }
    }

    @Test(arguments: [
        (#"{"color":1}"#, "Expected string, got number in field color"),
        (#"{"collapsed":"no"}"#, "Expected boolean, got string in field collapsed"),
        (#"{"fields":{}}"#, "Expected array, got {} in field fields"),
        (#"{"actions":"a"}"#, #"Expected array, got "a" in field actions"#),
        (#"{"text":[]}"#, "Expected string, got object in field text"),
        (#"{"ts":true}"#, "Failed Match.OneOf, Match.Maybe or Match.Optional validation in field ts"),
        (#"{"title_link":1}"#, "Match error: Expected string, got number in field title_link"),
        (#"{"image_size":"1"}"#, "Expected number, got string in field image_size"),
        (#"{"image_dimensions":[]}"#, "Expected plain object in field image_dimensions"),
        (#"{"actions":[{"is_webview":"x"}]}"#, "Expected boolean, got string in field is_webview"),
        (
            #"{"fields":[{"title":"a","value":"b","short":"true"}]}"#,
            "Expected boolean, got string in field short"
        ),
        (#"{"fields":[{"title":1,"value":"b"}]}"#, "Expected string, got number in field title"),
        (
            #"{"fields":[{"title":"a","value":{}}]}"#,
            "Failed Match.OneOf, Match.Maybe or Match.Optional validation in field value"
        ),
    ])
    func aWrongTypeIsAMatchError(attachment: String, error: String) throws {
        for profile in ServerProfile.allCases {
            #expect(try violation(attachment, profile) == "Match error: Match error: " + error)
        }
    }

    @Test(arguments: [#""text""#, "1", "true", "[]", "[{}]"])
    func attachmentThatIsNotAnObjectIsAccepted(attachment: String) throws {
        #expect(try violation(attachment) == nil)
    }

    @Test(arguments: [("null", "msg"), (#"{"fields":[null]}"#, "short"), (#"{"actions":[null]}"#, "type")])
    func nullIsAnErrorOfJavaScript(attachment: String, key: String) throws {
        #expect(try violation(attachment) == "Cannot read properties of null (reading '\(key)')")
    }

    @Test func fieldThatIsNotAnObjectIsRefusedSince8() throws {
        #expect(try violation(#"{"fields":["x"]}"#, .h79) == nil)
        #expect(
            try violation(#"{"fields":["x"]}"#, .h80) == "Invalid attachment field, title and value is required")
    }

    @Test(arguments: [
        #"{"title":"a","value":""}"#, #"{"title":"a","value":0}"#, #"{"title":"a","value":false}"#,
        #"{"title":"a","value":null}"#, #"{"title":"a"}"#, #"{"title":"","value":"b"}"#, #"{"value":"b"}"#,
    ])
    func emptyFieldsAreRefusedSince8(field: String) throws {
        for profile in ServerProfile.allCases {
            let expected =
                [.h80, .h86, .h90].contains(profile) ? "Invalid attachment field, title and value is required" : nil
            #expect(try violation("{\"fields\":[\(field)]}", profile) == expected)
        }
    }
}
