import Foundation
import Libevent
import TestSupport
import Testing

@testable import Alerts
@testable import Relay

/// Odd bodies are accepted by the listener, counted, and delivered whole.
@Suite(.timeLimit(.minutes(1))) @LoopActor struct OddBodyIntakeTests {
    private func odd(_ kind: PayloadOddity, of bench: ListenerBench) -> Int {
        bench.metrics.payloadOddities[kind.rawValue].current
    }

    /// The bodies of all posts.
    private func posted(_ bench: ListenerBench) -> String {
        bench.room.requests.map { String(decoding: $0.body, as: UTF8.self) }.joined()
    }

    @Test(arguments: ["time-naive", "time-empty", "time-epoch"])
    func alertWithAnOddTimeIsDelivered(name: String) async throws {
        let bench = try ListenerBench()
        let answer = await bench.post(try WebhookFixture.body(name))
        #expect(answer?.status == 200 && answer?.body.contains(#""processed":2"#) == true)
        try await bench.waitUntilSettled()
        let text = posted(bench)
        #expect(text.contains("Firing since an unknown time") && text.contains("Firing since 2026-11-23 10:00 UTC"))
        #expect(text.contains("node-00004") && text.contains("node-00005"))
        #expect(odd(.time, of: bench) == 1)
        await bench.stop()
    }

    @Test func nullAlertsAreAnEmptyList() async throws {
        let bench = try ListenerBench()
        let answer = await bench.post(try WebhookFixture.body("alerts-null"))
        #expect(answer?.status == 200 && answer?.body.contains(#""processed":0"#) == true)
        #expect(odd(.missing, of: bench) == 1 && bench.acceptedAlerts == 0)
        await bench.stop()
    }

    @Test func bodyOfGrafanaIsDelivered() async throws {
        let bench = try ListenerBench()
        #expect(await bench.post(try WebhookFixture.body("grafana-version-1"))?.status == 200)
        try await bench.waitUntilSettled()
        let text = posted(bench)
        #expect(text.contains("https://grafana.example.org/alerting/silence/new?alertmanager=grafana"))
        #expect(PayloadOddity.allCases.allSatisfy { odd($0, of: bench) == 0 })
        await bench.stop()
    }

    @Test func nullLabelBesideGoodAlertsIsCounted() async throws {
        let bench = try ListenerBench()
        let alerts =
            #"[{"status":"firing","labels":{"alertname":null},"annotations":{"summary":7}},null,"#
            + #"{"labels":{"alertname":"Good"}}]"#
        let answer = await bench.post(Array(#"{"alerts":\#(alerts)}"#.utf8))
        #expect(answer?.status == 200 && answer?.body.contains(#""processed":2"#) == true)
        try await bench.waitUntilSettled()
        #expect(posted(bench).contains("Good"))
        #expect(odd(.label, of: bench) == 1 && odd(.annotation, of: bench) == 1 && odd(.alert, of: bench) == 1)
        await bench.stop()
    }

    @Test(arguments: ["[]", "{}", #"{"version":"2","alerts":[]}"#, #"{"alerts":{}}"#, #"{"version":"1"}"#, "x"])
    func whatIsNoWebhookIsRefused(body: String) async throws {
        let bench = try ListenerBench()
        #expect(await bench.post(Array(body.utf8))?.status == 400)
        await bench.stop()
    }
}
