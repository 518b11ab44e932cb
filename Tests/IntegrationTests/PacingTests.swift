import Foundation
import TestSupport
import Testing

/// Storms against an enforced rate limit, with a shorter window than Rocket.Chat's to save time.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct PacingTests {
    private func rig(_ profile: String = "legacy", environment: [String: String] = [:]) throws -> Rig {
        try Rig(
            mockArguments: ["--profile", profile, "--limiter", "enforced", "--rate-limit", "10/3s"],
            environment: environment.merging(["RELAY_RATE_LIMIT": "10/3s"]) { first, _ in first })
    }

    @Test(arguments: ["legacy", "h80"])
    func stormIsDeliveredInFewMessagesWithoutARefusal(profile: String) throws {
        let rig = try rig(profile)
        let client = Client(port: rig.port)
        for number in 0..<600 {
            #expect(client.request("POST", "/webhook", body: numbered(number, group: number))?.status == 200)
        }
        #expect(eventually { rig.metric(#"relay_notifications_total{severity="critical"}"#) == 600 })
        let messages = try rig.messages(hook: "critical")
        // About ten, but more if a slow machine needs longer than the window for the storm.
        #expect(messages.count <= 60)
        #expect(rig.metric(#"relay_notifications_failed_total{severity="critical",reason="rateLimited"}"#) == nil)
        let folded = try #require(rig.metric(#"relay_coalesced_alerts_total{severity="critical"}"#))
        #expect(Int(folded) + messages.count { !$0.text.contains("folded") } == 600, "each alert is in one message")
        #expect(messages.allSatisfy { !$0.overlapped })
    }

    @Test func firstMessageToAnIdleRoomIsPostedAtOnce() throws {
        let rig = try rig(environment: ["RELAY_RATE_LIMIT": "1/1h"])
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(try rig.waitForMessages(1).count == 1)
    }

    @Test func waitingFiringAndItsResolveAreFoldedIntoOneLine() throws {
        let rig = try rig()
        rig.setFault(#"{"hook":"critical","mode":"hang"}"#)
        #expect(rig.post(numbered(0))?.status == 200)
        #expect(rig.waitForOnePost())
        // The post that hangs keeps these three waiting, however slow the machine is.
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(rig.post(numbered(1, group: 1, status: "resolved"))?.status == 200)
        #expect(rig.post(numbered(2, group: 2))?.status == 200)
        rig.heal()
        #expect(eventually { rig.metric(#"relay_notifications_total{severity="critical"}"#) == 4 })
        let last = try #require(try rig.messages().last)
        #expect(last.whole.contains("flapped"))
        #expect(last.whole.contains("n2x"))
    }

    @Test func stormOfInfoDoesNotDelayCritical() throws {
        let rig = try rig(environment: ["RELAY_RATE_LIMIT": "1/1h"])
        let client = Client(port: rig.port)
        for number in 0..<300 {
            #expect(
                client.request("POST", "/webhook", body: numbered(number, group: number, severity: "info"))?.status
                    == 200)
        }
        let delivered = rig.metric(#"relay_notifications_total{severity="info"}"#) ?? 0
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(try rig.waitForMessages(1, hook: "critical").count == 1)
        #expect(delivered < 300, "the storm was not over by then")
    }

    @Test func oldResolvedFiringExpiresAndIsCounted() throws {
        let rig = try rig(environment: ["RELAY_MAX_AGE": "1s", "RELAY_RATE_LIMIT": "off"])
        rig.setFault(#"{"hook":"critical","status":503,"body":"down","contentType":"text/plain"}"#)
        rig.setFault(#"{"hook":"fallback","status":503,"body":"down","contentType":"text/plain"}"#)
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(rig.post(numbered(2, group: 2))?.status == 200)
        #expect(rig.post(numbered(1, group: 1, status: "resolved"))?.status == 200)
        #expect(
            eventually {
                (rig.metric(#"relay_journal_oldest_pending_age_seconds{severity="critical"}"#) ?? 0) > 1.2
            })
        rig.heal()
        #expect(eventually { rig.metric(#"relay_journal_pending{severity="critical"}"#) == 0 })
        #expect(rig.metric(#"relay_notifications_expired_total{severity="critical"}"#) == 1)
        let whole = try rig.messages().map(\.whole).joined()
        #expect(whole.contains("n2x"), "what still fires is told, however old")
        #expect(whole.contains("n1x") && whole.contains("resolved"))
        #expect(!whole.contains("flapped"))
    }
}
