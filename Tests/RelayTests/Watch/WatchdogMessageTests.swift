import Testing

@testable import Alerts
@testable import Relay

@Suite struct WatchdogMessageTests {
    private func message(
        _ change: WatchdogMonitor.Change, watchdog: String = "watchdog", source: String = "", label: String? = nil,
        seconds: Int = 725, destination: Destination = .critical
    ) -> WatchdogMessage {
        let raised = Timestamp(seconds: 1_800_000_000, nanoseconds: 0)
        return WatchdogMessage(
            report: .init(
                key: .init(watchdog: watchdog, source: source), change: change, label: label,
                silence: .seconds(seconds), raisedAt: raised),
            destination: destination, now: raised.advanced(by: .seconds(30)))
    }

    private func alert(_ message: WatchdogMessage) throws -> Alert {
        let batch = message.batch
        let notification = try #require(batch.notifications.first)
        // The body is one that the relay itself would accept.
        _ = try WebhookParser().parse(notification.body, acceptedAt: .now())
        let payload = try WebhookParser().decode(notification.body)
        #expect(payload.alerts.count == 1 && batch.counts.isEmpty)
        #expect(notification.isResolved == (payload.alerts.first?.status == .resolved))
        return try #require(payload.alerts.first)
    }

    @Test func silenceIsAFiringAlert() throws {
        let alert = try alert(message(.silent(count: 1)))
        #expect(alert.status == .firing && alert.displayName == "WatchdogSilent")
        #expect(
            alert.summary
                == "No Watchdog from Alertmanager for 12 min: Prometheus, Alertmanager or the way between may be down")
        #expect(alert.startsAt == Timestamp(seconds: 1_800_000_000, nanoseconds: 0) && alert.endsAt == nil)
    }

    @Test func returnIsAResolveOfTheSameAlert() throws {
        let (silent, back) = (message(.silent(count: 3)), message(.returned))
        let alert = try alert(back)
        #expect(alert.status == .resolved && alert.summary == "The Watchdog is back after 12 min")
        #expect(try alert.fingerprint == self.alert(silent).fingerprint)
        #expect(silent.batch.notifications[0].group == back.batch.notifications[0].group)
        #expect(silent.batch.dedupeKey != back.batch.dedupeKey)
    }

    @Test func repeatIsNoDuplicate() {
        #expect(message(.silent(count: 1)).batch.dedupeKey != message(.silent(count: 2)).batch.dedupeKey)
    }

    @Test func sourcesAreDifferentAlerts() throws {
        let eu = message(.silent(count: 1), watchdog: "dc", source: "eu", label: "prometheus", seconds: 7_200)
        let us = message(.silent(count: 1), watchdog: "dc", source: "us", label: "prometheus")
        #expect(eu.batch.notifications[0].group != us.batch.notifications[0].group)
        let alert = try alert(eu)
        #expect(try alert.fingerprint != self.alert(us).fingerprint)
        #expect(alert.labels["prometheus"] == "eu" && alert.labels["watchdog"] == "dc")
        #expect(alert.summary?.hasPrefix("No Watchdog \"dc\" of prometheus \"eu\" from Alertmanager for 2 h: ") == true)
    }

    @Test(arguments: ["\"}]\u{0}\u{1F}\\", "@all <!channel> [x](http://evil.example.com)", "\u{202E}x\n\r", ""])
    func hostileSourceStaysAValue(source: String) throws {
        let alert = try alert(message(.silent(count: 1), source: source, label: "prometheus"))
        #expect(alert.labels["prometheus"] == (source.isEmpty ? nil : source))
        #expect(alert.labels["alertname"] == "WatchdogSilent")
    }

    @Test(arguments: ["alertname", "severity", "watchdog"]) func labelDoesNotReplaceOwnLabels(label: String) throws {
        let alert = try alert(message(.silent(count: 1), source: "x", label: label))
        #expect(alert.labels[label] != "x" && alert.labels.pairs.count == 3)
    }

    @Test func messageGoesToTheRoom() {
        let receiver = Destination(receiver: ReceiverID(rawValue: 7), severity: .critical)
        #expect(message(.returned, destination: receiver).batch.notifications.map(\.destination) == [receiver])
        #expect(message(.returned, destination: .info).batch.notifications.map(\.destination) == [.info])
    }
}
