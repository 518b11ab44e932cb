import TestSupport
import Testing

@testable import Alerts

/// Bodies as Alertmanager and Grafana send them are read in one pass, all others by a second reader. Both must read the same.
@Suite struct UsualPayloadTests {
    private let parser = WebhookParser()

    /// The same body for the second reader, which reads a field that is null. Nil if the body is no object with members.
    private func unusual(_ body: [UInt8]) -> [UInt8]? {
        let space = Set(" \t\r\n".utf8)
        guard let start = body.firstIndex(where: { !space.contains($0) }), body[start] == UInt8(ascii: "{"),
            let next = body[(start + 1)...].first(where: { !space.contains($0) }), next != UInt8(ascii: "}")
        else { return nil }
        return Array(body[...start]) + Array(#""state":null,"#.utf8) + Array(body[(start + 1)...])
    }

    private func check(_ body: [UInt8], _ place: SourceLocation = #_sourceLocation) {
        guard let other = unusual(body) else { return }
        do throws(ParseError) {
            let batch = try parser.parse(body, acceptedAt: .sample)
            var expected = try parser.parse(other, acceptedAt: .sample)
            for (index, notification) in batch.notifications.enumerated() {
                let part = try parser.decode(notification.body)
                #expect(try parser.decode(expected.notifications[index].body) == part, sourceLocation: place)
                expected.notifications[index].body = notification.body
            }
            // If the body may have the field itself, it is a duplicate of the one in front.
            let text = String(decoding: body, as: UTF8.self)
            if text.contains("state") || text.contains("\\u") {
                expected.oddities[.duplicate] = batch.oddities[.duplicate]
            }
            #expect(batch == expected, sourceLocation: place)
            #expect(try parser.decode(body) == parser.decode(other), sourceLocation: place)
        } catch {
            let reason = error.reason
            #expect(sourceLocation: place) { try parser.parse(other, acceptedAt: .sample) } throws: {
                ($0 as? ParseError)?.reason == reason
            }
        }
    }

    @Test(arguments: WebhookFixture.all) func bothReadersAgreeOnCapturedBodies(fixture: WebhookFixture) {
        check(fixture.body)
    }

    @Test(arguments: [
        "", "{", "{}", "[]", #"{"alerts":[]}"#, #"{"version":"4""#, #"{"version":"4",}"#, #"{"alerts":{}}"#,
        #"{"version":"3","alerts":[]}"#, #"{"version":4,"alerts":[]}"#, #"{"receiver":"a","receiver":"b","alerts":[]}"#,
    ])
    func bothReadersAgreeOnRefusedBodies(body: String) {
        check(Array(body.utf8))
    }

    @Test(arguments: [
        alertJSON(labels: #"{"b":"1","a":"2"}"#),
        alertJSON(labels: #"{"b":"1","a":"2","b":"3"}"#),
        alertJSON(labels: #"{"severity":null,"a":"2"}"#),
        alertJSON(labels: #"{"\u0073everity":"page","b\"":"\ud83d\ude00"}"#),
        alertJSON(labels: #"{"severity":"page","severity":"info"}"#),
        alertJSON(labels: nil), alertJSON(labels: "[]"), alertJSON(annotations: nil),
        alertJSON(status: #""Firing""#), alertJSON(status: #""pending""#), alertJSON(status: nil),
        alertJSON(startsAt: "7"), alertJSON(startsAt: #""soon""#), alertJSON(endsAt: "null"),
        alertJSON(fingerprint: nil), alertJSON(fingerprint: #""\u0041""#),
        alertJSON() + ",7," + alertJSON(), alertJSON() + ",{}", "",
        String(alertJSON().dropLast()) + #","more":[{"x":null}],"status":"resolved"}"#,
        String(alertJSON().dropLast()) + #","silenceURL":"https://g/s","values":{"A":1.5}}"#,
    ])
    func bothReadersAgreeOnOddAlerts(alerts: String) {
        check(Array(webhookBody(alerts: "[\(alerts)]").utf8))
    }

    @Test(arguments: [
        ("truncatedAlerts", "999999999"), ("truncatedAlerts", "1000000001"), ("truncatedAlerts", "-1"),
        ("truncatedAlerts", "1e3"), ("truncatedAlerts", #""3""#), ("truncatedAlerts", "03"), ("orgId", "-7"),
        ("orgId", #""7""#), ("title", #""a\nb""#), ("title", "7"), ("message", "null"), ("state", #""ok""#),
        ("more", #"{"deep":[1,{"x":null}]}"#), ("more", "tru"), ("commonLabels", "[]"), ("groupLabels", "null"),
        ("groupLabels", #"{"b":"","a":"\/"}"#), ("alerts", "[]"), ("version", #""1""#), ("externalURL", "null"),
        ("group\\u004bey", #""other""#), ("notification_reason", #""repeat interval""#),
    ])
    func bothReadersAgreeOnOddFields(field: (String, String)) {
        check(Array(webhookBody(alerts: "[\(alertJSON())]", more: [field]).utf8))
        check(Array(webhookBody(version: nil, alerts: "[\(alertJSON())]", groupKey: nil, more: [field]).utf8))
    }

    @Test(arguments: WebhookFixture.all.filter { $0.body.count < 6000 })
    func bothReadersAgreeOnMutatedBodies(fixture: WebhookFixture) {
        var random = SeededGenerator(seed: UInt64(fixture.body.count) + 1)
        for _ in 0..<200 {
            var body = fixture.body
            for _ in 0..<Int.random(in: 1...2, using: &random) { mutate(&body, using: &random) }
            check(body)
        }
    }
}
