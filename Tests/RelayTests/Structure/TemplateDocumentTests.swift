import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import Relay
@testable import RocketChat

/// Compares docs/TEMPLATES.md with the names of templates, and renders its examples. `WRITE_GOLDEN=1` writes tables and
/// results into the document.
@Suite struct TemplateDocumentTests {
    private static let now = Timestamp(seconds: 1_795_456_800, nanoseconds: 0)
    private let folder = TemporaryFolder()

    /// A fenced block of the document, without its fences.
    private struct Block {
        var language: Substring
        var text: String
        /// The line before it.
        var note: Substring
    }

    private static func blocks(in document: String) -> [Block] {
        var blocks: [Block] = []
        var (open, lines, previous): (Block?, [Substring], Substring) = (nil, [], "")
        for line in document.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                if var block = open {
                    block.text = lines.map { $0 + "\n" }.joined()
                    blocks.append(block)
                    open = nil
                } else {
                    open = Block(language: line.dropFirst(3), text: "", note: previous)
                    lines = []
                }
            } else {
                lines.append(line)
            }
            previous = line
        }
        return blocks
    }

    private static func table<Scope>(_ names: [TemplateName<Scope>]) -> String {
        names.map { "| `\($0.name)` | \($0.meaning) |\n" }.joined()
    }

    /// What `relay render --format text` prints for a captured body.
    private func rendered(_ yaml: String, body: String) throws -> String {
        let path = folder.path + "/t.yml"
        try yaml.write(toFile: path, atomically: true, encoding: .utf8)
        let preview = TemplatePreview(path: path, settings: RenderSettings())
        #expect(preview.problems == [])
        let bytes = try [UInt8](Data(contentsOf: Checkout.fixtures.appending(path: body)))
        let parser = WebhookParser()
        let settings = RenderSettings(templates: preview.over(TemplateBook()))
        let messages = try parser.parse(bytes, acceptedAt: Self.now).notifications.map { notification in
            let (message, failures) = MessageComposer(
                try parser.decode(notification.body), severity: notification.severity, settings: settings,
                now: Self.now
            ).composed()
            #expect(failures.isEmpty)
            return RenderedMessage(room: notification.severity.rawValue, message: message)
        }
        return RenderedMessage.print(messages, as: .text)
    }

    @Test func documentHasNamesAndResults() throws {
        let document = try Checkout.text("docs/TEMPLATES.md")
        var expected = document
        for (heading, table) in [
            ("## Names in all templates", Self.table(TemplateMessage.names)),
            ("## Names of an alert", Self.table(TemplateAlert.names)),
        ] {
            let start = try #require(expected.range(of: heading)).upperBound
            let head = try #require(expected.range(of: "|---|---|\n", range: start..<expected.endIndex)).upperBound
            let rows = expected[head...].split(separator: "\n", omittingEmptySubsequences: false)
                .prefix { $0.hasPrefix("|") }
            expected.replaceSubrange(
                head..<expected.index(head, offsetBy: rows.reduce(0) { $0 + $1.count + 1 }), with: table)
        }
        let blocks = Self.blocks(in: document)
        var examples = 0
        for (index, block) in blocks.enumerated() {
            guard let body = block.note.wholeMatch(of: /<!-- body: (.*) -->/)?.1 else { continue }
            examples += 1
            let result = blocks[index + 1]
            #expect(result.language == "text")
            let wanted = "```yaml\n\(block.text)```\n\n```text\n\(try rendered(block.text, body: String(body)))```\n"
            let found = "```yaml\n\(block.text)```\n\n```text\n\(result.text)```\n"
            expected = expected.replacing(found, with: wanted)
        }
        #expect(examples == 5)
        if ProcessInfo.processInfo.environment["WRITE_GOLDEN"] != nil {
            try expected.write(
                to: Checkout.root.appending(path: "docs/TEMPLATES.md"), atomically: true, encoding: .utf8)
        }
        let lines = zip(document.split(separator: "\n"), expected.split(separator: "\n"))
        let difference = lines.first { $0 != $1 }
        #expect(document == expected, "\(difference.map { "\($0) instead of \($1)" } ?? "lines are missing")")
    }

    /// The example of the configuration is one as well.
    @Test func firstExampleIsAConfiguration() throws {
        let yaml = try #require(Self.blocks(in: try Checkout.text("docs/TEMPLATES.md")).first).text
        let path = folder.path + "/relay.yml"
        try yaml.write(toFile: path, atomically: true, encoding: .utf8)
        var reader = ConfigurationReader(environment: [:], file: SettingsFile(path: path), readsSecrets: false)
        let (configuration, problems) = reader.readLeniently()
        #expect(problems == [])
        let room = try #require(configuration.receivers.first).posting.templates
        #expect(room.receiver == "database" && !room[.critical].isEmpty)
    }
}
