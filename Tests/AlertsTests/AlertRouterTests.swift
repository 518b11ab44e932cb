import TestSupport
import Testing

@testable import Alerts

@Suite struct AlertRouterTests {
    private let database = ReceiverID(rawValue: 1)
    private let everything = ReceiverID(rawValue: 2)

    private func router(_ entries: (ReceiverID, String, continues: Bool)...) throws -> AlertRouter {
        AlertRouter(
            try entries.map {
                AlertRouter.Entry(receiver: $0.0, matchers: try LabelMatcher.parse($0.1), continues: $0.continues)
            })
    }

    @Test func firstMatchingReceiverGetsTheAlert() throws {
        let router = try router((database, "team=db,env!=dev", false), (everything, "team=~.+", false))
        #expect(router.receivers(for: ["team": "db"]) == [database])
        #expect(router.receivers(for: ["team": "db", "env": "dev"]) == [everything])
        #expect(router.receivers(for: ["team": "web"]) == [everything])
        #expect(router.receivers(for: [:]) == [.severityRooms])
    }

    @Test func continueRoutesToLaterReceiversToo() throws {
        let router = try router((database, "team=db", true), (everything, "env=prod", false))
        #expect(router.receivers(for: ["team": "db"]) == [database, .severityRooms])
        #expect(router.receivers(for: ["team": "db", "env": "prod"]) == [database, everything])
    }

