import TestSupport
import Testing

@testable import Alerts

@Suite struct LenientBodyTests {
    let parser = WebhookParser()

    @Test func emptyAlertsAreAcceptedWithoutNotifications() throws {
        let batch = try parser.parse(text: webhookBody())
        #expect(batch.alerts == 0 && batch.notifications.isEmpty && batch.counts.isEmpty)
    }

    @Test func absentAndNullFieldsHaveDefaults() throws {
        let absent = try parser.decode(text: #"{"alerts":[{}]}"#)
        let expected = Payload(
            receiver: "", status: .firing, groupKey: "", truncatedAlerts: 0, groupLabels: [:], commonLabels: [:],
            commonAnnotations: [:], externalURL: "", notificationReason: nil,
            alerts: [
                Alert(
                    status: .firing, labels: [:], annotations: [:], startsAt: nil, endsAt: nil, generatorURL: "",
                    fingerprint: "")
            ])
        #expect(absent == expected)
        let names = [
            "receiver", "status", "groupKey", "truncatedAlerts", "groupLabels", "commonLabels", "commonAnnotations",
            "externalURL", "notification_reason",
        ]
        let nulls = names.map { "\"\($0)\":null" }.joined(separator: ",")
        let alert = alertJSON(
            status: "null", labels: "null", annotations: "null", startsAt: "null", endsAt: "null", fingerprint: "null")
        #expect(try parser.decode(text: "{\"version\":null,\(nulls),\"alerts\":[\(alert)]}") == expected)
    }

    @Test func anAlertWithoutStatusHasThatOfThePayload() throws {
        let resolved = webhookBody(status: #""resolved""#, alerts: "[\(alertJSON(status: nil))]")
        #expect(try parser.decode(text: resolved).alerts[0].status == .resolved)
    }

    @Test func aPayloadWithoutStatusResolvesWhenAllItsAlertsDo() throws {
        let resolved = alertJSON(status: #""resolved""#)
        #expect(try parser.decode(text: webhookBody(status: nil, alerts: "[\(resolved)]")).status == .resolved)
        let mixed = webhookBody(status: nil, alerts: "[\(resolved),\(alertJSON())]")
        #expect(try parser.decode(text: mixed).status == .firing)
    }

    @Test func unknownFieldsAreIgnoredWhateverTheyHold() throws {
        let body = webhookBody(more: [
            ("routeLabels", #"{"a":[1,{"b":null}]}"#), ("orgId", "1"),
            ("values", #"{"A":1e300,"B":18446744073709551615}"#),
            ("x", "1"), ("x", "2"), ("Alerts", "null"),
        ])
        #expect(try parser.parse(text: body).alerts == 0)
    }

    @Test(arguments: [
        "18446744073709552000", "-9223372036854775809", "[1, 123456789012345678901234567890 ,2]",
        #"{"A":99999999999999999999,"B":"12345678901234567890\\\""}"#, String(repeating: "9", count: 300),
        String(repeating: "9", count: 400), "-" + String(repeating: "8", count: 100_000), "1e400",
        "[-1E+99999,0e0,1e-400]",
        "1." + String(repeating: "0", count: 500), "1e" + String(repeating: "9", count: 500),
        #"["\ud83d\ude00",1e400,"# + String(repeating: "9", count: 400) + "]",
        #"{"\u00e9\\":1e999,"\ud83d\ude00":-0.0e-0}"#,
    ])
    func numbersOfAnySizeAreIgnoredAndKept(value: String) throws {
        let mixed = "[\(alertJSON()),\(alertJSON(labels: "{}"))]"
        let batch = try parser.parse(text: webhookBody(alerts: mixed, more: [("values", value)]))
        #expect(batch.notifications.count == 2)
        for notification in batch.notifications {
            #expect(String(decoding: notification.body, as: UTF8.self).hasSuffix("\"values\":\(value)}"))
            #expect(try parser.decode(notification.body).alerts.count == 1)
        }
    }

    @Test(arguments: [
        ("0", 0), ("-0", 0), ("7", 7), ("1000000001", 1_000_000_000), ("9223372036854775807", 1_000_000_000),
    ])
    func truncatedAlertsIsClamped(sent: String, read: Int) throws {
        #expect(try parser.decode(text: webhookBody(more: [("truncatedAlerts", sent)])).truncatedAlerts == read)
    }

    @Test func sixtyFourLevelsAreRead() throws {
        let value = String(repeating: "[", count: 63) + "1" + String(repeating: "]", count: 63)
        #expect(try parser.parse(text: webhookBody(more: [("x", value)])).alerts == 0)
    }

    @Test func escapesSurviveAndLongValuesAreCutAndCounted() throws {
        let long = String(repeating: "x", count: 1_048_576)
        let labels = #"{"\ud83d\ude00":"\u0000\\\"\/\b\f\n\r\t😀","empty":"","long":"\#(long)","":"unnamed"}"#
        let decoded = try parser.decode(text: webhookBody(alerts: "[\(alertJSON(labels: labels))]")).alerts[0].labels
        #expect(decoded["😀"] == "\0\\\"/\u{8}\u{c}\n\r\t😀")
        #expect(decoded["empty"] == "" && decoded[""] == "unnamed")
        #expect(decoded["long"] == String(repeating: "x", count: 8_192) && decoded.isCut)
    }

    @Test func escapedBackslashBeginsNoSurrogateEscape() throws {
        let alerts = #"[{"status":"firing","labels":{"path":"C:\\ud800","smile":"\ud83d\ude00\ud83d\ude00"}}]"#
        #expect(try parser.decode(text: webhookBody(alerts: alerts)).alerts[0].labels["path"] == #"C:\ud800"#)
    }

    @Test func labelsOfAnyOrderAreSortedByName() throws {
        let labels = #"{"é":"4","b":"2","a":"1","c":"3"}"#
        let alert = try parser.decode(text: webhookBody(alerts: "[\(alertJSON(labels: labels))]")).alerts[0]
        #expect(alert.labels.pairs.map(\.value) == ["1", "2", "3", "4"])
    }

    @Test func aFiringAlertHasNoEnd() throws {
        let alert = alertJSON(endsAt: #""2026-01-30T11:00:00Z""#)
        #expect(try parser.decode(text: webhookBody(alerts: "[\(alert)]")).alerts[0].endsAt == nil)
    }

    @Test func bodiesWithAndWithoutSpareCapacityReadAlike() throws {
        for fixture in WebhookFixture.all {
            let tight = fixture.body.withUnsafeBufferPointer { Array($0) }
            var spare = tight
            spare.reserveCapacity(tight.count + 64)
            #expect(
                try parser.parse(tight, acceptedAt: .now()).dedupeKey
                    == parser.parse(spare, acceptedAt: .now()).dedupeKey)
        }
    }
}
