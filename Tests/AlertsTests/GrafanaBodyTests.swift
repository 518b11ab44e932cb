import TestSupport
import Testing

@testable import Alerts

@Suite struct GrafanaBodyTests {
    private let parser = WebhookParser()

    private func grafana(_ fields: String, version: String = #""1""#) throws -> GrafanaFields? {
        let alert = "{\(fields),\(alertJSON().dropFirst())"
        return try parser.decode(text: webhookBody(version: version, alerts: "[\(alert)]")).alerts[0].grafana
    }

    @Test func documentedBodyIsRead() throws {
        let body = try WebhookFixture.body("grafana-documented")
        let batch = try parser.parse(body, acceptedAt: .now())
        #expect(batch.alerts == 2 && batch.oddities.isEmpty)
        #expect(batch.notifications.map(\.severity) == [.critical, .fallback])
        let payload = try parser.decode(body)
        #expect(payload.isGrafana)
        let fields = try #require(payload.alerts[0].grafana)
        #expect(fields.values == "B=44.239, C=1")
        #expect(fields.silenceURL.hasPrefix("https://grafana.example.org/alerting/silence/new?"))
        #expect(fields.imageURL == "https://grafana.example.org/public/img/attachments/cpu.png")
        #expect(payload.alerts[1].grafana?.values == "[ var='B' labels={zone=eu-1} value=47.1 ]")
        for notification in batch.notifications {
            let part = try parser.decode(notification.body)
            #expect(part.isGrafana && part.alerts.count == 1 && payload.alerts.contains(part.alerts[0]))
        }
    }

    @Test func testMessageOfAContactPointIsRead() throws {
        let body = try WebhookFixture.body("grafana-version-1")
        #expect(try parser.parse(body, acceptedAt: .now()).oddities.isEmpty)
        let fields = try #require(try parser.decode(body).alerts[0].grafana)
        #expect(fields.values == "[ metric='foo' labels={instance=bar} value=10 ]" && fields.dashboardURL.isEmpty)
    }

    private func envelope(_ fields: [(String, String)], version: String = #""1""#) throws -> GrafanaEnvelope {
        try parser.decode(text: webhookBody(version: version, alerts: "[\(alertJSON())]", more: fields)).grafana
    }

    /// The part for each room has the fields of the whole notification.
    @Test func fieldsOfTheNotificationAreRead() throws {
        let body = try WebhookFixture.body("grafana-documented")
        let payload = try parser.decode(body)
        let grafana = payload.grafana
        #expect(grafana.title == "[FIRING:2]  (blue)" && grafana.state == "alerting" && grafana.orgID == 1)
        #expect(grafana.message == "**Firing**\n\nLabels:\n - alertname = High memory usage\n")
        let values =
            "[ var='B' labels={zone=us-1} value=44.23943737541908 ], [ var='C' labels={zone=us-1} value=1 ]"
        #expect(payload.alerts[0].grafana?.valueString == values)
        let parts = try parser.parse(body, acceptedAt: .now()).notifications.map { try parser.decode($0.body) }
        #expect(parts.count == 2 && parts.allSatisfy { $0.grafana == grafana })
        for fixture in WebhookFixture.all {
            #expect(try parser.decode(fixture.body).grafana == GrafanaEnvelope())
        }
    }

    @Test(arguments: [
        ("0", 0), ("-7", -7), ("9223372036854775807", Int.max), ("9223372036854775808", nil), ("1.5", nil),
        ("1e3", nil), ("null", nil), ("1" + String(repeating: "0", count: 20_000), nil),
    ])
    func organizationIsAWholeNumber(json: String, number: Int?) throws {
        #expect(try envelope([("orgId", json)]).orgID == number)
        #expect(try parser.parse(text: webhookBody(more: [("orgId", json)])).oddities.isEmpty)
    }