    @Test func droppedAlertsHaveNoNotification() throws {
        let router = AlertRouter([
            AlertRouter.Entry(receiver: database, matchers: try LabelMatcher.parse(#"x="1""#), continues: true),
            AlertRouter.Entry(dropping: "quiet", matchers: try LabelMatcher.parse(#"severity=~"none|info""#)),
            AlertRouter.Entry(dropping: "never", matchers: try LabelMatcher.parse(#"severity="none""#)),
        ])
        #expect(router.receivers(for: ["severity": "none"]) == [] && router.receivers(for: [:]) == [.severityRooms])
        #expect(
            router.route(in: ["x": "1", "severity": "info"] as Labels) == .init(receivers: [database], drop: "quiet"))
        let alerts = ["critical", "none", "info"].map { alertJSON(labels: "{\"severity\":\"\($0)\"}") }
        let parser = WebhookParser(router: router)
        let batch = try parser.parse(text: webhookBody(alerts: "[\(alerts.joined(separator: ","))]"))
        #expect(batch.alerts == 3 && batch.dropped == ["quiet": 2])
        #expect(batch.counts.reduce(0) { $0 + $1.alerts } == 3, "processed counts them")
        let left = try #require(batch.notifications.first)
        #expect(batch.notifications.count == 1 && left.severity == .critical)
        #expect(try parser.decode(left.body).alerts.map { $0.labels["severity"] } == ["critical"])
        let none = try parser.parse(text: webhookBody(alerts: "[\(alerts[1])]"))
        #expect(none.notifications.isEmpty && none.alerts == 1 && none.dropped == ["quiet": 1])
    }

    @Test func aBodyIsSplitByReceiverAndSeverity() throws {
        let router = try router((database, #"instance="n0""#, true), (everything, #"instance=~"n[12]""#, false))
        let body = try WebhookFixture.body("14-distinct-severities.am0331")
        let batch = try WebhookParser(router: router).parse(body, acceptedAt: .now())
        let parser = WebhookParser()
        var instances: [Destination: [String]] = [:]
        for notification in batch.notifications {
            let alerts = try parser.decode(notification.body).alerts
            instances[notification.destination] = alerts.map { $0.labels["instance"] ?? "" }
            #expect(alerts.allSatisfy { SeverityMap().severity(of: $0.labels["severity"]) == notification.severity })
        }
        #expect(instances[Destination(receiver: database, severity: .critical)] == ["n0"])
        #expect(instances[.critical]?.contains("n0") == true, "the receiver continues")
        #expect(instances[Destination(receiver: everything, severity: .warning)] == ["n1"])
        #expect(instances[Destination(receiver: everything, severity: .info)] == ["n2"])
        #expect(instances[.warning]?.contains("n1") != true)
        let plain = try parser.parse(body, acceptedAt: .now())
        #expect(batch.counts == plain.counts && batch.dedupeKey == plain.dedupeKey)
        #expect(batch.notifications.map(\.destination) == batch.notifications.map(\.destination).sorted())
    }

    private func routerToAll(_ matcher: String) throws -> AlertRouter {
        let matchers = try LabelMatcher.parse(matcher)
        return AlertRouter(
            (1...100).map { AlertRouter.Entry(receiver: ReceiverID(rawValue: $0), matchers: matchers, continues: true) }
        )
    }

    @Test func destinationsOfTheSameAlertsShareTheirBytes() throws {
        let body = try WebhookFixture.body("14-distinct-severities.am0331")
        let batch = try WebhookParser(router: routerToAll("alertname=~.+")).parse(body, acceptedAt: .now())
        #expect(batch.notifications.count == 404)
        func address(_ notification: Alerts.Notification) -> UInt {
            notification.body.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
        }
        #expect(Set(batch.notifications.map(address)).count == 4)
        for (severity, notifications) in Dictionary(grouping: batch.notifications, by: \.severity) {
            let payload = try WebhookParser().decode(notifications[0].body)
            #expect(payload.alerts.allSatisfy { SeverityMap().severity(of: $0.labels["severity"]) == severity })
        }
    }

    @Test func wholeBodyGoesToAllReceiversUnchanged() throws {
        let body = Array(webhookBody(alerts: "[\(alertJSON()) , \(alertJSON())]").utf8)
        let batch = try WebhookParser(router: routerToAll("alertname=A")).parse(body, acceptedAt: .now())
        #expect(batch.notifications.count == 101 && batch.notifications.allSatisfy { $0.body == body })
    }

    @Test(arguments: ["alerts", "head"])
    func theCopiesOfOneWebhookAreBounded(large: String) throws {
        let text = String(repeating: "x", count: 6_000_000)
        let alerts = ["page", "none"].map { #"{"status":"firing","labels":{"severity":"\#($0)","alertname":"A"}}"# }
        let body =
            large == "head"
            ? webhookBody(alerts: "[\(alerts.joined(separator: ","))]", more: [("x", "\"\(text)\"")])
            : webhookBody(alerts: "[\(alerts[0]),\(alertJSON(annotations: "{\"a\":\"\(text)\"}"))]")
        let error = #expect(throws: ParseError.self) {
            try WebhookParser(router: routerToAll("alertname=A")).parse(Array(body.utf8), acceptedAt: .now())
        }
        #expect(error?.reason == .tooManyCopies && error?.message.contains("64 MiB") == true)
        // Severities alone never exceed the bound.
        #expect(try WebhookParser().parse(Array(body.utf8), acceptedAt: .now()).notifications.isEmpty == false)
    }

    @Test func aLabelIsFoundAmongMany() throws {
        let labels = (0..<500).map { "\"l\($0)\":\"v\($0)\"" }.joined(separator: ",")
        for (matcher, expected) in [
            ("l0=v0", 1), ("l499=v499", 1), ("l77=v77", 1), ("l=v", 2), ("l500=", 1), ("m=\"\"", 1),
        ] {
            let router = try router((database, matcher, false))
            let body = webhookBody(alerts: "[\(alertJSON(labels: "{\(labels)}"))]")
            let batch = try WebhookParser(router: router).parse(Array(body.utf8), acceptedAt: .now())
            #expect(batch.notifications.map(\.receiver) == [expected == 1 ? database : .severityRooms], "\(matcher)")
        }
    }

    @Test func bodyForOneReceiverIsUnchanged() throws {
        let router = try router((everything, "alertname=~.+", false))
        let body = try WebhookFixture.body("02-group-50.am0331")
        let batch = try WebhookParser(router: router).parse(body, acceptedAt: .now())
        #expect(batch.notifications.map(\.receiver) == [everything])
        #expect(batch.notifications.first?.body == body)
    }
}
