import TestSupport
import Testing

@testable import Alerts

@Suite struct CapturedBodyTests {
    let parser = WebhookParser()
    let acceptedAt = Timestamp(seconds: 1_800_000_000, nanoseconds: 7)

    @Test(arguments: WebhookFixture.all)
    func everyCapturedBodyMatchesItsSummary(fixture: WebhookFixture) throws {
        let payload = try parser.decode(fixture.body)
        #expect(payload.status.rawValue == fixture.summary.status)
        #expect(payload.alerts.count == fixture.summary.alerts)
        #expect(payload.alerts.count { $0.status == .firing } == fixture.summary.firing)
        #expect(payload.alerts.count { $0.status == .resolved } == fixture.summary.resolved)
        #expect(payload.truncatedAlerts == fixture.summary.truncatedAlerts)
        #expect(payload.notificationReason == fixture.summary.notificationReason)
        #expect(payload.groupKey == fixture.summary.groupKey)
        #expect(payload.alerts.allSatisfy { $0.fingerprint.utf8.count == 16 && $0.startsAt != nil })
        #expect(payload.alerts.allSatisfy { ($0.endsAt == nil) == ($0.status == .firing) })
    }

    @Test(arguments: WebhookFixture.all)
    func everyCapturedBodyParsesToCountsThatAddUp(fixture: WebhookFixture) throws {
        let batch = try parser.parse(fixture.body, acceptedAt: acceptedAt)
        #expect(batch.alerts == fixture.summary.alerts)
        let firing = batch.counts.filter { $0.status == .firing }
        let resolved = batch.counts.filter { $0.status == .resolved }
        #expect(firing.reduce(0) { $0 + $1.alerts } == fixture.summary.firing)
        #expect(resolved.reduce(0) { $0 + $1.alerts } == fixture.summary.resolved)
        #expect(batch.notifications.allSatisfy { $0.acceptedAt == acceptedAt })
        #expect(
            batch.notifications.map(\.severity)
                == Severity.allCases.filter { severity in
                    batch.counts.contains { $0.severity == severity }
                })
    }

    @Test func allCapturedBodiesAreThere() {
        #expect(WebhookFixture.all.count >= 21)
    }

    @Test func fieldsAreDecodedUnchanged() throws {
        let payload = try parser.decode(WebhookFixture.named("01-single-firing.am0331").body)
        let alert = try #require(payload.alerts.first)
        #expect(payload.externalURL == "http://alertmanager.example.org:9093")
        #expect(payload.commonLabels["severity"] == alert.labels["severity"])
        #expect(alert.generatorURL.contains("g0.expr=up+%3D%3D+0&g0.tab=1"))
        #expect(alert.labels.pairs.map(\.name) == alert.labels.pairs.map(\.name).sorted())
    }

    @Test func timesOfFixture19AreReadWithOffsetsAndFractions() throws {
        let alerts = try parser.decode(WebhookFixture.named("19-timestamps.am0331").body).alerts
        #expect(
            alerts.map { $0.startsAt?.rfc3339 } == [
                "2026-11-23T17:10:09.582Z", "2026-11-23T17:05:09.587178644Z", "2024-03-31T00:30:00.123456789Z",
                "2024-01-01T00:00:00Z",
            ])
    }

    @Test func groupDependsOnReceiverAndGroupKeyOnly() throws {
        func group(_ body: String) throws -> UInt64? { try parser.parse(text: body).notifications.first?.group }
        let one = try group(webhookBody(alerts: "[\(alertJSON())]"))
        #expect(try group(webhookBody(alerts: "[\(alertJSON(fingerprint: #""bb""#))]")) == one)
        #expect(try group(webhookBody(alerts: "[\(alertJSON())]", groupKey: #""{}:{a}""#)) != one)
        #expect(try group(webhookBody(alerts: "[\(alertJSON())]", receiver: #""other""#)) != one)
        // Length prefixes keep the border between the two: "team" + "{}:{}" is not "team{" + "}:{}".
        #expect(
            try group(webhookBody(alerts: "[\(alertJSON())]", groupKey: #""}:{}""#, receiver: #""team{""#)) != one)
    }

    @Test func aHugeBodyLeavesTheParserUsable() throws {
        let alerts = (0..<6000).map { alertJSON(fingerprint: "\"\($0)\"") }.joined(separator: ",")
        let huge = webhookBody(alerts: "[\(alerts)]")
        #expect(huge.utf8.count > 1_048_576)
        #expect(try parser.parse(text: huge).alerts == 6000)
        let payload = try parser.decode(text: huge)
        #expect(payload.alerts.count + payload.countedAlerts.values.reduce(0) { $0 + $1.total } == 6000)
        #expect(try parser.parse(text: webhookBody(alerts: "[\(alertJSON())]")).alerts == 1)
    }
}
