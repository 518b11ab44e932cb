import TestSupport
import Testing

/// Messages that Rocket.Chat refuses, with the oldest router and the newest.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct RefusalTests {
    @Test(arguments: ["legacy", "h80"])
    func refusedMessageIsSentAsPlainText(profile: String) throws {
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

    /// Each room accepts the notice about the notification, which proves that it accepts other messages.
    @Test func notificationThatEveryRoomRefusesBecomesADeadLetter() throws {
        let rig = try Rig()
        rig.setFault(#"{"containing":"n1x","status":400,"body":{"success":false,"error":"odd"}}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(eventually { rig.metric(#"relay_dead_letters{severity="critical"}"#) == 1 })
        #expect(rig.relay.writes("dead letter: every room refuses the notification"))
        for room in ["critical", "fallback", "warning", "info"] {
            let notices = try rig.messages(hook: room).map(\.text)
            #expect(notices.count == 1 && notices[0].contains("refuses notification"), "\(room): \(notices)")
        }
        #expect(rig.post(numbered(2))?.status == 200)
        #expect(
            try eventually { try rig.messages(hook: "critical").last?.whole.contains("n2x") == true },
            "the queue goes on")
    }

    /// A room that also refuses the notice refuses all messages, so no message is the cause.
    @Test func roomThatRefusesEverythingLosesNothing() throws {
        let rig = try Rig()
        rig.setFault(#"{"hook":"critical","status":400,"body":{"success":false,"error":"odd"}}"#)
        for number in 1...3 { #expect(rig.post(numbered(number))?.status == 200) }
        #expect(
            try eventually {
                let posted = try rig.messages(hook: "fallback").map(\.whole).joined()
                return (1...3).allSatisfy { posted.contains("n\($0)x") }
            })
        #expect(rig.metric(#"relay_circuit_state{severity="critical"}"#) == 2)
        #expect(try rig.metricSum("relay_dead_letters") == 0)
    }

    @Test func refusedAlertDoesNotAffectOthers() throws {
        let rig = try Rig(environment: ["RELAY_RATE_LIMIT": "60/20s"])
        rig.setFault(#"{"hook":"critical","status":502,"times":2}"#)
        rig.setFault(#"{"containing":"n5x","status":400,"body":{"success":false,"error":"odd"}}"#)
        for number in 0..<40 {
            // A digest names an alert by its instance.
            let body = String(decoding: numbered(number, group: number), as: UTF8.self)
            #expect(rig.post(Array(body.replacing("\"number\"", with: "\"instance\"").utf8))?.status == 200)
        }
        let isDone = eventually(within: 90) { rig.metric(#"relay_notifications_total{severity="critical"}"#) == 39 }
        try #require(isDone, "\(rig.relay.output.suffix(2000))")
        #expect(eventually { rig.metric(#"relay_dead_letters{severity="critical"}"#) == 1 })
        let posted = try rig.messages(hook: "critical").map(\.whole).joined()
        #expect((0..<40).filter { !posted.contains("n\($0)x") } == [5])
    }
}
