import ChatMarkup
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

/// Puts hostile values into templates and reads the messages as all clients do. What the template itself writes is meant.
@Suite struct TemplateHostileTests {
    /// Templates without markup: nothing in the result may be live. `{{V}}` stands for the value.
    private static let plainShapes = [
        "{{V}}", "a {{V}} b", "({{V}})", "{{V}}: x", "x: {{V}}.", "\"{{V}}\"", "{{V}}{{V}}", "{{V}} {{V}}",
        "{{V}}/{{V}}",
        "x={{V}};", "a{{V}}b", "8{{V}}", "{{V}})", "x@{{V}}", "@{{V}}", ":{{V}}:", "+{{V}}", "|{{V}}|", "{{V}}|x",
        "a\n{{V}}\nb", "{{V}}\n{{V}}", "x {{V}}, {{V}}; {{V}}", "{{V}}…", "$ {{V}} $", "{{V}}%", "1{{V}}.", "<{{V}}>",
        "x\n\n{{V}}", "{{V}}\n---x", "www{{V}}", "t:{{V}}", "8 {{V}}) x", "{{V}}:{{V}}", "x-{{V}}-y", "{{V}} :x",
        "\\ {{V}}", "\\{{V}}", "a\\{{V}}", "CORP\\{{V}} x", "\\`{{V}}", "x \\\\{{V}}",
        "\\[{{V}}](https://wiki.example/x", "[{{V}}]", "[x {{V}}",
    ]

    /// Templates with markup of their own, and what the value must not add to it.
    private static let markedShapes = [
        "**{{V}}**", "*{{V}}*", "_{{V}}_", "~{{V}}~", "~~{{V}}~~", "`{{V}}`", "`a {{V}} b`", "- {{V}}", "> {{V}}",
        "1. {{V}}",
        "# {{V}}", "**{{V}}: {{V}}**", "```\n{{V}}\n```", "*a {{V}}*", "[{{V}}](https://wiki.example/x)",
        "[runbook](https://wiki.example/{{V}})", "[runbook](https://wiki.example/?q={{V}}#{{V}})",
        "[{{V}}](https://wiki.example/{{V}})",
    ]

    /// The value and its number, which selects the templates: each value meets some of them.
    private static let values = HostileCorpus.values.filter { $0.utf8.count < 3_000 }

    private static func some(_ shapes: [String], for value: String) -> [String] {
        let number = values.firstIndex(of: value) ?? 0
        return shapes.indices.filter { ($0 + number) % 8 == 0 }.map { shapes[$0] }
    }

    private func message(_ shape: String, _ value: String) throws -> Message {
        let body = shape.replacing("{{V}}", with: "{{labels.v}}")
        let templates = try MessageTemplates.make(
            text: "{{#alerts}}\(body){{/alerts}}", title: body, body: body, fields: [(body, body)])
        let alert = Alert.make(labels: ["alertname": "A", "v": value])
        let (message, failures) = MessageComposer.templated(.make(alerts: [alert]), templates)
        #expect(failures.allSatisfy { $0.reason == .empty || $0.reason == .tooLong })
        return message
    }

    /// Each value meets a backslash of the template, which must not escape the code around the value.
    @Test(arguments: values) func backslashBeforeAValueKeepsItPlain(value: String) throws {
        for shape in ["CORP\\{{V}}", "\\`{{V}}` x"] {
            let message = try message(shape, value)
            expectNothing(in: message.text, as: .messageParser, shape, value)
        }
    }

    @Test(arguments: [".evil.example", "@evil.example/", ":1", "/x"]) func valueCannotExtendTheHostOfALink(
        value: String
    ) throws {
        let message = try message("[a](https://ok.example{{V}})", value)
        #expect(!message.text.contains("](http"), "\(message.text)")
    }

    /// Without the limit within a line this takes minutes.
    @Test(.timeLimit(.minutes(1))) func manyValuesOnALineEndAtTheLimit() throws {
        let value = String(repeating: "(", count: 1_500)
        let message = try message(String(repeating: "{{V}}x", count: 900), value)
        #expect(message.text.utf16.count <= 5_000)
    }

    @Test(arguments: values) func valueIsNotLiveInPlainTemplates(value: String) throws {
        for shape in Self.some(Self.plainShapes, for: value) {
            let message = try message(shape, value)
            expectNothing(in: message.text, as: .messageParser, shape, value)
            for card in message.attachments {
                expectNothing(in: Self.withoutLinks(card.text), as: .attachment, shape, value)
                for field in card.fields {
                    expectNothing(in: field.value, as: .attachment, shape, value)
                }
            }
        }
    }

