import TestSupport
import Testing

@testable import Alerts

@Suite struct DedupeKeyTests {
    let parser = WebhookParser()

    private func key(_ body: String) throws -> DedupeKey { try parser.parse(text: body).dedupeKey }

    private func key(alerts: String...) throws -> DedupeKey {
        try key(webhookBody(alerts: "[\(alerts.joined(separator: ","))]"))
    }

    @Test func keyMatchesTheDocumentedLayout() throws {
        // SHA-256 over u32 lengths and strings, as Canonical.cpp lays them out; made with Python's struct and hashlib.
        let body = webhookBody(alerts: "[\(alertJSON())]")
        #expect(hex(try key(body)) == "6f87050863f771531b4d573bb13671c71c44eaf924a55f349466ac800c170b80")
    }

    private func hex(_ key: DedupeKey) -> String {
        key.bytes.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
    }

    @Test func theOrderOfAlertsDoesNotMatter() throws {
        let a = alertJSON(fingerprint: #""aa""#)
        let b = alertJSON(labels: #"{"x":"y"}"#, fingerprint: #""bb""#)
        let c = alertJSON(labels: #"{"x":"z"}"#, fingerprint: #""cc""#)
        #expect(try key(alerts: a, b, c) == key(alerts: c, a, b))
        #expect(try key(alerts: a, b, c) != key(alerts: a, b))
    }

    @Test func theOrderOfAlertsThatShareAFingerprintDoesNotMatter() throws {
        let a = alertJSON(labels: #"{"x":"y"}"#)
        let b = alertJSON(labels: #"{"x":"z"}"#)
        #expect(try key(alerts: a, b) == key(alerts: b, a))
    }

    @Test func theOrderOfNamesAndTheSpellingOfStringsDoNotMatter() throws {
        let plain = alertJSON(labels: #"{"a":"1","b":"<&>"}"#, annotations: #"{"c":"3","d":"é"}"#)
        let other = alertJSON(labels: #"{"b":"\u003c&\u003e","a":"1"}"#, annotations: #"{"d":"\u00e9","\u0063":"3"}"#)
        #expect(try key(alerts: plain) == key(alerts: other))
        let reversed =
            #"{"alerts":[\#(alertJSON())],"groupKey":"{}:{}","receiver":"team","status":"firing","version":"4"}"#
        #expect(try key(reversed) == key(alerts: alertJSON()))
    }

    @Test(arguments: [
        [("notification_reason", #""repeat interval elapsed""#)], [("externalURL", #""http://peer-2:9093""#)],
        [("truncatedAlerts", "0")], [("commonLabels", #"{"a":"b"}"#)], [("orgId", "1"), ("title", #""t""#)],
    ])
    func differencesBetweenPeersAndRepeatsDoNotMatter(more: [(String, String)]) throws {
        let alerts = "[\(alertJSON())]"
        #expect(try key(webhookBody(alerts: alerts, more: more)) == key(webhookBody(alerts: alerts)))
    }

    @Test func endMattersForResolvedAlertsOnly() throws {
        let end = #""2026-01-30T11:00:00Z""#
        #expect(try key(alerts: alertJSON(endsAt: end)) == key(alerts: alertJSON()))
        let resolved = #""resolved""#
        #expect(try key(alerts: alertJSON(status: resolved, endsAt: end)) != key(alerts: alertJSON(status: resolved)))
    }

    @Test(arguments: [
        alertJSON(status: #""resolved""#), alertJSON(startsAt: #""2026-01-30T10:00:00.000000001Z""#),
        alertJSON(fingerprint: #""00000000000000ab""#),
        alertJSON(labels: #"{"alertname":"B","severity":"critical"}"#),
        alertJSON(labels: #"{"alertname":"A","severity":"page"}"#),
        alertJSON(labels: #"{"alertname":"A","severity":"critical","summary":"s"}"#, annotations: "{}"),
        alertJSON(labels: #"{"alertname":"A","severit":"ycritical"}"#),
    ])
    func anyChangeOfAnAlertChangesTheKey(alert: String) throws {
        #expect(try key(alerts: alert) != key(alerts: alertJSON()))
    }

    /// The members of a cluster evaluate annotations at different times.
    @Test(arguments: ["{}", #"{"summary":"t"}"#, #"{"summarys":""}"#, #"{"description":"now 91.7 %"}"#])
    func anAnnotationDoesNotMatter(annotations: String) throws {
        #expect(try key(alerts: alertJSON(annotations: annotations)) == key(alerts: alertJSON()))
    }

    @Test func anyChangeOfTheGroupChangesTheKey() throws {
        let alerts = "[\(alertJSON())]"
        let bodies = [
            webhookBody(alerts: alerts), webhookBody(status: #""resolved""#, alerts: alerts),
            webhookBody(alerts: alerts, groupKey: #""{}:{x}""#), webhookBody(alerts: alerts, receiver: #""other""#),
            webhookBody(alerts: alerts, more: [("truncatedAlerts", "1")]), webhookBody(),
        ]
        #expect(Set(try bodies.map { try key($0) }).count == bodies.count)
    }

    @Test func peersOfTheSameReleaseAgreeOnEveryCapturedBody() throws {
        for fixture in WebhookFixture.all {
            let one = try parser.parse(fixture.body, acceptedAt: .now()).dedupeKey
            let other = try WebhookParser().parse(fixture.body, acceptedAt: .now()).dedupeKey
            #expect(one == other && one.bytes.count == 32)
        }
        let keys = try WebhookFixture.all.map { try parser.parse($0.body, acceptedAt: .now()).dedupeKey }
        #expect(Set(keys).count == keys.count)
    }

    @Test(arguments: [
        ("repeat interval elapsed", true), ("Repeat", true), ("a REPEAT", true), ("", false), ("repea", false),
        ("first notification", false), ("new alerts added", false), ("some alerts resolved", false), ("rep eat", false),
    ])
    func reasonContainingRepeatMarksARepeat(reason: String, isRepeat: Bool) throws {
        let body = webhookBody(alerts: "[\(alertJSON())]", more: [("notification_reason", "\"\(reason)\"")])
        let expected: AlertBatch.Reason = isRepeat ? .repetition : reason.isEmpty ? .unknown : .news
        #expect(try WebhookParser().parse(Array(body.utf8), acceptedAt: .now()).reason == expected)
        #expect(try parser.parse(text: webhookBody(alerts: "[\(alertJSON())]")).reason == .unknown)
    }
}
