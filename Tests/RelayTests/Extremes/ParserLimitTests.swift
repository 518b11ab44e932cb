import TestSupport
import Testing

@testable import Alerts
@testable import Relay

/// Limits on the cost of parsing any body. `Benchmarks/memory` measures it.
@Suite struct ParserLimitTests {
    private func repeated(_ text: String, _ count: Int) -> String {
        "[" + repeatElement(text, count: count).joined(separator: ",") + "]"
    }

    @Test func alertsOfABodyAreLimited() throws {
        #expect(try WebhookParser().parse(text: webhookBody(alerts: repeated("{}", 131_072))).alerts == 131_072)
        let error = #expect(throws: ParseError.self) {
            try WebhookParser().parse(text: webhookBody(alerts: repeated("{}", 131_073)))
        }
        #expect(error?.reason == .tooMany && error?.message.contains("131072 alerts") == true)
    }

    @Test(arguments: ["labels", "annotations", "groupLabels"])
    func labelsAndAnnotationsShareALimit(place: String) throws {
        let half = (0..<262_144).map { "\"\($0)\":\"\"" }.joined(separator: ",")
        func body(_ extra: String) -> String {
            let pairs = "{\(half)\(extra)}"
            if place == "groupLabels" {
                return webhookBody(
                    alerts: "[\(alertJSON(labels: "{\(half)}", annotations: nil))]", more: [(place, pairs)])
            }
            let other = place == "labels" ? "annotations" : "labels"
            return webhookBody(alerts: "[{\"status\":\"firing\",\"\(other)\":{\(half)},\"\(place)\":\(pairs)}]")
        }
        #expect(try WebhookParser().parse(text: body("")).alerts == 1)
        let error = #expect(throws: ParseError.self) { try WebhookParser().parse(text: body(",\"x\":\"\"")) }
        #expect(error?.reason == .tooMany && error?.message.contains("524288") == true)
    }

    /// Values that needed a DOM of many times their size, or a long time.
    @Test(arguments: [
        "[" + String(repeating: "0,", count: 1_000_000) + "0]", "[" + String(repeating: "{},", count: 500_000) + "{}]",
        "[" + String(repeating: "\"\",", count: 500_000) + "\"\"]",
        "\"" + String(repeating: "\\n", count: 1_000_000) + "\"",
        "\"" + String(repeating: "\\ud83d\\ude00", count: 200_000) + "\"",
        String(repeating: "{\"a\":", count: 61) + "1" + String(repeating: "}", count: 61),
        "[" + String(repeating: String(repeating: "9", count: 400) + ",", count: 5000) + "1e400]",
    ])
    func unreadValuesAreSkipped(value: String) throws {
        let body = webhookBody(alerts: "[\(alertJSON())]", more: [("x", value)])
        let batch = try WebhookParser().parse(text: body)
        #expect(batch.notifications.map { $0.body.count } == [body.utf8.count])
        // The same value inside an alert, and as a label if it is a string.
        let inside = webhookBody(alerts: "[{\"status\":\"firing\",\"x\":\(value)}]")
        #expect(try WebhookParser().parse(text: inside).alerts == 1)
        if value.hasPrefix("\"") {
            let label = webhookBody(alerts: "[\(alertJSON(labels: "{\"a\":\(value)}"))]")
            #expect(try WebhookParser().decode(text: label).alerts[0].labels["a"]?.isEmpty == false)
        }
    }

    @Test func escapesDecodeAlikeInEveryPlace() throws {
        let escaped = #"\u0041\u00e9\u20ac\ud83d\ude00\"\\\/\b\f\n\r\t"#
        let plain = "A\u{e9}\u{20ac}\u{1F600}\"\\/\u{8}\u{c}\n\r\t"
        let pairs = "{\"\(escaped)\":\"\(escaped)\"}"
        let alert =
            "{\"st\\u0061tus\":\"fir\\u0069ng\",\"labels\":\(pairs),\"annotations\":\(pairs),"
            + "\"fingerprint\":\"\(escaped)\",\"generatorURL\":\"\(escaped)\"}"
        let body = webhookBody(
            alerts: "[\(alert),\(alert)]", groupKey: "\"\(escaped)\"", receiver: "\"\(escaped)\"",
            more: [("groupLabels", pairs), ("commonLabels", pairs), ("externalURL", "\"\(escaped)\"")])
        let payload = try WebhookParser().decode(text: body)
        #expect(payload.receiver == plain && payload.groupKey == plain && payload.externalURL == plain)
        for labels in [payload.groupLabels, payload.commonLabels]
            + payload.alerts.flatMap({ [$0.labels, $0.annotations] })
        {
            #expect(labels.pairs == [.init(name: plain, value: plain)])
        }
        #expect(payload.alerts.allSatisfy { $0.fingerprint == plain && $0.generatorURL == plain })
    }

    @Test func manyThreadsReadAtOnce() async throws {
        let intake = WebhookDecoder(severities: SeverityMap(), router: AlertRouter(), bodyLimit: 1 << 24)
        let fixtures = WebhookFixture.all
        let keys = try fixtures.map { try WebhookParser().parse($0.body, acceptedAt: .now()).dedupeKey }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for (fixture, key) in zip(fixtures, keys) {
                        let batch = try intake.read(fixture.body, coding: .identity, acceptedAt: .now())
                        #expect(batch.dedupeKey == key)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func intakeDistinguishesCodingFromParsingErrors() {
        let intake = WebhookDecoder(severities: SeverityMap(), router: AlertRouter(), bodyLimit: 100)
        #expect(throws: WebhookDecoder.Failure.coding(.damaged)) {
            try intake.read([1, 2, 3], coding: .zlib, acceptedAt: .now())
        }
        #expect(throws: WebhookDecoder.Failure.self) {
            try intake.read([1, 2, 3], coding: .identity, acceptedAt: .now())
        }
    }
}
