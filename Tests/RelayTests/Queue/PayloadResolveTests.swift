import TestSupport
import Testing

@testable import Alerts
@testable import Relay
@testable import Support

/// How a replayed payload is changed by what the room was shown since.
@Suite struct PayloadResolveTests {
    private static let end = Timestamp(seconds: 1_795_000_300, nanoseconds: 0)

    private func payload(_ alerts: String..., truncated: Int = 0) throws -> Payload {
        let alerts = alerts.map { alertJSON(fingerprint: "\"\($0)\"") }
        return try WebhookParser().decode(
            text: webhookBody(
                alerts: "[\(alerts.joined(separator: ","))]",
                more: [("truncatedAlerts", "\(truncated)"), ("notification_reason", #""repeat interval elapsed""#)]))
    }

    private func later(_ alerts: [Alert], _ status: AlertStatus) -> LaterStates {
        var later = LaterStates()
        let shown = alerts.map { alert in
            var alert = alert
            (alert.status, alert.endsAt) = (status, status == .resolved ? Self.end : nil)
            return alert
        }
        later.add(shown, at: 1)
        return later
    }

    @Test func resolvedAlertsGetTheTimeOfTheirResolve() throws {
        var payload = try payload("a", "b")
        let (before, states) = (payload, later(payload.alerts, .resolved))
        let isOver = payload.resolve(by: states)
        #expect(isOver)
        #expect(payload.status == .resolved && payload.alerts.allSatisfy { $0.status == .resolved })
        #expect(payload.alerts.map(\.endsAt) == [Self.end, Self.end])
        #expect(payload.alerts.map(\.startsAt) == before.alerts.map(\.startsAt))
        #expect(!payload.isRepeat, "it is not still firing")
    }

    @Test func otherAlertsKeepFiring() throws {
        var payload = try payload("a", "b")
        let states = later([payload.alerts[1]], .resolved)
        let isOver = payload.resolve(by: states)
        #expect(!isOver)
        #expect(payload.alerts.map(\.status) == [.firing, .resolved] && payload.status == .firing)
    }

    @Test func alertsThatFireAgainAndUnknownOnesChangeNothing() throws {
        var payload = try payload("a")
        let before = payload
        for states in [later(payload.alerts, .firing), LaterStates()] {
            let isOver = payload.resolve(by: states)
            #expect(!isOver && payload == before)
        }
    }

    @Test func truncatedAlertsMayFire() throws {
        var payload = try payload("a", truncated: 1)
        let states = later(payload.alerts, .resolved)
        let isOver = payload.resolve(by: states)
        #expect(!isOver && payload.alerts[0].status == .resolved)
    }

    @Test func resolvedPayloadIsNotOver() throws {
        var payload = try payload("a")
        payload.alerts[0].status = .resolved
        let states = later(payload.alerts, .resolved)
        let isOver = payload.resolve(by: states)
        #expect(!isOver, "nothing is shown in another state than accepted")
    }
}
