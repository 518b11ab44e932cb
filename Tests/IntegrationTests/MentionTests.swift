import Foundation
import TestSupport
import Testing

/// Mentions in the built program, with the mock's rules of who is notified, and with a real Alertmanager.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct MentionTests {
    private static let allowed = #"{"hook":"critical","integration":{"mentionAll":true}}"#

    /// Version 0.25 sends no reason: the relay knows itself what is new.
    @Test func newAlertsOfAlertmanagerMentionOnce() throws {
        let rig = try Rig(environment: ["RELAY_MENTIONS_CRITICAL": "@oncall-db"])
        let alertmanager = try Alertmanager(webhook: rig.port)
        let formatter = ISO8601DateFormatter()
        let start = formatter.string(from: Date().addingTimeInterval(-60))
        func post(_ instance: String, endingAt end: Date? = nil) throws {
            var alert: [String: Any] = [
                "labels": ["alertname": "DiskFull", "severity": "critical", "instance": instance],
                "annotations": ["summary": "@all of \(instance)"], "startsAt": start,
            ]
            if let end { alert["endsAt"] = formatter.string(from: end) }
            try alertmanager.post(alerts: [alert])
        }
        try post("db-1")
        #expect(try rig.waitForMessages(1).last?.mentions == ["oncall-db"])
        try post("db-2")
        #expect(try rig.waitForMessages(2).last?.mentions == ["oncall-db"], "another alert joins the group")
        try post("db-1", endingAt: Date())
        #expect(try rig.waitForMessages(3).last?.mentions == [], "one of two is resolved")
        try post("db-2", endingAt: Date())
        #expect(try rig.waitForMessages(4).last?.mentions == [])
        #expect(try rig.messages().count == 4)
    }

    @Test(arguments: ["legacy", "h80"]) func refusedMentionCostsNoAlert(profile: String) throws {
        let rig = try Rig(
            mockArguments: ["--limiter", "off", "--profile", profile],
            environment: ["RELAY_MENTIONS_CRITICAL": "@here"])
        #expect(rig.post(numbered(1))?.status == 200)
        let message = try #require(try rig.waitForMessages(1).first)
        #expect(message.mentions == [] && !message.attachments.isEmpty && message.whole.contains("n1x"))
        #expect(rig.metric(#"relay_mentions_refused_total{severity="critical"}"#) == 1)
        #expect(rig.relay.writes("room refuses the mentions, posting without them"))
        #expect(rig.relay.writes("mention-here"))
        #expect(try rig.metricSum("relay_dead_letters") == 0)

        // Another room has the permission.
        rig.setFault(Self.allowed.replacing("critical", with: "warning"))
        #expect(rig.post(numbered(2, group: 2))?.status == 200)
        #expect(try rig.waitForMessages(2).last?.whole.contains("n2x") == true)
    }

    @Test func reloadChangesMentions() throws {
        let folder = TemporaryFolder()
        let file = folder.path + "/relay.yml"
        try "mentions: {critical: ['@here']}\n".write(toFile: file, atomically: true, encoding: .utf8)
        let rig = try Rig(environment: ["RELAY_CONFIG": file])
        rig.setFault(Self.allowed)
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(try rig.waitForMessages(1).last?.mentions == ["here"])
        try "mentions: {critical: ['@all', '@dba']}\n".write(toFile: file, atomically: true, encoding: .utf8)
        rig.relay.send(SIGHUP)
        #expect(eventually { rig.relay.output.contains("configuration reloaded") })
        #expect(rig.post(numbered(2, group: 2))?.status == 200)
        #expect(try rig.waitForMessages(2).last?.mentions == ["all", "dba"])
        #expect(rig.post(numbered(2, group: 2, status: "resolved"))?.status == 200)
        #expect(try rig.waitForMessages(3).last?.mentions == [])
    }

    @Test func digestMentionsOnce() throws {
        let rig = try Rig(environment: ["RELAY_MENTIONS_CRITICAL": "@oncall", "RELAY_RATE_LIMIT": "4/20s"])
        for number in 1...30 { #expect(rig.post(numbered(number, group: number))?.status == 200) }
        let isDone = eventually { rig.metric(#"relay_notifications_total{severity="critical"}"#) == 30 }
        #expect(isDone)
        #expect(try rig.messages().allSatisfy { $0.mentions == ["oncall"] } && rig.messages().count <= 8)
    }

    @Test func testMessageMentionsNobody() throws {
        let rig = try Rig()
        let test = try Program(
            "relay", ["send-test"],
            environment: [
                "ROCKETCHAT_WEBHOOK_CRITICAL": "http://127.0.0.1:\(rig.mockPort)/hooks/critical/t0kencritical",
                "RELAY_MENTIONS_CRITICAL": "@oncall", "RELAY_CHANNEL_CRITICAL": "#ops",
            ])
        #expect(test.exitCode() == 1 && test.output.contains("allow it, or leave it out"), "\(test.output)")
        rig.setFault(#"{"hook":"critical","integration":{"overrideChannel":true}}"#)
        let again = try Program(
            "relay", ["send-test"],
            environment: [
                "ROCKETCHAT_WEBHOOK_CRITICAL": "http://127.0.0.1:\(rig.mockPort)/hooks/critical/t0kencritical",
                "RELAY_MENTIONS_CRITICAL": "@oncall", "RELAY_CHANNEL_CRITICAL": "#ops",
            ])
        #expect(again.exitCode() == 0, "\(again.output)")
        let message = try #require(try rig.messages().last)
        #expect(message.mentions == [] && message.room == "#ops")
    }
}
