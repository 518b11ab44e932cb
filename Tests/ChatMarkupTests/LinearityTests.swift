import Testing

@testable import ChatMarkup

/// Proves that parsing needs a bounded number of steps for each character, whatever the text is.
@Suite
struct LinearityTests {
    /// Units that hostile texts repeat. Most need quadratic or exponential time in Rocket.Chat's own parsers.
    static let units = [
        "[", "]", "(", "*", "**a ", "*a ", "_", "_ ", "_a*", "~", "~a", "`", "`a", "|", "||", "|a|\n", "a", "a.", "a_",
        ".", "@", "a@", "#", ":", ":)", ">:)", ":a", "\\(", "\\[", "[a](", "[a](b", "[[a]", "![", "<", "<a.b|", "<t:",
        "+1", "a.b", "http://a.b/", "www.", "- ", "1. ", "> ", "```\n", "||\n", "*a_b~c", "[_a_ *b* ", "*`", "\n",
    ]
    static let length = 1_000
    /// No unit needs more. The web client's emphasis is the most expensive: it looks at the next 64 runs of marks.
    static let stepsForACharacter = 64

    @Test(arguments: Dialects.all)
    func stepsAreProportionalToTheLength(dialect: MarkupDialect) {
        for unit in Self.units {
            let repeated = String(repeating: unit, count: Self.length / unit.utf16.count)
            for text in [repeated, repeated + "](http://a.b)", "*_~" + repeated + "~_*`) "] {
                let document = MarkupDocument(text, as: dialect)
                #expect(document.steps <= Self.stepsForACharacter * text.utf16.count, "\(unit) \(dialect)")
            }
        }
    }

    @Test(arguments: Dialects.all)
    func deeplyNestedTextDoesNotExhaustTheStack(dialect: MarkupDialect) {
        for unit in ["- ", "[", "*_~", ":)", "- [ ] "] {
            let text = String(repeating: unit, count: 10_000 / unit.utf16.count)
            #expect(MarkupDocument(text, as: dialect).steps > 0)
        }
    }

    @Test func hostilePushTextIsFiltered() {
        for unit in Self.units {
            let text = String(repeating: unit, count: Self.length / unit.utf16.count)
            #expect(PushText.filtered(text).utf16.count <= text.utf16.count)
        }
    }
}
