import Testing

@testable import Relay
@testable import RocketChat

/// The page that `relay render --format html` prints.
@Suite
struct RenderedMessageTests {
    /// The renderer escapes most of the markup for Rocket.Chat. The page must not rely on that.
    @Test func messageTextIsEscapedInThePage() {
        let hostile = "<script>alert(1)</script>\"'&"
        let field = Message.Field(title: hostile, value: hostile, isShort: true)
        let block = Message.Attachment(color: "#757575", title: hostile, text: hostile, fields: [field])
        let message = Message(text: hostile, attachments: [block])
        let page = RenderedMessage.print([RenderedMessage(room: "critical", message: message)], as: .html)
        #expect(page.hasPrefix("<!doctype html>"))
        #expect(!page.contains("<script"))
        #expect(page.split(separator: "&lt;script&gt;alert(1)&lt;/script&gt;&quot;").count == 6)
    }
}
