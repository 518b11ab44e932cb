import Foundation
import TestSupport
import Testing

/// Extreme numbers in webhooks and settings, which once crashed the built program.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ExtremeProgramTests {
    private func poison(_ number: Int, truncated: String = "9223372036854775807") -> [UInt8] {
        Array(
            String(decoding: numbered(number, group: number), as: UTF8.self)
                .replacingOccurrences(of: "\"truncatedAlerts\":0", with: "\"truncatedAlerts\":\(truncated)").utf8)
    }

    /// The sum over four of these bodies once overflowed at every start.
    @Test func overflowingCountDoesNotCrashTheRelay() throws {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path + "/spool", environment: ["RELAY_RATE_LIMIT": "2/1s"])
        rig.setFault(#"{"hook":"critical","status":503,"times":1}"#)
        for number in 0..<8 { #expect(rig.post(poison(number))?.status == 200) }
        rig.relay.killNow()
        try rig.restart()
        let isDelivered = try eventually {
            let text = try rig.messages(hook: "critical").map(\.whole).joined()
            return (0..<8).allSatisfy { text.contains("n\($0)x") || text.contains("folded") }
        }
        #expect(isDelivered && rig.relay.isRunning, "\(rig.relay.output.suffix(2000))")
        #expect(eventually { rig.metric(#"relay_journal_pending{severity="critical"}"#) == 0 })
    }

    @Test(arguments: [
        ["RELAY_TEXT_LIMIT": "9223372036854775807"], ["RELAY_RATE_LIMIT": "1/9999999h"],
        ["RELAY_FALLBACK_AFTER": "9999999h"], ["RELAY_MAX_AGE": "999999999w"], ["RELAY_JOURNAL_LIMIT": "8388607TiB"],
        ["RELAY_MAX_CONNECTIONS": "9223372036854775807"], ["RELAY_POST_TIMEOUT": "999999999w"],
        ["RELAY_DRAIN_TIMEOUT": "999999999w"], ["RELAY_DEDUPE_WINDOW": "999999999w"],
    ])
    func settingsThatWouldOverflowAreRefused(environment: [String: String]) throws {
        let folder = TemporaryFolder()
        let hook = [
            "ROCKETCHAT_WEBHOOK_CRITICAL": "http://127.0.0.1:9/hooks/a/b", "RELAY_LISTEN": "127.0.0.1:0",
            "RELAY_STORAGE_PATH": folder.path,
        ]
        for command in ["check-config", "serve"] {
            let relay = try Program("relay", [command], environment: environment.merging(hook) { $1 })
            #expect(relay.exitCode() == 2)
            #expect(relay.output.contains(" from ") && relay.output.contains(" to "), "\(relay.output)")
        }
    }

    /// All settings at their maximum, then all at their minimum.
    @Test(arguments: [
        [
            "RELAY_FALLBACK_AFTER": "365d", "RELAY_MAX_AGE": "3650d", "RELAY_DEDUPE_WINDOW": "30d",
            "RELAY_DRAIN_TIMEOUT": "1h", "RELAY_RATE_LIMIT": "10000/7d", "RELAY_TEXT_LIMIT": "1000000",
            "RELAY_CONNECT_TIMEOUT": "10m", "RELAY_POST_TIMEOUT": "1h", "RELAY_JOURNAL_LIMIT": "1TiB",
            "RELAY_MAX_BODY_SIZE": "1GiB", "RELAY_MAX_HEADER_SIZE": "1MiB", "RELAY_MAX_HEADER_FIELDS": "10000",
            "RELAY_MAX_CONNECTIONS": "1000000", "RELAY_IDLE_TIMEOUT": "1d", "RELAY_REQUEST_TIMEOUT": "1h",
            "RELAY_REPLY_TIMEOUT": "1h", "NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "18446744073709551615",
        ],
        [
            "RELAY_FALLBACK_AFTER": "0s", "RELAY_MAX_AGE": "0s", "RELAY_DEDUPE_WINDOW": "0s",
            "RELAY_RATE_LIMIT": "1/1ms", "RELAY_TEXT_LIMIT": "500", "RELAY_JOURNAL_LIMIT": "1MiB",
            "RELAY_MAX_BODY_SIZE": "1KiB", "RELAY_MAX_HEADER_SIZE": "1KiB", "NOTIFY_SOCKET": "/nowhere",
            "WATCHDOG_USEC": "1",
        ],
    ])
    func relayWorksAtTheLimitsOfAllRanges(environment: [String: String]) throws {
        let rig = try Rig(environment: environment)
        #expect(rig.post(poison(1))?.status == 200)
        #expect(rig.post(poison(2, truncated: "18446744073709551615"))?.status == 200, "taken as unknown")
        #expect(try rig.waitForMessages(1, hook: "critical").first?.whole.contains("n1x") == true)
        #expect(rig.get("/metrics")?.status == 200)
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0, "\(rig.relay.output.suffix(2000))")
    }
}
