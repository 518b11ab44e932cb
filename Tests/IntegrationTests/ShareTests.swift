import TestSupport
import Testing

/// One severity's backlog must not stop another's alerts.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ShareTests {
    private func accepting(_ rig: Rig) -> [String: Double?] {
        Dictionary(
            uniqueKeysWithValues: ["critical", "fallback", "warning", "info"].map {
                ($0, rig.metric(#"relay_journal_accepting{severity="\#($0)"}"#))
            })
    }

    @Test func infoBacklogDoesNotBlockCritical() throws {
        let rig = try Rig(environment: ["RELAY_JOURNAL_LIMIT": "2MiB", "ROCKETCHAT_WEBHOOK_FALLBACK": ""])
        rig.setFault(#"{"hook":"info","status":502,"body":"<html>"}"#)
        var backlog = 0
        while rig.post(numbered(1000 + backlog, severity: "info", padding: 10_000))?.status == 200 { backlog += 1 }
        #expect(backlog > 20)
        let refusal = rig.post(numbered(1, severity: "info"))
        #expect(refusal?.status == 503)
        #expect(refusal?.body.contains("more urgent alerts than info") == true)
        #expect(refusal?.headers["retry-after"] != nil)
        let ready = rig.get("/-/ready")
        #expect(ready?.status == 200)
        #expect(ready?.body.contains(#""refusing":"info""#) == true, "\(ready?.body ?? "")")
        #expect(accepting(rig) == ["critical": 1, "fallback": 1, "warning": 1, "info": 0])
        #expect(rig.relay.writes("severities=info"))

        for number in 0..<50 { #expect(rig.post(numbered(number, padding: 1000))?.status == 200) }
        #expect(try rig.waitForMessages(50, hook: "critical").count == 50)
        #expect(rig.post(numbered(50, severity: "warning"))?.status == 200)
        // One webhook with alerts of several severities: the most urgent one decides.
        let mixed = try Rig.fixture("14-distinct-severities.am0331.json")
        #expect(rig.post(mixed)?.status == 200)

        rig.heal()
        #expect(try eventually(within: 120) { try rig.metricSum("relay_journal_pending") == 0 })
        #expect(accepting(rig)["info"] == 1)
        #expect(rig.post(numbered(2, severity: "info"))?.status == 200)
        #expect(rig.get("/-/ready")?.body.contains("refusing") == false)
    }

    /// Each severity's backlog is limited to its share. Only the critical backlog fills the journal.
    @Test func severitiesAreRefusedInOrder() throws {
        let rig = try Rig(environment: ["RELAY_JOURNAL_LIMIT": "2MiB", "RELAY_RATE_LIMIT": "off"])
        rig.setFault(#"{"status":502,"body":"<html>"}"#)
        var number = 0
        for (severity, refused) in [
            ("info", "info"), ("warning", "warning,info"), ("odd", "warning,info,fallback"),
        ] {
            while rig.post(numbered(number, severity: severity, padding: 10_000))?.status == 200 { number += 1 }
            #expect(rig.get("/-/ready")?.body.contains("\"refusing\":\"\(refused)\"") == true, "\(severity)")
            #expect(rig.get("/-/ready")?.status == 200)
        }
        while rig.post(numbered(number, severity: "critical", padding: 10_000))?.status == 200 { number += 1 }
        #expect(rig.get("/-/ready")?.status == 503)
        #expect(accepting(rig) == ["critical": 0, "fallback": 0, "warning": 0, "info": 0])
        rig.heal()
        #expect(try eventually(within: 120) { try rig.metricSum("relay_journal_pending") == 0 })
        #expect(try rig.metricSum("relay_dead_letters") == 0)
        #expect(accepting(rig) == ["critical": 1, "fallback": 1, "warning": 1, "info": 1])
    }
}
