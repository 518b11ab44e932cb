import Testing

@testable import MockRocketChat

/// The golden cases of docs/rocketchat.md section 3.7 A.
@Suite
struct MarkupTests {
    @Test(arguments: [
        ("*b* **b**", [Markup.bold("b"), .bold("b")]), ("_i_ __i__", [.italic("i"), .italic("i")]),
        ("~s~", [.strike("s")]), ("2*3*4", [.bold("3")]), ("__name__", [.italic("name")]),
        ("*a _b_*", [.bold("a _b_"), .italic("b")]), ("`a*b*`", [.code("a*b*")]), ("**a*b**", [.bold("a*b")]),
        ("@all @bob", [.mention("all"), .mention("bob")]), ("(@all)", [.mention("all")]), ("\\@all", [.mention("all")]),
        ("see #ops", [.channel("ops")]), (":fire:", [.emoji("fire")]), ("color:#ff0000", [.color("ff0000")]),
        ("<t:1700000000:R>", [.timestamp("1700000000:R")]), ("https://x.y/a b", [.url("https://x.y/a")]),
        ("\\(foo\\) \\[bar\\]", [.math("foo"), .math("bar")]), ("||s||", [.spoiler("s")]),
        ("# H\ntext", [.heading("H")]), ("> q", [.quote(" q")]),
        ("- a\n* b\n1. c", [.listItem("a"), .listItem("b"), .listItem("c")]),
        ("```\na *b*\n```", [.fence("a *b*")]), ("```swift\nx\n```\n*y*", [.fence("x"), .bold("y")]),
        ("<https://x/|a*b*>", [.link(label: "a*b*", url: "https://x/")]),
    ])
    func markupIsFound(text: String, elements: [Markup]) {
        #expect(Markup.elements(in: text) == elements)
    }

    @Test(arguments: [
        "node_cpu_seconds", "\\*a\\*", "\\_a\\_", "\\~a\\~", "\\`a\\`", "a\\#b", "@\u{200B}all", "#\u{200B}ops", "a@b",
        ":\u{200B}fire:", "\\\u{200B}(foo\\\u{200B})", "\u{200B}# H", "\u{200B}> q", "\u{200B}- a", "*a\nb*",
        "FIRING:2",
        "[g](/relative)", "```\n```", "<b>x</b>", "a | b", "\u{FF3B}x](http)",
    ])
    func plainTextHasNoMarkup(text: String) {
        #expect(Markup.elements(in: text) == [])
    }

    @Test func labelStartsAtTheFirstBracketAndSpansLines() {
        let elements = Markup.elements(in: "[FIRING:2] Foo\n[link](http://x)")
        #expect(elements == [.link(label: "FIRING:2] Foo\n[link", url: "http://x")])
    }

    @Test(arguments: ["[g](http://x y)", "[g](http://x|y)"])
    func invalidLinkIsAtMostABareURL(text: String) {
        #expect(Markup.elements(in: text) == [.url("http://x")])
    }

    @Test func zeroWidthSpaceDoesNotPreventEmphasis() {
        #expect(Markup.elements(in: "*\u{200B}a*") == [.bold("\u{200B}a")])
    }

    @Test func backslashInsideEmphasisDoesNotEscape() {
        #expect(Markup.elements(in: "*a\\*b*").first == .bold("a\\"))
    }

    @Test func onlyVersion8ClosesAnOpenFence() {
        #expect(Markup.elements(in: "```\n@all", profile: .h80) == [.fence("@all")])
        #expect(Markup.elements(in: "```\n@all", profile: .legacy) == [.mention("all")])
    }
}
