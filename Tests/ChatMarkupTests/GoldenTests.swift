import Foundation
import TestSupport
import Testing

@testable import ChatMarkup

/// Compares the readers with results of Rocket.Chat's own code, which `rocketchat-parsers.json` holds for 441 strings.
@Suite
struct GoldenTests {
    struct Entry: Decodable {
        struct Result: Decodable {
            var shown: String
            /// A name, the visible text and, for a link, the address.
            var live: [[String]]
        }

        var input: String
        var text: [String: Result]
        var attachment: [String: Result]
        var push: String
    }

    static func entries() throws -> [Entry] {
        let file = Checkout.root.appending(path: "Tests/ChatMarkupTests/rocketchat-parsers.json")
        return try JSONDecoder().decode([Entry].self, from: Data(contentsOf: file))
    }

    @Test func everyStringIsPresent() throws {
        #expect(try Self.entries().count == 441)
    }

    @Test(arguments: [TextGrammar.v613, .v77, .v83])
    func textIsReadAsByTheServer(grammar: TextGrammar) throws {
        for entry in try Self.entries() {
            let expected = try #require(entry.text[grammar.rawValue])
            expectEqual(MarkupDocument(entry.input, as: .text(grammar)), expected, entry.input)
        }
    }

    @Test func attachmentIsReadAsByTheMobileApp() throws {
        for entry in try Self.entries() {
            let expected = try #require(entry.attachment["mobile"])
            expectEqual(MarkupDocument(entry.input, as: .mobileAttachment), expected, entry.input)
        }
    }

    @Test func attachmentIsReadAsByTheWebClient() throws {
        for entry in try Self.entries() {
            let expected = try #require(entry.attachment["web"])
            let document = MarkupDocument(entry.input, as: .webAttachment)
            // The recorded text is an HTML element's, in which a line break has no character.
            #expect(Self.onOneLine(document.shown) == Self.onOneLine(expected.shown), "\(entry.input)")
            let live = expected.live.map { [Self.webNames[$0[0]] ?? $0[0], Self.onOneLine($0[1])] + $0.dropFirst(2) }
            #expect(document.constructs.map(Self.fields) == live, "\(entry.input)")
        }
    }

    @Test func pushTextIsFilteredAsByTheServer() throws {
        for entry in try Self.entries() {
            #expect(PushText.filtered(entry.input) == entry.push, "\(entry.input)")
        }
    }

    /// The recorded list has no constructs within others.
    private func expectEqual(_ document: MarkupDocument, _ expected: Entry.Result, _ input: String) {
        // The recorded text has no line break behind a task.
        let hasTasks = document.constructs.contains { $0.kind == .tasks }
        let shown = hasTasks ? Self.onOneLine(document.shown) : document.shown
        #expect(shown == (hasTasks ? Self.onOneLine(expected.shown) : expected.shown), "\(input)")
        let live = document.constructs.filter { $0.depth == 0 }.map(Self.fields)
        #expect(live == expected.live.map { [$0[0], Self.onOneLine($0[1])] + $0.dropFirst(2) }, "\(input)")
    }

    private static func fields(_ construct: LiveConstruct) -> [String] {
        let url = construct.kind == .link ? construct.url.map { [$0] } ?? [] : []
        return [construct.kind.rawValue, onOneLine(construct.text)] + url
    }

    private static func onOneLine(_ text: String) -> String {
        text.replacing("\n", with: "").trimmingCharacters(in: .whitespaces)
    }

    /// The names of the parser's nodes for HTML elements.
    private static let webNames = [
        "CODE": "INLINE_CODE", "STRONG": "BOLD", "EM": "ITALIC", "DEL": "STRIKE", "A": "LINK", "IMG": "IMAGE",
        "UL": "UNORDERED_LIST", "OL": "ORDERED_LIST", "LI": "LIST_ITEM", "INPUT": "TASK", "H1": "HEADING",
        "H2": "HEADING", "HR": "HORIZONTAL_RULE",
    ]
}
