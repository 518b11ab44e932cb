import Testing

@testable import ChatMarkup

/// Cases of the grammar of `text` that the recorded strings lack.
@Suite
struct GrammarTests {
    private func blocks(_ text: String, _ grammar: TextGrammar = .v83) -> [MarkupBlock] {
        MarkupDocument(text, as: .text(grammar)).blocks
    }

    private func kinds(_ text: String, _ grammar: TextGrammar = .v83) -> [LiveConstruct.Kind] {
        MarkupDocument(text, as: .text(grammar)).constructs.map(\.kind)
    }

    @Test func fenceKeepsItsLines() {
        #expect(blocks("```\na *b*\n\nc\n```") == [.code("a *b*\n\nc")])
        #expect(blocks("```swift\nx\n```\n*y*") == [.code("x"), .lineBreak, .paragraph([.bold([.text("y")])])])
        #expect(blocks("```\n```") == [.paragraph([.text("```")]), .paragraph([.text("```")])])
    }

    @Test func onlyVersion8ClosesAnOpenFence() {
        #expect(blocks("```\n@all", .v83) == [.code("@all")])
        for grammar in [TextGrammar.v613, .v77, .v90] { #expect(kinds("```\n@all", grammar) == [.mention]) }
    }

    @Test func labelStartsAtTheFirstBracketAndSpansLines() {
        let document = MarkupDocument("[FIRING:2] Foo\n[link](http://x.com)", as: .text(.v77))
        #expect(document.constructs.first?.text == "FIRING:2] Foo\n[link")
        #expect(document.constructs.first?.url == "http://x.com")
    }

    @Test func bracketsBetweenLinksEndTheLabelSince8() {
        let text = "[a] [b](http://x.com)"
        #expect(MarkupDocument(text, as: .text(.v77)).shown == "a] [b")
        #expect(MarkupDocument(text, as: .text(.v83)).shown == "[a] b")
    }

    @Test(arguments: [
        ("[g](http://x.com/y z)", [LiveConstruct.Kind]()), ("[g](/relative)", []), ("[a](http://x.com/(b))", [.link]),
        ("*a _b_*", [.bold, .italic]), ("**a*b**", [.bold]), ("*a\nb*", []), ("*\u{200B}a*", [.bold]),
        ("\\@all", [.mention]), ("@\u{200B}all", []), ("a@b", []), ("\u{200B}# H", []), ("> q", [.quote]),
        ("+49-30123456", [.link]), ("+1234", []), ("http://10.0.0.1/x", [.link]), ("a.internal", []),
        ("foo.lan *b*", [.bold]), ("\u{1F525}x", []), ("\u{1F525}", []), ("x :a: :b:", [.emoji, .emoji]),
        ("x :a::b:", []),
        ("color:#fff", [.color]), ("color:#ffff0", []), ("<t:12:30>", [.timestamp]),
        ("||\na\n||", [.spoilerBlock]), ("||a *b*||", [.spoiler, .bold]),
        ("- a\n- b", [.bulletList, .listItem, .listItem]), ("1. a\n2. b", [.numberedList, .listItem, .listItem]),
    ])
    func constructsAreFound(text: String, expected: [LiveConstruct.Kind]) {
        #expect(kinds(text) == expected)
    }

    @Test(arguments: [
        "node_cpu_seconds", "\\*a\\*", "\\_a\\_", "\\~a\\~", "\\`a\\`", "a\\#b", "#\u{200B}ops", ":\u{200B}fire:",
        "\\\u{200B}(foo\\\u{200B})", "\u{200B}> q", "\u{200B}- a", "FIRING:2", "<b>x</b>", "a | b", "\u{FF3B}x](http)",
    ])
    func plainTextHasNoMarkup(text: String) {
        for grammar in TextGrammar.allCases { #expect(kinds(text, grammar) == []) }
    }

    @Test func halvesOfASurrogatePairAreJoined() {
        #expect(MarkupDocument("*a\u{1F9FF}b\u{20000}c*", as: .text(.v83)).shown == "a\u{1F9FF}b\u{20000}c")
        #expect(MarkupDocument("\u{20000}@x \u{20000}", as: .text(.v83)).shown == "\u{20000}@x \u{20000}")
    }

    @Test func emptyTextHasNoBlocks() {
        for dialect in Dialects.all { #expect(MarkupDocument("", as: dialect).shown == "") }
    }

    // MARK: 9.0

    @Test func rulesAreKnownSince9() {
        for text in ["---", "***", "  ___  ", "above\n---\nbelow"] {
            #expect(kinds(text, .v90) == [.rule], "\(text)")
            #expect(!kinds(text, .v83).contains(.rule), "\(text)")
        }
        #expect(kinds("** **", .v90) == [])
        #expect(MarkupDocument("above\n---\nbelow", as: .text(.v90)).shown == "above\n\nbelow")
    }

    @Test func tablesAreKnownSince9() {
        let text = "| a | *b* |\n| - | :-: |\n| x \\| y | z |"
        let expected = MarkupBlock.table(
            header: [[.text("a")], [.bold([.text("b")])]], rows: [[[.text("x | y")], [.text("z")]]])
        #expect(blocks(text, .v90) == [expected])
        #expect(!kinds(text, .v83).contains(.table))
        #expect(kinds("| just | text |", .v90) == [])
    }

    @Test func longTextIsNotParsedSince9() {
        let text = "*a*\n" + String(repeating: "x", count: 9_996)
        #expect(kinds(text, .v90) == [.bold])
        #expect(kinds(text + "x", .v90) == [])
        #expect(MarkupDocument(text + "x", as: .text(.v90)).shown == text + "x")
        #expect(kinds(text + "x", .v83) == [.bold])
    }
}

enum Dialects {
    static let all: [MarkupDialect] =
        TextGrammar.allCases.map { .text($0) } + [.webAttachment, .webInline, .mobileAttachment]
}
