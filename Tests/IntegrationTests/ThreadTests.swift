import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct ThreadTests {
    @Test func aResolveGoesToTheRoomAndToItsFiringsThread() throws {
        let rig = try Rig(environment: ["RELAY_THREADS": "true"])
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(try rig.waitForMessages(1).count == 1)
        #expect(rig.post(numbered(1, group: 1, status: "resolved"))?.status == 200)
        let messages = try rig.waitForMessages(3)
        #expect(messages.map(\.threadID) == [nil, nil, messages[0].id])
        #expect(messages.suffix(2).allSatisfy { $0.text.contains("resolved") })
        #expect(rig.post(numbered(1, group: 1, status: "resolved", padding: 1))?.status == 200)
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

    @Test func byDefaultThereAreNoThreads() throws {
        let rig = try Rig()
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(rig.post(numbered(1, group: 1, status: "resolved"))?.status == 200)
        #expect(try rig.waitForMessages(2).map(\.threadID) == [nil, nil])
    }
}
