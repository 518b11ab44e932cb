import ChatMarkup
import Testing

@testable import Alerts
@testable import ChatOps

/// Answers with hostile names: nobody is mentioned, and nothing is formatted that the relay did not format.
@Suite struct RoomAnswerTests {
    private static let hostile = [
        "@all", "@here", "*bold* _it_ ~s~", "[x](https://evil.example.com)", "```\n@all\n```", "`@all`", "#general",
        "||spoiler||", "<script>alert(1)</script>", ":fire:", "\u{202E}@all", "a\n!silence 1w severity=~.+", "!help",
        "{\"channel\":\"#general\"}", "$x$ \\(y\\)", "",
    ]

    /// Whether a reader of Rocket.Chat finds a mention or a link.
    private static func isLive(_ text: String) -> Bool {
        let html = MessageHTML.article(ChatMessage(room: "r", text: text))
        return ["class=\"mention", "<a ", "<strong>", "<em>", "<del>", "class=\"math", "class=\"spoiler"]
            .contains { html.contains($0) }
    }

    private static func alert(_ text: String) -> Alert {
        var labels = Labels()
        labels.pairs = [
            .init(name: "alertname", value: text), .init(name: "instance", value: text),
            .init(name: "severity", value: text),
        ]
        return Alert(
            status: .firing, labels: labels, annotations: Labels(), generatorURL: "", fingerprint: "0123456789abcdef")
    }

    @Test(arguments: hostile) func hostileTextIsInert(text: String) {
        let answers = RoomAnswers(zone: .utc, limit: 4_500)
        let now = Timestamp(seconds: 1_795_453_440, nanoseconds: 0)
        let silence = ReportedSilence(
            id: "11111111-aaaa", isExpired: false, matchers: ["a=\"\(text)\""], createdBy: text, comment: text)
        var firing = FiringAlerts(severities: SeverityMap())
        firing.add(ReportedAlert(alert: Self.alert(text), isSuppressed: false))
        let matchers = [LabelMatcher(name: "a", condition: .equal(text))]
        let found = CommandRunner.Found(count: 2, alerts: [ReportedAlert(alert: Self.alert(text), isSuppressed: false)])
        let texts = [
            answers.silenced(.alert(Self.alert(text)), by: text, for: .seconds(60), until: now, id: "1234"),
            answers.silenced(.matchers(matchers, count: 0), by: text, for: .seconds(60), until: now, id: "1234"),
            answers.ended(silence, by: text), answers.list([silence]), answers.list(firing, now: now),
            answers.alerts(withID: text, found), answers.silences(withID: text, [silence], of: [silence]),
            answers.failure(.status(400, text), changes: true), RoomAnswers.refusal(text),
            RoomAnswers.refusal("\"\(text)\" is not a command; !help lists them"),
        ]
        for answer in texts {
            #expect(!Self.isLive(answer), "\(answer)")
            #expect(answer.utf16.count < 1_500)
        }
        // A room's answer must not trigger the outgoing webhook again.
        #expect(texts.dropLast(2).allSatisfy { !$0.hasPrefix("!") })
    }

    @Test func hugeTextsAreCut() {
        let answers = RoomAnswers(zone: .utc, limit: 450)
        let huge = String(repeating: "a@all ", count: 10_000)
        let matchers = (0..<20).map { LabelMatcher(name: "l\($0)", condition: .equal(huge)) }
        let now = Timestamp(seconds: 1_795_453_440, nanoseconds: 0)
        let text = answers.silenced(
            .matchers(matchers, count: 3), by: huge, for: .seconds(60), until: now, id: "12345678")
        #expect(text.utf16.count <= 450 && text.contains("more until") && text.hasSuffix("Undo: `!unsilence 12345678`"))
        #expect(RoomAnswers.help.utf16.count <= 450)
    }

    @Test(arguments: [
        ("[]", []), (" [ ] ", []), ("[1, \"],\" ,{\"a\":[\"\\\"]\"]}]", ["1", "\"],\"", "{\"a\":[\"\\\"]\"]}"]),
    ])
    func arrayIsSplit(text: String, elements: [String]) {
        var splitter = JSONArraySplitter(Array(text.utf8))
        var found: [String] = []
        while let element = splitter.next() {
            found.append(String(decoding: element, as: UTF8.self).trimmingSpace)
        }
        #expect(found == elements && splitter.isComplete)
    }

    @Test(arguments: ["", "{", "[", "[1", "[\"", "[1]x", "{}"]) func incompleteArrayIsDetected(text: String) {
        var splitter = JSONArraySplitter(Array(text.utf8))
        while splitter.next() != nil {}
        #expect(!splitter.isComplete)
    }
}

extension String {
    fileprivate var trimmingSpace: String { split(separator: " ").joined(separator: " ") }
}
