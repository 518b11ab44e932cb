import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(3)))
struct FallbackTests {
    @Test(arguments: ["legacy", "h80"])
    func aSeverityWhoseHookIsMisconfiguredPostsToTheFallbackAndReturns(profile: String) throws {
        let rig = try Rig(mockArguments: ["--limiter", "off", "--profile", profile])
        rig.setFault(#"{"hook":"critical","integration":{"room":"archived"}}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        let rerouted = try #require(try rig.waitForMessages(1, hook: "fallback").first)
        #expect(rerouted.whole.contains("n1x"))
        #expect(rerouted.text.contains("rerouted from critical"))
        #expect(rig.metric(#"relay_messages_rerouted_total{severity="critical"}"#) == 1)
        #expect(rig.metric(#"relay_circuit_state{severity="critical"}"#) == 2)
        #expect(rig.relay.output.contains("posting to the fallback"))

        rig.heal()
        // The breaker tries the hook out after five seconds, with the next message.
        let isBack = try eventually(within: 60) {
            #expect(rig.post(numbered(Int.random(in: 100...1_000_000)))?.status == 200)
            return try !rig.messages(hook: "critical").isEmpty
        }
        #expect(isBack)
        #expect(eventually { rig.metric(#"relay_circuit_state{severity="critical"}"#) == 0 })
        #expect(try rig.metricSum("relay_dead_letters") == 0)
    }

    @Test func aHookThatFailsForLongerThanItMayHandsOverToTheFallback() throws {
        let rig = try Rig(environment: ["RELAY_FALLBACK_AFTER": "2s"])
        rig.setFault(#"{"hook":"critical","status":502,"body":"<html>","contentType":"text/html"}"#)
        for number in 0..<5 { #expect(rig.post(numbered(number))?.status == 200) }
        let messages = try rig.waitForMessages(5, hook: "fallback")
        #expect(zip(messages, 0..<5).allSatisfy { $0.whole.contains("n\($1)x") })
        #expect(try rig.messages(hook: "critical").isEmpty)
    }

    @Test func withoutAFallbackTheBacklogWaitsForTheHook() throws {
        let rig = try Rig(environment: ["ROCKETCHAT_WEBHOOK_FALLBACK": ""])
        rig.setFault(#"{"hook":"critical","integration":{"room":"readOnly"}}"#)
        for number in 0..<5 { #expect(rig.post(numbered(number))?.status == 200) }
        #expect(eventually { rig.metric(#"relay_circuit_state{severity="critical"}"#) == 2 })
        #expect(rig.metric(#"relay_journal_pending{severity="critical"}"#) == 5)
        #expect(try rig.metricSum("relay_dead_letters") == 0)
    }

    @Test func aDeadHookIsTriedOutAndNotFloodedWithItsBacklog() throws {
        let rig = try Rig(environment: ["ROCKETCHAT_WEBHOOK_FALLBACK": ""])
        rig.setFault(#"{"hook":"critical","mode":"reset"}"#)
        for number in 0..<200 { #expect(rig.post(numbered(number))?.status == 200) }
        #expect(eventually { rig.metric(#"relay_circuit_state{severity="critical"}"#) == 2 })
        let failed = try rig.metricSum("relay_notifications_failed_total")
        #expect(failed <= 6, "a breaker opens after five failures in a row")
        #expect(rig.metric(#"relay_journal_pending{severity="critical"}"#) == 200)
    }
}
