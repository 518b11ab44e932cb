import Foundation
import TestSupport
import Testing

/// Channels and receivers that drop, in the built program.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ChannelTests {
    private let folder = TemporaryFolder()

    private func rig(_ yaml: String, profile: String = "h80", environment: [String: String] = [:]) throws -> Rig {
        let file = folder.path + "/relay.yml"
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        return try Rig(
            mockArguments: ["--limiter", "off", "--profile", profile],
            environment: environment.merging(["RELAY_CONFIG": file]) { $1 })
    }

    private static let byGroup = "channel_label: group\nchannel_allow: ['#g?x']\n"

    @Test func labelSelectsTheRoom() throws {
        let rig = try rig(Self.byGroup)
        rig.setFault(#"{"hook":"critical","integration":{"overrideChannel":true}}"#)
        for group in [1, 2, 77] { #expect(rig.post(numbered(group, group: group))?.status == 200) }
        let messages = try rig.waitForMessages(3)
        #expect(messages.map(\.room) == ["#g1x", "#g2x", "critical"])
        #expect(rig.metric(#"relay_channels_refused_total{severity="critical",reason="notAllowed"}"#) == 1)
        #expect(rig.relay.writes("channel is not allowed, posted to the hook's own room"))
    }

    @Test(arguments: ["r62", "h80"]) func channelThatTheIntegrationMayNotNameFallsBack(profile: String) throws {
        let rig = try rig("channel: {critical: '#ops'}\n", profile: profile)
        #expect(rig.post(numbered(1))?.status == 200)
        let message = try #require(try rig.waitForMessages(1).first)
        #expect(message.room == "critical" && !message.attachments.isEmpty && message.whole.contains("n1x"))
        #expect(rig.metric(#"relay_channels_refused_total{severity="critical",reason="server"}"#) == 1)
        #expect(rig.relay.writes("channel refused, posting to the hook's own room"))
        #expect(rig.metric(#"relay_circuit_state{severity="critical"}"#) == 0)
        #expect(rig.post(numbered(2, group: 2))?.status == 200)
        #expect(try rig.waitForMessages(2).last?.room == "critical", "it is not asked again at once")
        #expect(rig.metric(#"relay_channels_refused_total{severity="critical",reason="server"}"#) == 1)
    }

    @Test func digestHasOneMessageForEachChannelWithinTheBudget() throws {
        let rig = try rig(Self.byGroup, environment: ["RELAY_RATE_LIMIT": "4/10s"])
        rig.setFault(
            ##"{"hook":"critical","integration":{"overrideChannel":true,"rooms":{"#g2x":"archived"}}}"##)
        for number in 0..<40 { #expect(rig.post(numbered(number, group: number % 3))?.status == 200) }
        let delivered = #"relay_notifications_total{severity="critical"}"#
        #expect(eventually(within: 90) { rig.metric(delivered) == 40 }, "\(rig.relay.output.suffix(2000))")
        for message in try rig.messages() {
            let groups = (0..<3).filter { message.whole.contains("g\($0)x") }
            #expect(groups.count == 1, "alerts of different channels are in one message")
            #expect(groups == [2] ? message.room == "critical" : message.room == "#g\(groups[0])x")
        }
        #expect(try rig.metricSum("relay_dead_letters") == 0)
    }

    @Test func droppedAlertsAreCountedAndNotStored() throws {
        let rig = try rig(#"receivers: [{name: quiet, matchers: 'severity="none"', drop: true}]"#)
        let answer = rig.post(numbered(1, severity: "none"))
        #expect(answer?.status == 200 && answer?.body.contains(#""processed":1"#) == true)
        #expect(rig.metric(#"relay_alerts_dropped_total{receiver="quiet"}"#) == 1)
        #expect(rig.metric(#"relay_alerts_received_total{severity="info",status="firing"}"#) == 1)
        #expect(try rig.metricSum("relay_journal_pending") == 0)
        #expect(rig.post(numbered(2))?.status == 200)
        #expect(try rig.waitForMessages(1).first?.whole.contains("n2x") == true)
        #expect(try rig.messages().count == 1)
        let test = try Program(
            "relay", ["send-test", "--receiver", "quiet", "--config.file", folder.path + "/relay.yml"],
            environment: [
                "ROCKETCHAT_WEBHOOK_CRITICAL": "http://127.0.0.1:\(rig.mockPort)/hooks/critical/t0kencritical"
            ])
        #expect(test.exitCode() != 0 && test.output.contains("drops its alerts"), "\(test.output)")
    }

    @Test func renderShowsChannelsMentionsAndDrops() throws {
        let rig = try rig(
            Self.byGroup + "mentions: {critical: ['@here']}\n"
                + #"receivers: [{name: quiet, matchers: 'severity="none"', drop: true}]"#)
        let body = folder.path + "/body.json"
        try Data(numbered(1, group: 1)).write(to: URL(filePath: body))
        let file = folder.path + "/relay.yml"
        let render = try Program("relay", ["render", "--config.file", file, body])
        #expect(render.exitCode() == 0, "\(render.output)")
        #expect(render.output.contains(##""channel":"#g1x""##) && render.output.contains(#""text":"@here "#))
        try Data(numbered(1, severity: "none")).write(to: URL(filePath: body))
        let dropped = try Program("relay", ["render", "--config.file", file, body])
        #expect(dropped.exitCode() == 0 && dropped.output.contains("that the receiver quiet drops: 1"))
        #expect(rig.relay.isRunning)
    }
}