    private func expectNothing(
        in text: String, as reader: LiveConstructs.Reader, _ shape: String, _ value: String
    ) {
        let found = LiveConstructs.find(in: text, reader: reader)
        guard !found.isEmpty else { return }
        let own = Self.own(shape, reader)
        let added = found.filter { !own.contains(Self.kind($0)) && !Self.isOfTemplate($0, text, reader) }
        #expect(
            added.isEmpty, "\(shape.debugDescription) with \(value.prefix(60).debugDescription): \(text.prefix(200))")
    }

    /// The kinds of constructs that the template makes alone: with a plain value, and with none.
    private static func own(_ shape: String, _ reader: LiveConstructs.Reader) -> Set<String> {
        let alone = ["value", ""].flatMap {
            LiveConstructs.find(in: shape.replacing("{{V}}", with: $0), reader: reader)
        }
        // Around code, clients differ in the kind of emphasis. The template adds one bracket to a run.
        return Set(alone.map(kind)).union(
            alone.contains { $0.hasPrefix("BOLD") || $0.hasPrefix("ITALIC") } ? ["BOLD", "ITALIC"] : []
        ).union(["run"])
    }

    private static func kind(_ finding: String) -> String { String(finding.prefix { $0 != " " }) }

    /// Whether it is a link of the template, and all links lead to the template's host or say where they lead.
    private static func isOfTemplate(_ finding: String, _ text: String, _ reader: LiveConstructs.Reader) -> Bool {
        finding.hasPrefix("LINK")
            && reader.dialects.allSatisfy { dialect in
                MarkupDocument(text, as: dialect).constructs.allSatisfy { construct in
                    construct.kind != .link || LiveConstructs.isOwnAddress(construct)
                        || (construct.url ?? "").hasPrefix("https://wiki.example/")
                }
            }
    }

    /// The line of links of a built-in card, if the templated one fell back.
    private static func withoutLinks(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.hasPrefix("[Alert](") }
            .joined(separator: "\n")
    }

    /// A value in markup may lose its own marks, but adds no construct of another kind, and leads nowhere else.
    @Test(arguments: values) func valueKeepsToTheMarkupOfTheTemplate(value: String) throws {
        for shape in Self.some(Self.markedShapes, for: value) {
            let message = try message(shape, value)
            for (text, reader) in [(message.text, LiveConstructs.Reader.messageParser)]
                + message.attachments.map({ (Self.withoutLinks($0.text), .attachment) })
            {
                expectNothing(in: text, as: reader, shape, value)
            }
        }
    }

    // MARK: Links

    private func body(_ source: String, url: String, name: String = "HostDown") throws -> String {
        let alert = Alert.make(labels: ["alertname": "A", "name": name, "url": url])
        let (message, _) = MessageComposer.templated(.make(alerts: [alert]), try .make(body: source))
        return message.attachments[0].text
    }

    @Test(arguments: [
        ("https://wiki.example/a", "[Wiki](https://wiki.example/a)"),
        ("HTTPS://wiki.example/a b(c)", "[Wiki](https://wiki.example/a%20b%28c%29)"),
        ("javascript:alert(1)", "Wiki"), ("ftp://a/b", "Wiki"), ("", "Wiki"), ("http://u@h/", "Wiki"),
        ("//evil.example", "Wiki"), ("http://[::1]/x", "Wiki"), ("a](http://evil.example)", "Wiki"),
    ])
    func linkTargetIsSafeURL(url: String, expected: String) throws {
        #expect(try body("[Wiki]({{labels.url}})", url: url) == expected)
        #expect(try body("x [Wiki]({{{labels.name}}}{{labels.url}})", url: url, name: "") == "x " + expected)
    }

    @Test func valueInsideTargetIsEncoded() throws {
        let text = try body(
            "[W](https://wiki.example/{{labels.name}}?q={{labels.url}})", url: "a&b=c/d", name: "../x)y")
        #expect(text == "[W](https://wiki.example/..%2Fx%29y?q=a%26b%3Dc%2Fd)")
    }

    @Test func labelWithOtherAddressIsNoLink() throws {
        #expect(
            try body("[{{labels.name}}]({{labels.url}})", url: "https://e.example", name: "Down")
                == "[Down](https://e.example)")
        #expect(try body("[{{labels.name}}]({{labels.url}})", url: "https://e.example", name: "bank.com") == "bank.com")
    }

    @Test func emphasisAroundPlainValueStays() throws {
        #expect(try body("**{{labels.name}}** *{{labels.name}}*", url: "") == "**HostDown** *HostDown*")
        #expect(try body("**{{labels.name}}**", url: "", name: "a*b") == "**`a*b`**")
    }

    @Test func rawValueKeepsItsMarkup() throws {
        #expect(try body("{{{labels.name}}} {{&labels.name}}", url: "", name: "*a* @all") == "*a* @all *a* @all")
    }

    @Test func trustedAnnotationKeepsMarkupOnItsOwnLine() throws {
        let alert = Alert.make(annotations: ["description": "**now**\n- a"])
        let templates = try MessageTemplates.make(body: "x\n{{annotations.description}}")
        let (message, _) = MessageComposer.templated(.make(alerts: [alert]), templates, annotations: .markdown)
        #expect(message.attachments[0].text == "x\n**now**\n- a")
    }

    // MARK: Random templates

    private static let pieces = [
        "{{labels.v}}", "{{labels.v}}", "{{labels.w}}", "{{#labels.v}}", "{{/labels.v}}", "{{^labels.w}}",
        "{{/labels.w}}",
        "{{{labels.v}}", "*", "**", "`", "```", "_", "[", "](", ")", "https://", "\n", " ", "a", "- ", "{{", "}}", "@",
        "|",
        "{{!", "{{&labels.w}}", "{{=", "{{>", "\\", "{{.}}", "(", ":", "é",
    ]

    /// Any text is either refused or gives a message within the limits.
    @Test func randomTemplatesAreRefusedOrRendered() throws {
        var (rendered, refused) = (0, 0)
        for seed in 0..<1_500 as Range<UInt64> {
            let source = HostileCorpus.random(seed: seed, of: Self.pieces, count: 2 + Int(seed % 19))
            do throws(TemplateError) {
                let templates = try MessageTemplates.make(title: source, body: source)
                let alert = Alert.make(
                    labels: ["v": HostileCorpus.random(seed: seed), "w": HostileCorpus.random(seed: seed &+ 7)])
                let (message, _) = MessageComposer.templated(.make(alerts: [alert]), templates)
                let card = message.attachments[0]
                #expect(!card.text.isEmpty && !card.title.isEmpty && card.text.utf16.count <= 4_500)
                rendered += 1
            } catch {
                refused += 1
                #expect(!error.message.isEmpty)
            }
        }
        #expect(rendered > 100 && refused > 100)
    }
}
