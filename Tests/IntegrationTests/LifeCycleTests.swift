import Foundation
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(5)))
struct LifeCycleTests {
    @Test(arguments: [SIGTERM, SIGINT])
    func signalDrainsAndExitsWithZero(signal: Int32) throws {
        let rig = try Rig()
        for number in 0..<20 { rig.post(numbered(number)) }
        rig.relay.send(signal)
        #expect(rig.relay.exitCode() == 0)
        #expect(rig.relay.writes("msg=stopped"))
        try rig.restart()
        #expect(try rig.waitForMessages(20).count == 20)
    }

    @Test func postInFlightIsFinishedWithoutADuplicate() throws {
        let rig = try Rig()
        rig.setFault(#"{"hook":"critical","delayMs":1500,"times":1}"#)
        rig.post(numbered(1))
        #expect(rig.waitForOnePost())
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0)
        #expect(try rig.messages().count == 1)
        try rig.restart()
        rig.post(numbered(2))
        #expect(try rig.waitForMessages(2).count == 2)
    }

    @Test func hangingPostIsCancelledAtTheDrainTimeoutAndRepeated() throws {
        let rig = try Rig(environment: ["RELAY_DRAIN_TIMEOUT": "1s", "RELAY_POST_TIMEOUT": "60s"])
        rig.setFault(#"{"hook":"critical","mode":"hang"}"#)
        rig.post(numbered(1))
        #expect(rig.waitForOnePost())
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode(within: 10) == 0)
        rig.heal()
        try rig.restart()
        #expect(try rig.waitForMessages(1).count == 1)
    }

    @Test func secondSignalExitsAtOnce() throws {
        let rig = try Rig(environment: ["RELAY_DRAIN_TIMEOUT": "60s", "RELAY_POST_TIMEOUT": "60s"])
        rig.setFault(#"{"hook":"critical","mode":"hang"}"#)
        rig.post(numbered(1))
        #expect(rig.waitForOnePost())
        rig.relay.send(SIGTERM)
        #expect(rig.relay.writes("msg=draining"))
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode(within: 10) == 1)
    }

    @Test func openConnectionIsAnswered503WhileDraining() throws {
        let rig = try Rig(environment: ["RELAY_DRAIN_TIMEOUT": "60s", "RELAY_POST_TIMEOUT": "60s"])
        let client = Client(port: rig.port)
        #expect(client.request("GET", "/-/ready")?.status == 200)
        rig.setFault(#"{"hook":"critical","mode":"hang"}"#)
        rig.post(numbered(1))
        #expect(rig.waitForOnePost())
        rig.relay.send(SIGTERM)
        #expect(rig.relay.writes("msg=draining"))
        let answer = client.request("POST", "/webhook", body: numbered(2))
        #expect(answer?.status == 503 && answer?.headers["retry-after"] == "5")
        #expect(answer?.headers["connection"] == "close")
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode(within: 10) == 1)
    }

    @Test func secondRelayOnTheSameSpoolExitsWithAnError() throws {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path)
        let second = try Program(
            "relay", [],
            environment: [
                "RELAY_STORAGE_PATH": folder.path, "RELAY_LISTEN": "127.0.0.1:0",
                "ROCKETCHAT_WEBHOOK_INFO": "http://127.0.0.1:9/hooks/a/b",
            ])
        #expect(second.exitCode() == 1)
        #expect(second.output.contains("in use by process \(rig.relay.id)"))
    }

    @Test func invalidConfigurationExitsWithTwoAndListsAllProblems() throws {
        let relay = try Program(
            "relay", ["--log.level", "loud"],
            environment: [
                "RELAY_LISTEN": "nowhere", "RELAY_RATE_LIMIT": "often", "RELAY_JOURNAL_LIMIT": "lots",
                "ROCKETCHAT_WEBHOOK_CRITICAL": "ftp://x/hooks/secret-id/secret-token",
            ])
        #expect(relay.exitCode() == 2)
        for key in [
            "LOG_LEVEL", "RELAY_LISTEN", "RELAY_RATE_LIMIT", "RELAY_JOURNAL_LIMIT", "ROCKETCHAT_WEBHOOK_CRITICAL",
        ] {
            #expect(relay.writes("relay: \(key): "), "\(relay.output)")
        }
        #expect(!relay.output.contains("secret-token"))
    }
}
