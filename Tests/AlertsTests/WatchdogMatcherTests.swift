import TestSupport
import Testing

@testable import Alerts

@Suite struct WatchdogMatcherTests {
    private func parser(
        _ matchers: String = #"alertname="Watchdog""#, label: String? = nil, router: AlertRouter = AlertRouter()
    ) throws -> WebhookParser {
        let entry = WatchdogMatcher.Entry(name: "w", matchers: try LabelMatcher.parse(matchers), label: label)
        return WebhookParser(router: router, watchdogs: WatchdogMatcher([entry]))
    }

    private func alert(_ name: String, _ source: String = "", status: String = "firing") -> String {
        alertJSON(
            status: "\"\(status)\"", labels: #"{"alertname":"\#(name)","prometheus":"\#(source)","severity":"info"}"#,
            fingerprint: "\"\(name)\(source)\"")
    }

    private func key(_ source: String = "") -> WatchdogSignal.Key { .init(watchdog: "w", source: source) }

    @Test func watchdogIsTakenAndNotPosted() throws {
        let batch = try parser().parse(try WebhookFixture.body("watchdog"), acceptedAt: .now())
        #expect(batch.watchdogs == [WatchdogSignal(key(), firing: 1)])
        #expect(batch.notifications.isEmpty && batch.counts.isEmpty && batch.alerts == 1)
        let plain = try WebhookParser().parse(try WebhookFixture.body("watchdog"), acceptedAt: .now())
        #expect(plain.notifications.map(\.severity) == [.info] && plain.watchdogs.isEmpty)
    }

    @Test(arguments: [true, false]) func otherAlertsOfTheWebhookArePosted(hasReceivers: Bool) throws {
        let everything = AlertRouter.Entry(
            receiver: ReceiverID(rawValue: 1), matchers: try LabelMatcher.parse("alertname=~.+"), continues: false)
        let router = AlertRouter(hasReceivers ? [everything] : [])
        let body = webhookBody(alerts: "[\(alert("A")),\(alert("Watchdog")),\(alert("B", status: "resolved"))]")
        let batch = try parser(router: router).parse(text: body)
        #expect(batch.notifications.count == 1 && batch.alerts == 3)
        let notification = try #require(batch.notifications.first)
        #expect(notification.destination.receiver.rawValue == (hasReceivers ? 1 : 0))
        let posted = try WebhookParser().decode(notification.body)
        #expect(posted.alerts.map(\.displayName) == ["A", "B"])
        #expect(batch.counts.map(\.alerts) == [1, 1])
        #expect(batch.watchdogs == [WatchdogSignal(key(), firing: 1)])
    }

    @Test func firingWatchdogDoesNotMakeResolvesFiring() throws {
        let body = webhookBody(alerts: "[\(alert("Watchdog")),\(alert("B", status: "resolved"))]")
        #expect(try parser().parse(text: body).notifications.map(\.isResolved) == [true])
    }

    @Test func eachValueOfTheLabelIsASource() throws {
        let alerts = [
            alert("Watchdog", "eu"), alert("Watchdog", "us"), alert("Watchdog", "eu", status: "resolved"),
            alertJSON(labels: #"{"alertname":"Watchdog"}"#),
        ]
        let batch = try parser(label: "prometheus").parse(
            text: webhookBody(alerts: "[\(alerts.joined(separator: ","))]"))
        #expect(
            batch.watchdogs == [
                WatchdogSignal(key("eu"), firing: 1, resolved: 1), WatchdogSignal(key("us"), firing: 1),
                WatchdogSignal(key(), firing: 1),
            ])
    }

    @Test func sourcesAreBoundedInNumberAndSize() throws {
        let alerts = (0..<300).map { alert("Watchdog", "\($0)") } + [alert("Watchdog", repeated("é", 5_000))]
        let batch = try parser(label: "prometheus").parse(
            text: webhookBody(alerts: "[\(alerts.joined(separator: ","))]"))
        #expect(batch.watchdogs.count == 256)
        #expect(batch.watchdogs.map(\.firing).reduce(0, +) == 301)
        let long = try parser(label: "prometheus").parse(text: webhookBody(alerts: "[\(alerts[300])]"))
        #expect(long.watchdogs.map(\.key.source) == [repeated("é", 100)])
    }

    @Test func anAlertCanBeOfSeveralWatchdogs() throws {
        let all = try LabelMatcher.parse("alertname=~.+")
        let matcher = WatchdogMatcher([.init(name: "a", matchers: all), .init(name: "b", matchers: all)])
        let batch = try WebhookParser(watchdogs: matcher).parse(try WebhookFixture.body("watchdog"), acceptedAt: .now())
        #expect(batch.watchdogs.map(\.key.watchdog) == ["a", "b"] && batch.alerts == 1)
    }

    private func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
}
