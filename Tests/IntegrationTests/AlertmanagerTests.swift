import Foundation
import TestSupport
import Testing

/// A real Alertmanager that posts to the relay.
final class Alertmanager {
    let program: Program
    let port: UInt16
    private let folder = TemporaryFolder()

    /// - Parameter ownPort: where it listens; 0 for any free port.
    init(webhook port: UInt16, repeatInterval: String = "1h", ownPort: UInt16 = 0) throws {
        let configuration = """
            route:
              receiver: relay
              group_by: [alertname]
              group_wait: 0s
              group_interval: 1s
              repeat_interval: \(repeatInterval)
            receivers:
              - name: relay
                webhook_configs:
                  - url: http://127.0.0.1:\(port)/webhook
                    send_resolved: true
            """
        try Data(configuration.utf8).write(to: URL(filePath: folder.path + "/alertmanager.yml"))
        program = try Program(
            "prometheus-alertmanager",
            [
                "--config.file=\(folder.path)/alertmanager.yml", "--storage.path=\(folder.path)/data",
                "--web.listen-address=127.0.0.1:\(ownPort)", "--cluster.listen-address=",
            ])
        self.port = try program.port(after: "address=")
    }

    func post(alerts: [[String: Any]]) throws {
        let body = [UInt8](try JSONSerialization.data(withJSONObject: alerts))
        let answer = Client.request("POST", "/api/v2/alerts", port: port, body: body)
        #expect(answer?.status == 200, "\(answer?.body ?? program.output)")
    }
}

@Suite(.serialized, .timeLimit(.minutes(5)))
struct AlertmanagerTests {
    @Test func alertsOfAlertmanagerReachTheRoomsOfTheirSeverities() throws {
        let rig = try Rig()
        let alertmanager = try Alertmanager(webhook: rig.port)
        let formatter = ISO8601DateFormatter()
        let start = formatter.string(from: Date().addingTimeInterval(-60))
        func alerts(endingAt end: Date?) -> [[String: Any]] {
            ["critical", "warning", "info", "odd"].map { severity in
                var alert: [String: Any] = [
                    "labels": ["alertname": "DiskFull", "severity": severity, "instance": "db-\(severity):9100"],
                    "annotations": ["summary": "Disk of \(severity) is full"], "startsAt": start,
                ]
                if let end { alert["endsAt"] = formatter.string(from: end) }
                return alert
            }
        }
        try alertmanager.post(alerts: alerts(endingAt: nil))
        let firing = try rig.waitForMessages(4)
        #expect(Set(firing.map(\.hook)) == ["critical", "warning", "info", "fallback"])
        #expect(firing.allSatisfy { $0.text.contains("firing") && $0.text.contains("DiskFull") })
        try alertmanager.post(alerts: alerts(endingAt: Date().addingTimeInterval(-1)))
        #expect(try eventually { try rig.messages().filter { $0.text.contains("resolved") }.count == 4 })
        for hook in ["critical", "warning", "info", "fallback"] {
            let states = try rig.messages(hook: hook).map { $0.text.contains("resolved") ? "resolved" : "firing" }
            #expect(states.first == "firing" && states.last == "resolved")
        }
    }

    /// Within the dedupe window, with the same start. The first and the last webhook are the same state.
    @Test func groupThatFiresAgainIsPostedAgain() throws {
        let rig = try Rig()
        let alertmanager = try Alertmanager(webhook: rig.port)
        let formatter = ISO8601DateFormatter()
        let start = formatter.string(from: Date().addingTimeInterval(-60))
        func post(endingAt end: Date?) throws {
            var alert: [String: Any] = [
                "labels": ["alertname": "EvalStall", "severity": "critical"], "startsAt": start,
            ]
            if let end { alert["endsAt"] = formatter.string(from: end) }
            try alertmanager.post(alerts: [alert])
        }
        for (number, isFiring) in [true, false, true].enumerated() {
            try post(endingAt: isFiring ? nil : Date().addingTimeInterval(-1))
            let messages = try rig.waitForMessages(number + 1)
            #expect(messages.count == number + 1 && messages.last?.text.contains("firing") == isFiring)
        }
        #expect(rig.metric("relay_duplicates_suppressed_total") == 0)
    }

    /// Two Alertmanagers without a cluster connection are the worst case: each sends all notifications.
    @Test func duplicatesOfTwoAlertmanagersAreDroppedAndRepeatsArePosted() throws {
        let rig = try Rig(environment: ["RELAY_DEDUPE_WINDOW": "5s"])
        let pair = [
            try Alertmanager(webhook: rig.port, repeatInterval: "10s"),
            try Alertmanager(webhook: rig.port, repeatInterval: "10s"),
        ]
        let start = ISO8601DateFormatter().string(from: Date().addingTimeInterval(-60))
        for (number, alertmanager) in pair.enumerated() {
            // Each member evaluates the annotations at another moment.
            try alertmanager.post(alerts: [
                [
                    "labels": ["alertname": "DiskFull", "severity": "critical", "instance": "db-1"], "startsAt": start,
                    "annotations": ["summary": "\(90 + number) % are used"],
                ]
            ])
        }
        #expect(eventually { rig.metric("relay_duplicates_suppressed_total") == 1 })
        #expect(try rig.waitForMessages(1).count == 1)
        #expect(eventually { rig.metric("relay_duplicates_suppressed_total") == 2 })
        #expect(try rig.waitForMessages(2).count == 2)
    }
}
