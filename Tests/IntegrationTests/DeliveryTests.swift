import Foundation
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(5)))
struct DeliveryTests {
    @Test func mixedGroupReachesTheRoomOfEachSeverity() throws {
        let rig = try Rig()
        #expect(try rig.post(fixture: "14-distinct-severities.am0331.json")?.body == #"{"status":"ok","processed":6}"#)
        let messages = try rig.waitForMessages(4)
        #expect(messages.map(\.hook).sorted() == ["critical", "fallback", "info", "warning"])
        let critical = try #require(messages.first { $0.hook == "critical" })
        #expect(critical.attachments.count == 2)
        #expect(critical.text.contains("HighErrorRate"))
        #expect(!critical.text.hasPrefix("["))
    }

    @Test func everyCapturedBodyIsDelivered() throws {
        let rig = try Rig(environment: ["RELAY_DEDUPE_WINDOW": "0s"])
        let names = try FileManager.default.contentsOfDirectory(atPath: Rig.fixtures.path).filter {
            $0.hasSuffix(".json") && !$0.hasSuffix(".meta.json") && !$0.hasPrefix("28-")
        }
        for name in names { #expect(try rig.post(fixture: name)?.status == 200, "\(name)") }
        #expect(try eventually { try rig.metricSum("relay_journal_pending") == 0 })
        #expect(try rig.metricSum("relay_dead_letters") == 0)
        #expect(try rig.messages().count >= names.count)
    }

    @Test func firingPrecedesResolvedInARoom() throws {
        let rig = try Rig()
        for number in 0..<20 {
            #expect(rig.post(numbered(number, group: 1))?.status == 200)
            #expect(rig.post(numbered(number, group: 1, status: "resolved"))?.status == 200)
        }
        let messages = try rig.waitForMessages(40)
        #expect(messages.count == 40)
        #expect(messages.allSatisfy { !$0.overlapped })
        for number in 0..<20 {
            let places = messages.indices.filter { messages[$0].whole.contains("n\(number)x") }
            #expect(places.count == 2)
            #expect(messages[places[0]].text.contains("firing"))
            #expect(messages[places[1]].text.contains("resolved"))
        }
    }

    @Test func anIdenticalNotificationInsideTheWindowIsSentOnce() throws {
        let rig = try Rig()
        for _ in 0..<3 { #expect(rig.post(numbered(1))?.status == 200) }
        #expect(rig.post(numbered(2))?.status == 200)
        #expect(try rig.waitForMessages(2).count == 2)
        #expect(rig.metric("relay_duplicates_suppressed_total") == 2)
        rig.relay.killNow()
        try rig.restart()
        #expect(rig.post(numbered(2))?.status == 200)
        #expect(rig.metric("relay_duplicates_suppressed_total") == 1)
    }

    @Test func refiringGroupIsPostedAgain() throws {
        let rig = try Rig()
        for (number, name) in ["refire-1-firing", "refire-2-resolved", "refire-3-firing"].enumerated() {
            #expect(try rig.post(fixture: name + ".json")?.status == 200)
            #expect(try rig.waitForMessages(number + 1).count == number + 1)
        }
        let messages = try rig.messages()
        #expect(messages.map { $0.text.contains("resolved") } == [false, true, false])
        #expect(rig.metric("relay_duplicates_suppressed_total") == 0)
        #expect(try rig.post(fixture: "refire-3-firing.json")?.status == 200)
        #expect(rig.metric("relay_duplicates_suppressed_total") == 1)
    }

    @Test func hangingHookDelaysNeitherIntakeNorOtherSeverities() throws {
        let rig = try Rig(environment: ["RELAY_POST_TIMEOUT": "30s"])
        rig.setFault(#"{"hook":"critical","mode":"hang"}"#)
        for number in 0..<50 { #expect(rig.post(numbered(number))?.status == 200) }
        #expect(rig.post(numbered(99, severity: "info"))?.status == 200)
        #expect(try rig.waitForMessages(1, hook: "info").count == 1)
        #expect(rig.get("/health")?.status == 200)
        #expect(rig.get("/-/ready")?.status == 200)
        #expect(rig.metric(#"relay_journal_pending{severity="critical"}"#) == 50)
    }

    @Test func recoveredHookGetsTheBacklogInOrder() throws {
        let rig = try Rig()
        rig.setFault(#"{"hook":"critical","status":502,"body":"<html>Bad Gateway</html>","contentType":"text/html"}"#)
        for number in 0..<10 { #expect(rig.post(numbered(number, group: 3))?.status == 200) }
        #expect(
            eventually {
                (rig.metric(#"relay_notifications_failed_total{severity="critical",reason="serverError"}"#) ?? 0) >= 2
            })
        rig.heal()
        let messages = try rig.waitForMessages(10)
        #expect(messages.map { $0.whole.contains("n0x") }.first == true)
        #expect(zip(messages, 0..<10).allSatisfy { $0.whole.contains("n\($1)x") })
    }

    @Test func noAttemptIsMadeWhileTheHeadersReportNoBudget() throws {
        let rig = try Rig(mockArguments: ["--limiter", "enforced"])
        rig.setFault(#"{"limiter":{"max":2,"windowMs":2000,"mode":"enforced"}}"#)
        for number in 0..<6 { #expect(rig.post(numbered(number))?.status == 200) }
        let messages = try rig.waitForMessages(6)
        #expect(zip(messages, 0..<6).allSatisfy { $0.whole.contains("n\($1)x") })
        #expect(rig.metric(#"relay_notifications_failed_total{severity="critical",reason="rateLimited"}"#) == nil)
    }

    @Test(arguments: [
        #""headers":{"Retry-After":"1"},"body":"<html>slow down</html>","contentType":"text/html""#,
        #""body":{"success":false,"error":"Error, too many requests. Please slow down. You must wait 1 seconds before "#
            + #"trying this endpoint again. [error-too-many-requests]"}"#,
    ])
    func responseOf429IsObeyedWithoutLoss(answer: String) throws {
        let rig = try Rig()
        rig.setFault(#"{"hook":"critical","times":2,"status":429,\#(answer)}"#)
        for number in 0..<3 { #expect(rig.post(numbered(number))?.status == 200) }
        let messages = try rig.waitForMessages(3)
        #expect(zip(messages, 0..<3).allSatisfy { $0.whole.contains("n\($1)x") })
        #expect(rig.metric(#"relay_notifications_failed_total{severity="critical",reason="rateLimited"}"#) == 2)
    }

    @Test func hookTokensAreNeverLogged() throws {
        let rig = try Rig(environment: ["LOG_LEVEL": "trace"])
        rig.setFault(#"{"hook":"critical","status":500,"body":"oops","contentType":"text/plain"}"#)
        rig.setFault(#"{"hook":"warning","status":404,"body":"no","contentType":"text/plain"}"#)
        rig.post(numbered(1))
        rig.post(numbered(2, severity: "warning"))
        #expect(
            eventually {
                (rig.metric(#"relay_notifications_failed_total{severity="warning",reason="clientError"}"#) ?? 0) >= 1
            })
        #expect(rig.relay.writes("delivery attempt failed"))
        #expect(!rig.relay.output.contains("t0ken"))
    }
}

extension Rig {
    /// The sum over a metric's severities.
    func metricSum(_ name: String) throws -> Double {
        let body = try #require(get("/metrics")).body
        return body.split(separator: "\n").filter { $0.hasPrefix(name + "{") }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
    }
}
