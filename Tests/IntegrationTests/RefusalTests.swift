import TestSupport
import Testing

/// Messages that Rocket.Chat refuses, on the oldest router and on the newest.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct RefusalTests {
    @Test(arguments: ["legacy", "h80"])
    func aMessageThatIsRefusedGoesOutAsPlainText(profile: String) throws {
        let rig = try Rig(mockArguments: ["--limiter", "off", "--profile", profile])
        for error in ["error-action-not-allowed", "Invalid href value provided", "Match error: Expected string"] {
            rig.setFault(
                #"{"hook":"critical","times":1,"status":400,"body":{"success":false,"error":"\#(error)"}}"#)
            let before = try rig.messages().count
            #expect(rig.post(numbered(before))?.status == 200)
            let message = try #require(try rig.waitForMessages(before + 1).last)
            #expect(message.attachments.isEmpty, "\(error)")
            #expect(message.text.contains("n\(before)x"), "nothing of the alert is lost")
        }
        #expect(try rig.metricSum("relay_dead_letters") == 0)
    }

    @Test func aRoomWithALowerLimitGetsSmallerMessages() throws {
        let rig = try Rig(
            mockArguments: ["--limiter", "off", "--max-text", "600"], environment: ["RELAY_TEXT_LIMIT": "5000"])
        #expect(try rig.post(fixture: "14-distinct-severities.am0331.json")?.status == 200)
        #expect(rig.post(numbered(7, padding: 700))?.status == 200)
        #expect(try eventually { try rig.metricSum("relay_journal_pending") == 0 })
        #expect(try rig.metricSum("relay_dead_letters") == 0)
        #expect(try rig.messages().contains { $0.whole.contains("n7x") })
    }

    @Test func whatNobodyUnderstandsBecomesADeadLetter() throws {
        let rig = try Rig()
        rig.setFault(#"{"hook":"critical","status":400,"body":{"success":false,"error":"odd"}}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(eventually { rig.metric(#"relay_dead_letters{severity="critical"}"#) == 1 })
        #expect(rig.metric(#"relay_notifications_failed_total{severity="critical",reason="clientError"}"#) == 5)
        #expect(rig.relay.output.contains("level=error"))
        rig.heal()
        #expect(rig.post(numbered(2))?.status == 200)
        #expect(try rig.waitForMessages(1).first?.whole.contains("n2x") == true, "the queue goes on")
    }
}
