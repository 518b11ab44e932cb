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
        #"{"color":1}"#, #"{"collapsed":"no"}"#, #"{"fields":{}}"#, #"{"title":1}"#, #"{"text":[]}"#, #"{"ts":true}"#,
        #"{"title_link":1}"#, #"{"image_size":"1"}"#, #"{"actions":{}}"#, #"{"actions":[{"is_webview":"x"}]}"#,
        #"{"fields":[{"title":"a","value":"b","short":"true"}]}"#, #"{"fields":[{"title":1,"value":"b"}]}"#,
        #"{"fields":[{"title":"a","value":{}}]}"#, #"{"fields":["x"]}"#, #""text""#, "null",
    ])
    func aWrongTypeIsAMatchError(attachment: String) throws {
        for profile in ServerProfile.allCases {
            #expect(try violation(attachment, profile)?.hasPrefix("Match error:") == true)
        }
    }

    @Test(arguments: [
        #"{"title":"a","value":""}"#, #"{"title":"a","value":0}"#, #"{"title":"a","value":false}"#,
        #"{"title":"a","value":null}"#, #"{"title":"a"}"#, #"{"title":"","value":"b"}"#, #"{"value":"b"}"#,
    ])
    func emptyFieldsAreRefusedSince8(field: String) throws {
        for profile in ServerProfile.allCases {
            let expected =
                [.h80, .h86].contains(profile) ? "Invalid attachment field, title and value is required" : nil
            #expect(try violation("{\"fields\":[\(field)]}", profile) == expected)
        }
    }
}
