import Foundation
import TestSupport
import Testing

/// The dead man's switch of the built program, with a real Alertmanager and through kills.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct WatchdogTests {
    private let folder = TemporaryFolder()

    private func rig(timeout: String) throws -> Rig {
        let file = folder.path + "/relay.yml"
        let yaml = #"watchdog: {matchers: ['alertname="Watchdog"'], timeout: \#(timeout), room: critical}"#
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        return try Rig(environment: ["RELAY_CONFIG": file])
    }

    private func sayAlive(_ alertmanager: Alertmanager) throws {
        let start = ISO8601DateFormatter().string(from: Date().addingTimeInterval(-60))
        let alert: [String: Any] = ["labels": ["alertname": "Watchdog", "severity": "none"], "startsAt": start]
        try alertmanager.post(alerts: [alert])
    }

    private let received = #"relay_watchdog_received_total{watchdog="watchdog",status="firing"}"#
    private let isUp = #"relay_watchdog_up{watchdog="watchdog"}"#

    @Test func silenceOfAlertmanagerIsToldAndItsReturnToo() throws {
        let rig = try rig(timeout: "6s")
        do {
            let alertmanager = try Alertmanager(webhook: rig.port, repeatInterval: "1s")
            try sayAlive(alertmanager)
            #expect(eventually { rig.metric(received) ?? 0 >= 2 }, "Alertmanager repeats the Watchdog")
            #expect(rig.metric(isUp) == 1)
        }
        // Alertmanager is dead now.
        let silent = try #require(try rig.waitForMessages(1, hook: "critical").first)
        #expect(silent.whole.contains("No Watchdog from Alertmanager for "))
        #expect(rig.metric(isUp) == 0)
        let second = try Alertmanager(webhook: rig.port)
        try sayAlive(second)
        #expect(try eventually { try rig.messages().contains { $0.whole.contains("The Watchdog is back after ") } })
        withExtendedLifetime(second) {}
        #expect(Set(try rig.messages().map(\.hook)) == ["critical"], "no Watchdog is posted")
        #expect(rig.relay.output.contains("msg=\"watchdog silent\""))
    }

    @Test func alarmSurvivesAKillAndIsResolved() throws {
        let rig = try rig(timeout: "1s")
        // Two messages, so that the state is stored, and not another one before two seconds.
        #expect(try rig.waitForMessages(2, hook: "critical").count >= 2)
        rig.relay.killNow()
        #expect(rig.relay.exitCode() != nil)
        try rig.restart()
        #expect(rig.metric(isUp) == 0, "the alarm is known before the first timeout")
        #expect(rig.post(try Rig.fixture("watchdog.json"))?.status == 200)
        #expect(try eventually { try rig.messages().last?.whole.contains("The Watchdog is back after ") == true })
        #expect(rig.metric(isUp) == 1)
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0)
    }
}
