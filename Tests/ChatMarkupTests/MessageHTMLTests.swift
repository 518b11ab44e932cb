import Testing

@testable import ChatMarkup

@Suite
struct MessageHTMLTests {
    private func html(_ text: String) -> String {
        MessageHTML.article(ChatMessage(room: "ops", text: text))
    }

    @Test(arguments: [
        ("*b* _i_ ~s~ `c`", "<p><strong>b</strong> <em>i</em> <del>s</del> <code>c</code></p>"),
        ("<https://x.com/|a & b>", #"<a href="https://x.com/" target="_blank""#), ("a < b", "<p>a &lt; b</p>"),
        ("see example.com now", #"<a href="https://example.com""#), ("- a", "<ul><li>a</li></ul>"),
        ("3. a", #"<ol><li value="3">a</li></ol>"#), ("> q", "<blockquote><p>q</p></blockquote>"),
        ("```\n<b>\n```", "<pre><code>&lt;b&gt;</code></pre>"),
        ("@all", #"<span class="mention everyone">@all</span>"#),
        ("a :fire:", #"<span class="emoji" title=":fire:">🔥</span>"#), ("||a||", "tabindex=\"0\">a</span>"),
        ("# H", #"<p class="heading h1" role="heading" aria-level="3">H</p>"#),
        ("<t:1700000000:R>", "<time>2023-11-14 22:13:20 UTC</time>"), ("color:#f00", "fill=\"#f00\""),
        ("- [x] a", #"<li class="task"><input type="checkbox" disabled checked> a</li>"#),
        ("![x](http://e.com/a.png)", #"<a href="http://e.com/a.png""#),
    ])
    func markupIsResolved(text: String, expected: String) {
        #expect(html(text).contains(expected))
    }

    @Test(arguments: [
        "[x](javascript:alert(1))", "<data:text/html|x>", "[x](tel:1)", "mail@example.com", "localhost:80",
    ])
    func onlyWebAddressesAreLinked(text: String) {
        #expect(!html(text).contains("href="))
    }

    @Test func everyPartIsEscaped() {
        let hostile = #""><script>alert('1')</script>&"#
        let attachment = ChatMessage.Attachment(
            color: hostile, author: hostile, pretext: hostile, title: hostile, titleLink: "https://x/" + hostile,
            text: hostile, fields: [ChatMessage.Field(title: hostile, value: hostile)],
            buttons: [ChatMessage.Button(text: hostile, url: "https://x/" + hostile)])
        let message = ChatMessage(
            room: hostile, sender: hostile, emoji: hostile, time: hostile, details: hostile, text: hostile,
            attachments: [attachment])
        let page = ChatPage.html(title: hostile, sections: [(hostile, MessageHTML.article(message))])
        #expect(!page.contains("<script") && !page.contains(#""">"#) && !page.contains("edge\" viewBox"))
    }

    /// The status page's Content-Security-Policy forbids style attributes.
    @Test func messagesHaveNoStyleAttributes() {
        let attachment = ChatMessage.Attachment(color: "#D40E0D", title: "color:#f00", text: "color:#f00")
        let message = ChatMessage(room: "ops", text: "color:#f00", attachments: [attachment])
        #expect(!MessageHTML.article(message).contains("style="))
    }

    @Test func controlCharactersAreReplaced() {
        #expect(html("a\u{0}\u{1B}[31m\u{9B}").contains("a\u{FFFD}\u{FFFD}[31m\u{FFFD}"))
    }

    @Test func attachmentIsFoldedToItsTitle() {
        let open = ChatMessage.Attachment(color: "#D40E0D", title: "T", titleLink: "https://x.com/", text: "a\nb")
        var folded = open
        folded.isCollapsed = true
        let html = MessageHTML.article(ChatMessage(room: "ops", text: "x", attachments: [open, folded]))
        #expect(html.contains("<details open><summary") && html.contains("<details><summary"))
        #expect(html.contains(##"class="edge""##) && html.contains(##"fill="#D40E0D""##))
        #expect(html.contains("<p>a<br>b</p>"))
        #expect(html.contains(#"<a href="https://x.com/" target="_blank" rel="noopener noreferrer nofollow">T</a>"#))
    }

    @Test func fieldsAreDrawnInline() {
        let field = ChatMessage.Field(title: "*T*", value: "# a\nb", isShort: true)
        let attachment = ChatMessage.Attachment(fields: [field])
        let html = MessageHTML.article(ChatMessage(room: "ops", text: "", attachments: [attachment]))
        #expect(html.contains(#"<div class="field short"><b><strong>T</strong></b><div># a<br>b</div></div>"#))
    }

    @Test func emptyMessageSaysSo() {
        #expect(html("").contains("(an empty message)"))
    }

    @Test func pageNeedsNothingFromElsewhere() {
        let page = ChatPage.html(title: "Messages", sections: [("ops", html("![x](http://e.com/a.png)"))])
        for word in ["src=", "url(", "@import", "<link", "<script"] { #expect(!page.contains(word), "\(word)") }
        #expect(page.contains("prefers-color-scheme: dark") && page.contains("width=device-width"))
    }
}

@Suite
struct MessageTextTests {
    @Test func markupIsResolvedAndAddressesAreListed() {
        let attachment = ChatMessage.Attachment(
            color: "#D40E0D", title: "T", titleLink: "https://x.com/", text: "- a\\_b\n\n```\ncode\n```",
            fields: [ChatMessage.Field(title: "f", value: "v"), ChatMessage.Field(title: "g", value: "v\nw")],
            buttons: [ChatMessage.Button(text: "Silence", url: "https://x.com/s")])
        let text = "*b* [l](https://x.com/l) <https://x.com/|m> example.com +49-301234567\n# H\n> q\n1. a\n||s|| @all"
        let message = ChatMessage(room: "ops", text: text, attachments: [attachment])
        #expect(
            MessageText.string(message, headline: "#ops") == """
                #ops
                  b l [1] m [2] example.com +49-301234567
                  H
                  > q
                  1. a
                  s @all
                  ┃ [red] T [2]
                  ┃ • a_b
                  ┃     code
                  ┃   f: v
                  ┃   g:
                  ┃     v
                  ┃     w
                  ┃ (Silence) [3]

                  [1] https://x.com/l
                  [2] https://x.com/
                  [3] https://x.com/s

                """)
    }

    @Test func emptyMessageHasNoText() {
        #expect(MessageText.string(ChatMessage(room: "ops", text: ""), headline: "#ops") == "#ops\n  (no text)\n")
    }

    @Test func controlCharactersAreReplaced() {
        let text = MessageText.string(ChatMessage(room: "ops", text: "a\u{1B}[31m"), headline: "#ops")
        #expect(text == "#ops\n  a\u{FFFD}[31m\n")
    }

    @Test func tablesAndTasksAreDrawn() {
        let text = "| a | b |\n| - | - |\n| 1 | 2 |\n- [x] done\n- [ ] open\n---\nend"
        #expect(
            MessageText.string(ChatMessage(room: "ops", text: text), headline: "#ops", grammar: .v90) == """
                #ops
                  a │ b
                  1 │ 2
                  [x] done
                  [ ] open
                  ────────
                  end

                """)
    }

    @Test(arguments: [
        ("#D40E0D", "red"), ("#F5A623", "orange"), ("#FFD21F", "yellow"), ("#2DE0A5", "green"), ("#1D74F5", "blue"),
        ("#9B59B6", "purple"), ("#888888", "grey"), ("good", "good"),
    ])
    func colorsHaveNames(color: String, name: String) {
        #expect(ColorName.of(color) == name)
    }
}