    @Test(arguments: ["7", "true", "{}", #"["x"]"#, "null"])
    func textOfAnotherTypeIsUnknown(json: String) throws {
        let fields = [("title", json), ("message", json), ("state", json)]
        #expect(try envelope(fields, version: "null") == GrafanaEnvelope())
        let oddities = try parser.parse(text: webhookBody(more: fields + [("orgId", #""1""#)])).oddities
        #expect(oddities == [.field: json == "null" ? 1 : 4])
    }

    @Test func escapedTextIsResolved() throws {
        let read = try envelope([("t\\u0069tle", #""\ud83d\ude00\n\"""#), ("message", #""a\tb""#)], version: #""4""#)
        #expect(read.title == "😀\n\"" && read.message == "a\tb" && read.state.isEmpty)
    }

    /// A cut leaves no part of a character.
    @Test(arguments: ["a", "é", "€", "😀"])
    func longTextIsCut(character: String) throws {
        for prefix in ["", "x", "xy", "xyz"] {
            let long = prefix + String(repeating: character, count: 9_000)
            let read = try envelope([("title", "\"\(long)\""), ("message", "\"\(long)\"")])
            let values = try #require(try grafana("\"valueString\":\"\(long)\""))
            for text in [read.title, read.message, values.valueString, values.values ?? ""] {
                #expect(long.hasPrefix(text) && (8_189...8_192).contains(text.utf8.count))
            }
        }
    }

    @Test func blankValueStringIsNone() throws {
        #expect(try grafana(#""valueString":" \n""#, version: #""4""#) == nil)
        #expect(try grafana(#""valueString":"v","values":{"A":1}"#)?.valueString == "v")
    }

    @Test(arguments: [
        ("1", "1"), ("1.0", "1"), ("-0", "0"), ("44.23943737541908", "44.239"), ("0.000123456", "0.000123"),
        ("1e-30", "1e-30"), ("1.5e300", "1.5e300"), ("123456789.987654", "123456789.988"), ("-0.05", "-0.05"),
        ("99999999999999999999999", "99999999999999999999999"), ("1e999", "1e999"),
        ("100000000000000", "100000000000000"),
    ])
    func numbersAreShortened(json: String, text: String) {
        #expect(GrafanaFields.readable(json) == text)
    }

    @Test func valuesOfOtherTypesAreLeftOut() throws {
        #expect(try grafana(#""values":{"A":null,"B":"x","C":[1],"D":2.50001}"#)?.values == "D=2.5")
        #expect(try grafana(#""values":null,"valueString":"v""#)?.values == "v")
        #expect(try grafana(#""values":{},"valueString":"v""#)?.values == "v")
        #expect(try grafana(#""values":[1],"valueString":7,"silenceURL":{},"imageURL":null"#) == GrafanaFields())
        let many = (0..<40).map { #""N\#($0)":\#($0)"# }.joined(separator: ",")
        #expect(try grafana("\"values\":{\(many)}")?.values?.split(separator: ",").count == 32)
    }

    @Test func escapesAreResolved() throws {
        let fields = try #require(
            try grafana(#""silenceURL":"https:\/\/g\u002fx","values":{"\u0041\n":1},"v\u0061lueString":"\ud83d\ude00""#)
        )
        #expect(fields.silenceURL == "https://g/x" && fields.values == "A\n=1")
    }

    @Test func alertOfAlertmanagerHasNone() throws {
        for fixture in WebhookFixture.all.prefix(6) {
            #expect(try parser.decode(fixture.body).alerts.allSatisfy { $0.grafana == nil })
        }
        #expect(try grafana(#""x":1"#, version: #""4""#) == nil)
        #expect(try grafana(#""panelURL":"p""#, version: "null")?.panelURL == "p")
    }

    @Test func rulesWithoutDataAreNamedByTheRule() throws {
        for (name, words) in [
            ("DatasourceNoData", "CPU high (no data)"), ("DatasourceError", "CPU high (data source error)"),
        ] {
            let labels = "{\"alertname\":\"\(name)\",\"rulename\":\"CPU high\"}"
            let alerts = Array(repeating: alertJSON(labels: labels), count: 2_100).joined(separator: ",")
            let payload = try parser.decode(text: webhookBody(version: #""1""#, alerts: "[\(alerts)]"))
            #expect(payload.alerts[0].displayName == words)
            #expect(payload.countedAlerts.keys.sorted() == [words])
            let plain = alertJSON(labels: "{\"alertname\":\"\(name)\"}")
            #expect(try parser.decode(text: webhookBody(alerts: "[\(plain)]")).alerts[0].displayName == name)
        }
    }
}
