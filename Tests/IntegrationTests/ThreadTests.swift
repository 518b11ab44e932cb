import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct ThreadTests {
    @Test func resolveIsPostedInTheRoomAndInTheFiringsThread() throws {
        let rig = try Rig(environment: ["RELAY_THREADS": "true"])
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(try rig.waitForMessages(1).count == 1)
        #expect(rig.post(numbered(1, group: 1, status: "resolved"))?.status == 200)
        let messages = try rig.waitForMessages(3)
        #expect(messages.map(\.threadID) == [nil, nil, messages[0].id])
        #expect(messages.suffix(2).allSatisfy { $0.text.contains("resolved") })
        #expect(rig.post(numbered(2, group: 1, status: "resolved"))?.status == 200)
        #expect(try rig.waitForMessages(4).last?.threadID == nil, "a thread is replied to once")
    }

    @Test(arguments: ["legacy", "h77"])
    func withoutIDsAResolveGoesToTheRoomOnly(profile: String) throws {
        let rig = try Rig(
            mockArguments: ["--limiter", "off", "--profile", profile], environment: ["RELAY_THREADS": "true"])
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(rig.post(numbered(1, group: 1, status: "resolved"))?.status == 200)
        #expect(try eventually { try rig.metricSum("relay_journal_pending") == 0 })
        #expect(try rig.messages().map(\.threadID) == [nil, nil])
    }

    /// The server returns the message if its id is requested, here with more than 64 KiB.
    @Test func messageReturnedInTheResponseIsPostedOnce() throws {
        let rig = try Rig(environment: ["RELAY_THREADS": "true"])
        #expect(try rig.post(fixture: "threads-50-alerts.json")?.status == 200)
        #expect(try eventually { try rig.metricSum("relay_journal_pending") == 0 })
        #expect(try rig.messages().count == Set(rig.messages().map(\.whole)).count)
        #expect(try rig.metricSum("relay_notifications_failed_total") == 0)
        #expect(try rig.metricSum("relay_dead_letters") == 0)
    }

    @Test func byDefaultThereAreNoThreads() throws {
        let rig = try Rig()
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(rig.post(numbered(1, group: 1, status: "resolved"))?.status == 200)
        #expect(try rig.waitForMessages(2).map(\.threadID) == [nil, nil])
    }
}
