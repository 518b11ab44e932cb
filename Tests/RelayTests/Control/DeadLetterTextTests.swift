import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay

/// Dead letters as text and as JSON.
@Suite
struct DeadLetterTextTests {
    private func letter(answer: String? = "HTTP 400: odd") -> DeadLetter {
        DeadLetter(
            id: JournalID(sequence: 1, destination: .critical), severity: .critical, group: 7, acceptedAt: .sample,
            diedAt: .sample.advanced(bySeconds: 60), reason: DeadLetter.Reason(rawValue: "unknownAnswer"), attempts: 5,
            answer: answer, size: 80)
    }

    private func list(_ letters: [DeadLetterSummary], asJSON: Bool = false) -> String {
        DeadLetterText.list(letters, asJSON: asJSON, now: .sample.advanced(bySeconds: 120))
    }

    @Test func letterIsOneLineForAnyResponse() {
        let text = list([
            DeadLetterSummary(letter(answer: "odd\nsecond\r\nline\u{2028}x\u{1B}[2J\u{202E}y"), names: ["A\nB"])
        ])
        #expect(text.split(separator: "\n").count == 2, "\(text)")
        #expect(!text.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" || $0 == "\u{2028}" })
    }

    @Test func alertsAreCountedByName() {
        #expect(DeadLetterSummary(letter(), names: ["A", "B", "A", "A"]).summary == "A x3, B")
        #expect(DeadLetterSummary(letter(), names: []).summary == "(unreadable)")
    }

    @Test func manyAlertsDoNotWidenTheTable() {
        let names = (0..<500).map { "Alert\($0)" }
        #expect(list([DeadLetterSummary(letter(), names: names)]).split(separator: "\n").allSatisfy { $0.count < 140 })
    }

    @Test func jsonHoldsNumbersAsNumbersAndIDsAsPrinted() throws {
        let json = try JSONSerialization.jsonObject(
            with: Data("[\(list([DeadLetterSummary(letter(), names: ["A", "A"])], asJSON: true))]".utf8))
        let first = try #require((json as? [[String: Any]])?.first)
        #expect(first["id"] as? String == "16")
        #expect(first["attempts"] as? Int == 5 && first["size"] as? Int == 80)
        #expect(first["alertNames"] as? [String] == ["A"])
    }

    /// Parsing the body again could crash the relay that lists it.
    @Test func crashLettersAreNotParsed() throws {
        var crashed = letter()
        crashed.reason = .crash
        let body = try WebhookFixture.body("two-alerts")
        let content = DeadLetterContent(letter: crashed, body: body, isIntact: true)
        let listed = DeadLetterSummary(content, parser: WebhookParser())
        #expect(listed.names.isEmpty && listed.summary == "(not parsed: it crashed the relay)")
        #expect(DeadLetterText.content(content, asJSON: false).contains(#""alerts""#), "the original body")
    }

    @Test func invalidBodyIsShownWithoutControlCharacters() {
        let content = DeadLetterContent(letter: letter(), body: Array("no json \u{1B}[2J".utf8), isIntact: false)
        let text = DeadLetterText.content(content, asJSON: false)
        #expect(text.contains("damaged") && text.contains("no json"))
        #expect(!text.contains("\u{1B}"))
    }
}
