import Testing

@testable import Relay

@Suite struct AlertRouterTests {
    private let database = ReceiverID(rawValue: 1)
    private let everything = ReceiverID(rawValue: 2)

    private func router(_ entries: (ReceiverID, String, continues: Bool)...) throws -> AlertRouter {
        AlertRouter(
            try entries.map {
                AlertRouter.Entry(receiver: $0.0, matchers: try LabelMatcher.list($0.1), continues: $0.continues)
            })
    }

    @Test func theFirstThatMatchesHasTheAlert() throws {
        let router = try router((database, "team=db,env!=dev", false), (everything, "team=~.+", false))
        #expect(router.receivers(for: ["team": "db"]) == [database])
        #expect(router.receivers(for: ["team": "db", "env": "dev"]) == [everything])
        #expect(router.receivers(for: ["team": "web"]) == [everything])
        #expect(router.receivers(for: [:]) == [.tiers])
    }

    @Test func continuingIsAsIfItHadNotBeenTaken() throws {
        let router = try router((database, "team=db", true), (everything, "env=prod", false))
        #expect(router.receivers(for: ["team": "db"]) == [database, .tiers])
        #expect(router.receivers(for: ["team": "db", "env": "prod"]) == [database, everything])
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
        #expect(instances[.critical]?.contains("n0") == true, "it goes on")
        #expect(instances[Destination(receiver: everything, severity: .warning)] == ["n1"])
        #expect(instances[Destination(receiver: everything, severity: .info)] == ["n2"])
        #expect(instances[.warning]?.contains("n1") != true)
        let plain = try parser.parse(body, acceptedAt: .now())
        #expect(batch.counts == plain.counts && batch.dedupeKey == plain.dedupeKey)
        #expect(batch.notifications.map(\.destination) == batch.notifications.map(\.destination).sorted())
    }

    @Test func aBodyForOneReceiverStaysAsItCame() throws {
        let router = try router((everything, "alertname=~.+", false))
        let body = try WebhookFixture.body("02-group-50.am0331")
        let batch = try WebhookParser(router: router).parse(body, acceptedAt: .now())
        #expect(batch.notifications.map(\.receiver) == [everything])
        #expect(batch.notifications.first?.body == body)
    }
}
