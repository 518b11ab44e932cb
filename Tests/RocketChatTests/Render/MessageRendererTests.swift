import Testing

@testable import Alerts
@testable import RocketChat

/// The exact text of messages.
@Suite struct MessageRendererTests {
    private let renderer = MessageRenderer(settings: RenderSettings())
    private static let source = "http://prometheus.example.org:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1"

    @Test func firingAlertShowsNamePlaceDurationAndLinks() throws {
        let alert = Alert.make(
            labels: [
                "alertname": "HighErrorRate", "cluster": "prod-eu", "instance": "web-1.example.com:9100", "job": "node",
                "prometheus_replica": "a", "severity": "critical",
            ],
            annotations: [
                "description": "Error rate is 7.3% (threshold 5%).\n- see the latestSnapshot",
                "impact": "Checkout is slow",
                "runbook_url": "https://runbooks.example.org/HighErrorRate", "summary": "High error rate",
            ])
        let messages = renderer.render([alert], now: .start.plus(7_980))
        let message = try #require(messages.first)
        #expect(messages.count == 1 && message.attachments.count == 1)
        #expect(
            message.text == "🔴 CRITICAL firing for 2 h 13 m: HighErrorRate on web-1.\u{200B}example.\u{200B}com:9100 "
                + "in prod-eu - High error rate")
        let attachment = message.attachments[0]
        #expect(attachment.color == "#D32F2F" && attachment.titleLink == Self.source)
        #expect(attachment.title == "HighErrorRate on web-1.example.com:9100 - firing")
        #expect(
            attachment.text == """
                High error rate
                Error rate is 7.3% (threshold 5%).
                \u{200B}- see the latestSnapshot
                Firing since 2026-11-23 17:04 UTC (2 h 13 m)
                [Runbook](https://runbooks.example.org/HighErrorRate) · [Source](\(Self.source)) · \
                [Silence](http://alertmanager.example.org:9093/#/silences/new?filter=%7Balertname%3D%22HighErrorRate\
                %22%2Ccluster%3D%22prod-eu%22%2Cinstance%3D%22web-1.example.com%3A9100%22%2Cjob%3D%22node%22%2C\
                prometheus_replica%3D%22a%22%2Cseverity%3D%22critical%22%7D)
                """)
        #expect(
            attachment.fields == [
                .init(title: "instance", value: "web-1\\.example\\.com:9100", isShort: true),
                .init(title: "cluster", value: "prod-eu", isShort: true),
                .init(title: "job", value: "node", isShort: true),
                .init(title: "impact", value: "Checkout is slow", isShort: true),
            ])
    }

    @Test func aMixedGroupCountsBothAndShowsFiringFirst() {
        let alerts: [Alert] = [
            .numbered(3, status: .resolved), .numbered(1), .numbered(2), .numbered(4, name: "DiskFull"),
        ]
        let message = renderer.render(alerts)[0]
        #expect(
            message.text == """
                🔴 CRITICAL 3 firing: HighCPUUsage (2), DiskFull on web-1:9100, web-2:9100 and 1 more in prod-eu; \
                1 resolved: HighCPUUsage on web-3:9100 in prod-eu
                All 4 alerts have cluster = prod-eu · job = node
                """)
        #expect(
            message.attachments.map(\.title) == [
                "HighCPUUsage on web-1:9100 - firing", "HighCPUUsage on web-2:9100 - firing",
                "DiskFull on web-4:9100 - firing", "HighCPUUsage on web-3:9100 - resolved",
            ])
        #expect(message.attachments.map(\.color) == ["#D32F2F", "#D32F2F", "#D32F2F", "#2E9E4F"])
        #expect(message.attachments.allSatisfy { $0.fields.map(\.title) == ["instance"] })
    }

    @Test func aResolvedAlertSaysHowLongItFiredAndOffersNoSilence() {
        let message = renderer.render([.make(status: .resolved)])[0]
        #expect(message.text == "✅ CRITICAL resolved after 16 m: HighCPUUsage on web-1:9100 - CPU above 90 %")
        #expect(
            message.attachments[0].text == """
                CPU above 90 %
                Resolved. Fired from 2026-11-23 17:04 to 17:20 UTC (16 m)
                [Source](\(Self.source))
                """)
    }

    @Test func manyAlertNamesAreSummarized() {
        let alerts = (0..<9).map { Alert.numbered($0, name: $0 < 4 ? "Down" : "Kind\($0)") }
        let first = renderer.render(alerts)[0].text.split(separator: "\n")[0]
        #expect(
            first == "🔴 CRITICAL 9 firing: Down (4), Kind4, Kind5 and 3 more kinds on web-0:9100, web-1:9100 "
                + "and 7 more in prod-eu")
    }

    @Test func truncatedAlertsAreStatedWithoutAnAllClear() {
        let payload = Payload.make(truncatedAlerts: 12, alerts: [.make(status: .resolved)])
        let lines = renderer.render(payload, severity: .warning, now: .start)[0].text.split(separator: "\n")
        #expect(lines[0].hasPrefix("⚠️ WARNING resolved"))
        #expect(
            lines[1] == "+12 more alerts not sent by Alertmanager (max_alerts): they may still fire, whatever the "
                + "group's status says")
    }

    @Test(arguments: [
        (Severity.critical, "🔴 CRITICAL firing", "#D32F2F"), (.warning, "🟠 WARNING firing", "#F57C00"),
        (.info, "🔵 INFO firing", "#1976D2"), (.fallback, "⚪ UNKNOWN SEVERITY firing", "#757575"),
    ])
    func everySeverityHasItsWordAndColor(severity: Severity, start: String, color: String) {
        let message = renderer.render([.make()], severity: severity)[0]
        #expect(message.text.hasPrefix(start) && message.attachments[0].color == color)
    }

    @Test func aliasOfTheSeverityIsShown() {
        let alert = Alert.make(labels: ["alertname": "X", "severity": "page"])
        #expect(renderer.render([alert])[0].attachments[0].fields.map(\.value) == ["page"])
    }

    @Test func unnamedAlertIsTitledByItsSummaryOrLabels() {
        let labels: Labels = ["foo": "bar", "instance": "a", "severity": "warning"]
        let summarised = Alert.make(labels: labels, annotations: ["summary": "Disk full on a"])
        let message = renderer.render([summarised], severity: .warning, now: .start)[0]
        #expect(message.text == "🟠 WARNING firing: Disk full on a")
        #expect(message.attachments[0].title == "Disk full on a - firing")
        let bare = renderer.render([.make(labels: labels, annotations: [:])], severity: .warning, now: .start)[0]
        #expect(bare.attachments[0].title == "foo=bar, instance=a - firing")
        let empty = renderer.render([.make(labels: [:], annotations: [:])], severity: .fallback, now: .start)[0]
        #expect(empty.text == "⚪ UNKNOWN SEVERITY firing: Alert without a name")
        #expect(empty.attachments[0].fields.isEmpty && !empty.attachments[0].text.isEmpty)
    }

    @Test func aDeliberateRepeatSaysStillFiring() {
        let payload = Payload.make(notificationReason: "repeat interval elapsed", alerts: [.make()])
        let text = renderer.render(payload, severity: .critical, now: .start.plus(7_200))[0].text
        #expect(text.hasPrefix("🔴 CRITICAL still firing for 2 h: HighCPUUsage"))
    }

    @Test func invalidLinkAnnotationStaysVisible() {
        let alert = Alert.make(annotations: ["runbook": "ask Ana", "runbook_url": "javascript:alert(1)"])
        let attachment = renderer.render([alert])[0].attachments[0]
        #expect(attachment.fields.suffix(2).map(\.value) == ["ask Ana", "javascript:alert(1)"])
        #expect(!attachment.text.contains("[Runbook]"))
    }

    @Test func aPayloadWithoutAlertsStillGivesAMessage() {
        let messages = renderer.render([])
        #expect(messages == [Message(text: "✅ CRITICAL no alerts in this notification")])
    }

    @Test func theOperatorChoosesLabelsAndAvatar() {
        let settings = RenderSettings(shownLabels: ["job", "instance"], emoji: ":bell:")
        let message = MessageRenderer(settings: settings).render([.numbered(1)])[0]
        #expect(message.attachments[0].fields.map(\.title) == ["job", "instance"] && message.emoji == ":bell:")
    }
}
