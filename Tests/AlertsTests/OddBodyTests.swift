import TestSupport
import Testing

@testable import Alerts

/// Values that are not as documented cost no alert: they are unknown, and counted.
@Suite struct OddBodyTests {
    private let parser = WebhookParser()

    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var body: String
        var odd: [PayloadOddity: Int]

        init(_ what: String, _ body: String, _ odd: [PayloadOddity: Int]) {
            (testDescription, self.body, self.odd) = (what, body, odd)
        }
    }

    /// A body with a good alert on both sides of an odd one.
    private static func beside(_ odd: String) -> String {
        webhookBody(alerts: "[\(good("a")),\(odd),\(good("b"))]")
    }

    private static func good(_ instance: String) -> String {
        alertJSON(labels: "{\"alertname\":\"A\",\"instance\":\"\(instance)\"}", fingerprint: "\"\(instance)\"")
    }

    private static let times = [
        #""""#, #"" ""#, #""now""#, #""2026-11-23T10:00:00""#, #""2026-11-23T10:00:00.123456""#, #""2026-11-23""#,
        #""2026-13-23T10:00:00Z""#, #""10000-01-01T00:00:00Z""#, #""2026-11-23T25:00:00Z""#, "1763892000", "-1",
        "1.5e9",
        "true", "{}", #"["2026-11-23T10:00:00Z"]"#, "9999999999999999999999999",
    ].map { (time: String) in Case("startsAt \(time)", beside(alertJSON(startsAt: time)), [.time: 1]) }

    private static let values = ["1", "1.5", "true", "{}", "[]", #"{"a":"b"}"#].flatMap { (value: String) in
        [
            Case("label \(value)", beside(alertJSON(labels: #"{"alertname":"A","x":\#(value)}"#)), [.label: 1]),
            Case("annotation \(value)", beside(alertJSON(annotations: #"{"x":\#(value)}"#)), [.annotation: 1]),
            Case("fingerprint \(value)", beside(alertJSON(fingerprint: value)), [.field: 1]),
            Case("status \(value)", beside(alertJSON(status: value)), [.field: 1]),
            Case(
                "group label \(value)",
                webhookBody(
                    alerts: "[\(good("a")),\(good("b"))]",
                    more: [
                        ("groupLabels", #"{"x":\#(value)}"#), ("commonLabels", #"{"x":\#(value)}"#),
                        ("commonAnnotations", #"{"x":\#(value)}"#),
                    ]), [.label: 2, .annotation: 1]),
        ]
    }

    private static let fields = [
        Case("label null", beside(alertJSON(labels: #"{"alertname":"A","x":null}"#)), [.label: 1]),
        Case("annotation null", beside(alertJSON(annotations: #"{"x":null,"summary":"s"}"#)), [.annotation: 1]),
        Case("labels array", beside(alertJSON(labels: "[1,[2]]")), [.field: 1]),
        Case("annotations string", beside(alertJSON(annotations: #""x""#)), [.field: 1]),
        Case("labels null", beside(alertJSON(labels: "null")), [.missing: 1]),
        Case("no labels", beside(alertJSON(labels: nil)), [.missing: 1]),
        Case("no fingerprint", beside(alertJSON(fingerprint: nil)), [.missing: 1]),
        Case("no start", beside(alertJSON(startsAt: nil)), [.missing: 1]),
        Case("no end", beside(alertJSON(endsAt: nil)), [:]),
        Case("end empty", beside(alertJSON(endsAt: #""""#)), [.time: 1]),
        Case("status word", beside(alertJSON(status: #""suppressed\u0007""#)), [.field: 1]),
        Case("empty alert", beside("{}"), [.missing: 4]),
        Case("label twice", beside(alertJSON(labels: #"{"b":"1","a":"1","b":"2","a":"1"}"#)), [.duplicate: 2]),
        Case("field twice", beside(#"{"status":"resolved",\#(alertJSON().dropFirst())"#), [.duplicate: 1]),
        Case("generatorURL", beside(#"{"generatorURL":7,\#(alertJSON().dropFirst())"#), [.field: 1]),
        Case("null field twice", beside(#"{"status":null,\#(alertJSON().dropFirst())"#), [.duplicate: 1]),
    ]

    @Test(arguments: times + values + fields)
    func oddValueIsCountedAndCostsNoAlert(odd: Case) throws {
        let batch = try parser.parse(text: odd.body)
        #expect(batch.oddities == odd.odd)
        let alerts = try batch.notifications.flatMap { try parser.decode($0.body).alerts }
        #expect(alerts.count == batch.alerts && batch.alerts >= 2)
        for instance in ["a", "b"] {
            let alert = try #require(alerts.first { $0.labels["instance"] == instance })
            #expect(alert.annotations["summary"] == "s" && alert.startsAt?.seconds == 1_769_767_200)
        }
    }

    @Test(arguments: ["null", "1", #""x""#, "[{}]", "true"])
    func elementThatIsNoAlertIsLeftOut(element: String) throws {
        let batch = try parser.parse(text: Self.beside(element))
        #expect(batch.alerts == 2 && batch.oddities == [.alert: 1])
        let mixed = "[\(element),\(Self.good("a")),\(element),\(alertJSON()),\(element)]"
        let parts = try parser.parse(text: webhookBody(alerts: mixed)).notifications
        #expect(try parts.map { try parser.decode($0.body).alerts.count } == [1, 1])
        #expect(try parser.parse(text: webhookBody(alerts: "[\(element)]")).notifications.isEmpty)
    }

    @Test func payloadFieldsOfAWrongTypeAreUnknown() throws {
        let body =
            #"{"receiver":7,"status":"ok","groupKey":{},"externalURL":1,"notification_reason":[],"#
            + #""groupLabels":[],"commonLabels":1,"commonAnnotations":"x","truncatedAlerts":"1","alerts":[{}]}"#
        let payload = try parser.decode(text: body)
        #expect(payload.receiver.isEmpty && payload.groupKey.isEmpty && payload.notificationReason == nil)
        #expect(payload.status == .firing && payload.truncatedAlerts == 0)
        #expect(try parser.parse(text: body).oddities == [.field: 9, .missing: 5])
    }

    @Test(arguments: [
        (#""1""#, 0), ("1.5", 0), ("-1", 0), ("-9223372036854775809", 0), ("18446744073709552000", 1_000_000_000),
        ("true", 0), ("1e3", 0), ("{}", 0),
    ])
    func oddTruncatedAlertsIsCounted(sent: String, read: Int) throws {
        let body = webhookBody(more: [("truncatedAlerts", sent)])
        #expect(try parser.decode(text: body).truncatedAlerts == read)
        #expect(try parser.parse(text: body).oddities == [.field: 1])
    }

    @Test func lastOfTwoValuesCounts() throws {
        let body = webhookBody(
            alerts: "[1]",
            more: [
                ("alerts", "[\(Self.good("a")),\(alertJSON())]"), ("st\\u0061tus", #""resolved""#),
            ])
        let batch = try parser.parse(text: body)
        #expect(batch.oddities == [.duplicate: 2] && batch.alerts == 2 && batch.notifications.count == 2)
        for notification in batch.notifications {
            let part = try parser.decode(notification.body)
            #expect(part.alerts.count == 1 && part.status == .resolved)
        }
        #expect(try parser.parse(text: webhookBody(alerts: "[{}]", more: [("alerts", "null")])).alerts == 0)
        let labels = alertJSON(labels: #"{"b":"1","a":"1","b":"2"}"#)
        #expect(try parser.decode(text: webhookBody(alerts: "[\(labels)]")).alerts[0].labels == ["a": "1", "b": "2"])
    }

    @Test func numberIsTheTextOfALabelAndNullIsNoLabel() throws {
        let labels = #"{"a":97,"b":null,"c":true,"d":{"x":[1]},"e":-1.5e-3,"severity":1}"#
        let alert = try parser.decode(text: webhookBody(alerts: "[\(alertJSON(labels: labels))]")).alerts[0]
        #expect(alert.labels == ["a": "97", "c": "true", "e": "-1.5e-3", "severity": "1"])
    }

    @Test func statusInAnotherCaseIsKnown() throws {
        let body = webhookBody(alerts: "[\(alertJSON(status: #""Resolved""#))]")
        #expect(try parser.decode(text: body).alerts[0].status == .resolved)
        #expect(try parser.parse(text: body).oddities.isEmpty)
    }

    @Test(arguments: [nil, #""1""#, "null"] as [String?])
    func otherVersionsAreAccepted(version: String?) throws {
        let batch = try parser.parse(text: webhookBody(version: version, alerts: "[\(alertJSON())]"))
        #expect(batch.alerts == 1)
    }

    @Test func capturedBodiesHaveNoOddValues() throws {
        for fixture in WebhookFixture.all {
            #expect(try parser.parse(fixture.body, acceptedAt: .now()).oddities.isEmpty, "\(fixture)")
        }
    }

    @Test func absentFingerprintIsThatOfAlertmanager() throws {
        for fixture in WebhookFixture.all where fixture.body.count < 100_000 {
            let sent = try parser.decode(fixture.body).alerts
            let text = String(decoding: fixture.body, as: UTF8.self)
            let without = text.replacing(#""fingerprint":""#, with: #""unknown":""#)
            let read = try parser.decode(text: without).alerts
            #expect(read.map(\.fingerprint) == sent.map(\.fingerprint), "\(fixture)")
        }
    }
}
