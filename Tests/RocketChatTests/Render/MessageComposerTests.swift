import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat
@testable import Support

/// The exact text of messages.
@Suite struct MessageComposerTests {
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
        let message = Message.composed([alert], now: .start.plus(7_980))
        #expect(
            message.text == "🔴 CRITICAL firing for 2 h 13 m: HighErrorRate on `web-1.example.com:9100` in `prod-eu` "
                + "- High error rate")
        let attachment = try #require(message.attachments.first)
        #expect(message.attachments.count == 1 && !attachment.isCollapsed)
        #expect(attachment.color == "#D32F2F" && attachment.titleLink == Self.source)
        #expect(attachment.title == "FIRING HighErrorRate", "the text has the place and the summary")
        let filter =
            "?filter=%7Balertname%3D%22HighErrorRate%22%2Ccluster%3D%22prod-eu%22%2C"
            + "instance%3D%22web-1.example.com%3A9100%22%2Cjob%3D%22node%22%2Cprometheus_replica%3D%22a%22%2C"
            + "severity%3D%22critical%22%7D"
        #expect(
            attachment.text == """
                Error rate is 7.3% (threshold 5%).
                • see the latestSnapshot
                Firing since 2026-11-23 17:04 UTC (2 h 13 m)
                [Runbook](https://runbooks.example.org/HighErrorRate) · \
                [Alert](http://alertmanager.example.org:9093/#/alerts\(filter)) · \
                [Silence](http://alertmanager.example.org:9093/#/silences/new\(filter))
                """)
        #expect(
            attachment.fields == [
                .init(title: "cluster", value: "prod-eu", isShort: true),
                .init(title: "job", value: "node", isShort: true),
                .init(title: "impact", value: "Checkout is slow", isShort: true),
            ])
    }

    @Test func aMixedGroupCountsBothAndShowsFiringFirst() {
        let alerts: [Alert] = [
            .numbered(3, status: .resolved), .numbered(1), .numbered(2), .numbered(4, name: "DiskFull"),
        ]
        let message = Message.composed(alerts)
        #expect(
            message.text == """
                🔴 CRITICAL 3 firing: HighCPUUsage (2), DiskFull in `prod-eu`; \
                1 resolved: HighCPUUsage on `web-3:9100` in `prod-eu`
                All 4 alerts have cluster = `prod-eu` · job = `node`
                """)
        #expect(
            message.attachments.map(\.title) == [
                "FIRING HighCPUUsage on web-1:9100", "FIRING HighCPUUsage on web-2:9100",
                "FIRING DiskFull on web-4:9100", "RESOLVED HighCPUUsage on web-3:9100",
            ])
        #expect(message.attachments.map(\.color) == ["#D32F2F", "#D32F2F", "#D32F2F", "#2E9E4F"])
        #expect(message.attachments.allSatisfy { $0.fields.map(\.title) == ["instance"] })
        #expect(message.attachments[0].text.hasPrefix("CPU above 90 % on web-1\n"))
    }

    @Test func aResolvedAlertSaysHowLongItFiredAndOffersNoSilence() {
        let message = Message.composed([.make(status: .resolved)])
        #expect(message.text == "✅ CRITICAL resolved after 16 m: HighCPUUsage on `web-1:9100` - CPU above 90 %")
        #expect(message.attachments[0].title == "RESOLVED HighCPUUsage")
        #expect(message.attachments[0].text == "Resolved. Fired from 2026-11-23 17:04 to 17:20 UTC (16 m)")
    }

    @Test func sourceIsALinkIfTheTitleHasNone() {
        let long = "http://prometheus/" + String(repeating: "x", count: 1_990)
        #expect(!Message.composed([.make()]).attachments[0].text.contains("[Source]"))
        #expect(Message.composed([.make(generatorURL: long)]).attachments[0].titleLink == long)
    }

    @Test func labelsOfTheExporterAreLastOrHidden() {
        let alert = Alert.make(labels: [
            "alertname": "KubePodCrashLooping", "container": "kube-state-metrics", "deployment": "shop",
            "endpoint": "http", "instance": "10.1.2.3:8080", "job": "kube-state-metrics", "namespace": "shop",
            "pod": "shop-7d9f", "service": "kube-state-metrics", "severity": "critical", "uid": "7e1",
        ])
        let message = Message.composed([alert])
        #expect(message.text.contains("KubePodCrashLooping on `shop-7d9f` in `shop`"))
        #expect(
            message.attachments[0].fields.map(\.title) == [
                "namespace", "deployment", "container", "instance", "job", "service",
            ])
    }

    @Test func moreThanFiveAlertsAreOneCardOfEachNameAndLines() {
        let alerts = (0..<7).map { Alert.numbered($0, name: $0 == 3 ? "DiskFull" : "HostDown") }
        let message = Message.composed(alerts)
        #expect(
            message.attachments.map(\.title) == [
                "FIRING HostDown on web-0:9100", "FIRING DiskFull on web-3:9100", "5 more firing",
            ])
        #expect(
            message.attachments[2].text
                == "HostDown (5): web-1:9100, web-2:9100, web-4:9100, web-5:9100, web-6:9100")
    }

    @Test func manyAlertNamesAreSummarized() {
        let alerts = (0..<9).map { Alert.numbered($0, name: $0 < 4 ? "Down" : "Kind\($0)") }
        let first = Message.composed(alerts).text.split(separator: "\n")[0]
        #expect(
            first == "🔴 CRITICAL 9 firing: Down (4), Kind4, Kind5 and 3 more kinds in `prod-eu`")
        let one = Message.composed(alerts.filter { $0.displayName == "Down" }).text
        #expect(one.hasPrefix("🔴 CRITICAL 4 firing: Down (4) on `web-0:9100`, `web-1:9100` and 2 more in `prod-eu`"))
        #expect(AlertNames(counts: ["A": 1, "B": 2], order: []).text(limit: 1) == "B (2) and 1 more kind")
    }

    @Test func truncatedAlertsAreStatedWithoutAnAllClear() {
        let payload = Payload.make(truncatedAlerts: 12, alerts: [.make(status: .resolved)])
        let composer = MessageComposer(payload, severity: .warning, settings: RenderSettings(), now: .start)
        let lines = composer.message().text.split(separator: "\n")
        #expect(lines[0].hasPrefix("⚠️ WARNING resolved"))
        #expect(
            lines[1] == "+12 more alerts not sent by Alertmanager (max_alerts): they may still fire, "
                + "regardless of the group's status")
    }

    @Test(arguments: [
        (Severity.critical, "🔴 CRITICAL firing", "#D32F2F"), (.warning, "🟠 WARNING firing", "#F57C00"),
        (.info, "🔵 INFO firing", "#1976D2"), (.fallback, "⚪ UNKNOWN SEVERITY firing", "#757575"),
    ])
    func everySeverityHasItsWordAndColor(severity: Severity, start: String, color: String) {
        let message = Message.composed([.make()], severity: severity)
        #expect(message.text.hasPrefix(start) && message.attachments[0].color == color)
    }

    @Test func aliasOfTheSeverityIsShown() {
        let alert = Alert.make(labels: ["alertname": "X", "severity": "page"])
        #expect(Message.composed([alert]).attachments[0].fields.map(\.value) == ["page"])
    }

    @Test func unnamedAlertIsTitledByItsSummaryOrLabels() {
        let labels: Labels = ["foo": "bar", "instance": "a", "severity": "warning"]
        let summarised = Alert.make(labels: labels, annotations: ["summary": "Disk full on a"])
        let message = Message.composed([summarised], severity: .warning, now: .start)
        #expect(message.text == "🟠 WARNING firing: Disk full on a")
        #expect(message.attachments[0].title == "FIRING Disk full on a")
        let bare = Message.composed([.make(labels: labels, annotations: [:])], severity: .warning, now: .start)
        #expect(bare.attachments[0].title == "FIRING foo=bar, instance=a")
        let empty = Message.composed([.make(labels: [:], annotations: [:])], severity: .fallback, now: .start)
        #expect(empty.text == "⚪ UNKNOWN SEVERITY firing: Alert without a name")
        #expect(empty.attachments[0].fields.isEmpty && !empty.attachments[0].text.isEmpty)
    }

    @Test func aDeliberateRepeatSaysStillFiring() {
        let payload = Payload.make(notificationReason: "repeat interval elapsed", alerts: [.make()])
        let now = Timestamp.start.plus(7_200)
        func text(_ repeats: Int?) -> String {
            MessageComposer(payload, severity: .critical, settings: RenderSettings(), now: now, repeats: repeats)
                .message().text
        }
        #expect(text(nil).hasPrefix("🔴 CRITICAL still firing since 17:04 UTC (2 h): HighCPUUsage"))
        #expect(text(3).hasPrefix("🔴 CRITICAL still firing since 17:04 UTC (2 h), repeat 3: HighCPUUsage"))
    }

    // MARK: Nothing is left out

    private static let longHost =
        "https://shop.example.com/api/v1/checkout?region=eu-west-1&tenant=acme&deep=true&format=json"

    @Test func placeThatTheHeadlineCannotShowIsAField() {
        for host in [Self.longHost, "Down"] {
            let labels: Labels = ["alertname": "MongodbDown", "instance": host, "severity": "critical"]
            let message = Message.composed([.make(labels: labels)])
            let isInField = message.attachments[0].fields.contains { $0.title == "instance" }
            #expect(isInField || message.text.contains("on `\(host)`"), "\(host)")
        }
        let job = Message.composed([.make(labels: ["alertname": "etcdMembersDown", "job": "etcd"])])
        #expect(job.text.contains("etcdMembersDown on `etcd`"))
    }

    @Test func summaryIsInTheHeadlineOrInTheCard() {
        let long = String(repeating: "n", count: 79)
        let wide: Labels = [
            "alertname": String(repeating: "N", count: 99), "instance": long, "cluster": long, "env": long,
        ]
        let alert = Alert.make(labels: wide, annotations: ["summary": String(repeating: "s", count: 140)])
        let small = Message.composed([alert], settings: RenderSettings(textLimit: 500))
        #expect((small.text + small.attachments[0].text).contains(String(repeating: "s", count: 140)))
        let lines = Alert.make(annotations: ["description": "Do:\nfirst\nthen"])
        #expect(Message.composed([lines]).attachments[0].text.hasPrefix("Do:\nfirst\nthen\n"))
        let description = String(repeating: "word ", count: 150)
        let text = Message.composed([.make(annotations: ["description": description])]).attachments[0].text
        #expect(text.contains(description.trimmed) && !text.contains("shortened"))
    }

    @Test func foldedAlertKeepsTheSummaryOfItsNewestState() {
        var digest = Digest(severity: .critical)
        for value in [93, 95] {
            digest.add(.make(alerts: [.make(annotations: ["summary": "CPU \(value) percent"])]))
        }
        let message = MessageComposer(digest, settings: RenderSettings(), now: .start).message()
        #expect((message.text + message.attachments[0].text).contains("CPU 95 percent"))
    }

    @Test func markdownSummaryIsShownWithItsMarkup() {
        let alert = Alert.make(annotations: ["description": "**Disk** full, see [runbook](https://r.example/x)\n- step"]
        )
        let settings = RenderSettings(annotations: .markdown)
        let text = Message.composed([alert], settings: settings).attachments[0].text
        #expect(text.hasPrefix("**Disk** full, see [runbook](https://r.example/x)\n- step\n\nFiring since"))
    }

    @Test func proseThatBeginsWithAURLIsProse() {
        let alert = Alert.make(annotations: [
            "summary": "S", "description": "http://a.example/health returns 503",
            "runbook_url": "https://w.example/x then call",
        ])
        let attachment = Message.composed([alert]).attachments[0]
        #expect(
            attachment.text.hasPrefix("http://a.example/health returns 503\n") && !attachment.text.contains("[Runbook]")
        )
        #expect(attachment.fields.last?.value == "https://w.example/x then call")
    }

    @Test func receiverOfAReroutedMessageIsEscaped() {
        let banner = MessageBanner(rerouted: "_team_")
        let composer = MessageComposer(
            .make(alerts: [.make()]), severity: .critical, settings: RenderSettings(), now: .start, banner: banner)
        #expect(composer.message().text.contains("(rerouted from `_team_`, "))
    }

    @Test func annotationThatIsAURLIsALink() {
        let alert = Alert.make(annotations: [
            "summary": "S", "graph": "https://g.example/d/x_y", "odd": "https://g/a*b",
        ])
        let fields = Message.composed([alert]).attachments[0].fields
        #expect(fields.map(\.value) == ["https://g.example/d/x_y", "https://g/a%2Ab"])
    }

    @Test func labelsThatWereNotDecodedMakeTheAlertShortened() {
        var alert = Alert.make()
        alert.labels.omitted = 3
        let text = Message.composed([alert]).attachments[0].text
        #expect(text.contains("Labels and annotations that are not shown: 3") && !text.contains("[Silence]"))
    }

    @Test func invalidLinkAnnotationStaysVisible() {
        let alert = Alert.make(annotations: ["runbook": "ask Ana", "runbook_url": "javascript:alert(1)"])
        let attachment = Message.composed([alert]).attachments[0]
        #expect(attachment.fields.suffix(2).map(\.value) == ["ask Ana", "javascript:alert(1)"])
        #expect(!attachment.text.contains("[Runbook]"))
    }

    @Test func aPayloadWithoutAlertsStillGivesAMessage() {
        #expect(Message.composed([]) == Message(text: "✅ CRITICAL no alerts in this notification"))
        #expect(Message.plain([]) == Message(text: "✅ CRITICAL no alerts in this notification"))
    }

    @Test func theOperatorChoosesLabelsAndAvatar() {
        let settings = RenderSettings(shownLabels: ["job", "instance"], emoji: ":bell:")
        let message = Message.composed([.numbered(1)], settings: settings)
        #expect(message.attachments[0].fields.map(\.title) == ["job"] && message.emoji == ":bell:")
    }
}
