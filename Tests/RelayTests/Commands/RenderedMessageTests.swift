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

    @Test func markupIsResolved() {
        let field = Message.Field(title: "Runbook", value: "[wiki](https://wiki.example.com/a)", isShort: true)
        let block = Message.Attachment(color: "#D40E0D", title: "Alert", text: "a\\_b `c`", fields: [field])
        let message = Message(text: "*2 firing* <https://am.example.com|Alertmanager>", attachments: [block])
        let rendered = [RenderedMessage(room: "critical", message: message)]
        let page = RenderedMessage.print(rendered, as: .html)
        #expect(page.contains("<strong>2 firing</strong>") && page.contains("a_b <code>c</code>"))
        #expect(page.contains(#"<a href="https://wiki.example.com/a""#) && page.contains("fill=\"#D40E0D\""))
        #expect(
            RenderedMessage.print(rendered, as: .text) == """
                #critical
                  2 firing Alertmanager [1]
                  ┃ [red] Alert
                  ┃ a_b c
                  ┃   Runbook: wiki [2]

                  [1] https://am.example.com
                  [2] https://wiki.example.com/a

                """)
    }
}
