import Testing

@testable import ChatMarkup

/// Cases of the web client's Markdown that the recorded strings lack.
@Suite
struct WebTests {
    private func blocks(_ text: String) -> [MarkupBlock] {
        MarkupDocument(text, as: .webAttachment).blocks
    }

    private func inlines(_ text: String) -> [MarkupInline] {
        guard case .paragraph(let inlines)? = blocks(text).first else { return [] }
        return inlines
    }

    @Test func fencesAndIndentationAreCode() {
        #expect(blocks("a\n```\n*b*\n```\nc") == [.paragraph([.text("a")]), .code("*b*"), .paragraph([.text("c")])])
        #expect(blocks("```sh\nx") == [.code("x")])
        #expect(blocks("    *x*\n\n    y\nz") == [.code("*x*\n\ny"), .paragraph([.text("z")])])
    }

    @Test func listsNest() {
        let nested = MarkupBlock.list(.bullets, [MarkupList.Item(blocks: [.paragraph([.text("b")])])])
        let item = MarkupList.Item(blocks: [.paragraph([.text("a")]), nested])
        #expect(blocks("- a\n  - b") == [.list(.bullets, [item])])
        #expect(blocks("3. a") == [.list(.numbers, [MarkupList.Item(blocks: [.paragraph([.text("a")])], number: 3)])])
        #expect(blocks("- [x] a").first == .list(.bullets, [.init(blocks: [.paragraph([.text("a")])], isDone: true)]))
    }

    @Test func tablesNeedARowOfDashes() {
        #expect(
            blocks("a | b\n- | -\n1 | 2") == [
                .table(header: [[.text("a")], [.text("b")]], rows: [[[.text("1")], [.text("2")]]])
            ])
        #expect(MarkupDocument("a | b\nc | d", as: .webAttachment).constructs == [])
    }

    @Test func underlinedParagraphsAreHeadings() {
        #expect(blocks("a\nb\n==") == [.heading(level: 1, [.text("a"), .lineBreak, .text("b")])])
        #expect(blocks("### a ##") == [.heading(level: 3, [.text("a")])])
    }

    @Test func htmlAndQuotesAreText() {
        for text in ["<b>x</b>", "> a", "<http://e.com>x", "a &lt; b", "&amp;"] {
            #expect(MarkupDocument(text, as: .webAttachment).shown == text)
        }
        #expect(inlines("`<b>`") == [.code("<b>")])
    }

    @Test func linksHaveTitlesReferencesAndBalancedParentheses() {
        #expect(inlines("[a](http://x.y \"t\")") == [.link(label: [.text("a")], url: "http://x.y")])
        #expect(inlines("[a](http://x/(b))") == [.link(label: [.text("a")], url: "http://x/(b)")])
        #expect(inlines("[*a*](u)[b]") == [.link(label: [.bold([.text("a")])], url: "u"), .text("[b]")])
        #expect(inlines("[a][r] [R]\n\n[r]: http://x.y").first == .link(label: [.text("a")], url: "http://x.y"))
    }

    @Test func boldIsOneAsteriskAndItalicAreTwoUnderscores() {
        #expect(inlines("*a*") == [.bold([.text("a")])])
        #expect(inlines("__a__") == [.italic([.text("a")])])
        #expect(inlines("***a***") == [.italic([.bold([.text("a")])])])
        #expect(inlines("a_b_c") == [.text("a_b_c")])
    }

    @Test func everyPunctuationIsEscaped() {
        #expect(inlines("\\[a\\](b) \\<") == [.text("[a](b) &lt;")])
        #expect(inlines("\\:fire:") == [.emoji(":fire:")])
    }

    @Test func titlesHaveNoBlocks() {
        #expect(MarkupDocument("# a www.x.y", as: .webInline).constructs.map(\.kind) == [.link])
    }
}
