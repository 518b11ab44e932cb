import Foundation
import TestSupport
import Testing

/// Notifications that crash the process: a fault point of debug builds (`FaultPoint`) aborts it, and the test restarts
/// the program as a service manager would.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct PoisonTests {
    /// A killed relay with these critical notifications on disk.
    private func rig(holding bodies: [[UInt8]], environment: [String: String] = [:]) throws -> Rig {
        let calm = ["SWIFT_BACKTRACE": "enable=no", "RELAY_POST_TIMEOUT": "60s"]
        let rig = try Rig(environment: calm.merging(environment) { $1 })
        rig.setFault(#"{"hook":"critical","mode":"hang"}"#)
        for body in bodies { #expect(rig.post(body)?.status == 200) }
        #expect(rig.waitForOnePost())
        rig.relay.killNow()
        rig.heal()
        return rig
    }

    /// Restarts the relay until nothing is pending. Returns how often it crashed before.
    private func crashes(of rig: Rig, trap: String) throws -> Int {
        for crashes in 0..<10 {
            do {
                try rig.restart(environment: ["TRAP_AT": trap])
            } catch is Program.Failure {
                // Crashed before its log was written.
            }
            let hasEnded = eventually(within: 90) {
                !rig.relay.isRunning || rig.metric(#"relay_journal_pending{severity="critical"}"#) == 0
            }
            try #require(hasEnded, "\(rig.relay.output)")
            if rig.relay.isRunning { return crashes }
        }
        return 10
    }

    private func poisoned(_ number: Int) -> [UInt8] {
        let body = String(decoding: numbered(number), as: UTF8.self)
        return Array(body.replacing("\"Numbered\"", with: "\"Poison\"").utf8)
    }

    @Test(arguments: ["decode", "render", "classify"])
    func notificationIsDeadLetteredAfterThreeCrashes(point: String) throws {
        let rig = try rig(holding: [numbered(1), poisoned(2), numbered(3)])
        #expect(try crashes(of: rig, trap: "\(point):Poison") == 3)
        let texts = try rig.messages(hook: "critical").map(\.whole)
        #expect(texts.contains { $0.contains("n1x") } && texts.contains { $0.contains("n3x") })
        // If the classification of the response crashes, each attempt has posted the message.
        #expect(texts.count { $0.contains("n2x") } == (point == "classify" ? 3 : 0))
        #expect(try rig.metricSum("relay_dead_letters") == 1)
        #expect(rig.metric(#"relay_notifications_dead_total{severity="critical",reason="crash"}"#) == 1)
        #expect(rig.relay.writes("dead letter: the process crashed while handling the notification"))
        #expect(rig.relay.writes("crashed 3 times"))

        // After an upgrade that fixes the crash, the dead letter can be replayed.
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0)
        try rig.restart(environment: ["TRAP_AT": ""])
        let storage = rig.storage
        let list = try Program("relay", ["dead-letters", "list", "--storage.path", storage])
        #expect(list.exitCode() == 0)
        #expect(list.output.contains("crash"), "\(list.output)")
        let replay = try Program("relay", ["dead-letters", "replay", "--all", "--storage.path", storage])
        #expect(replay.exitCode() == 0, "\(replay.output)")
        #expect(try eventually { try rig.messages().contains { $0.text.contains("Poison") } })
    }

    /// The first crash is attributed to the digest, the next two to the member.
    @Test func crashingMemberOfADigestIsIsolated() throws {
        let bodies = (0..<20).map { $0 == 13 ? poisoned($0) : numbered($0) }
        let rig = try rig(holding: bodies, environment: ["RELAY_RATE_LIMIT": "1/1s"])
        #expect(try crashes(of: rig, trap: "render:Poison") == 3)
        #expect(try rig.metricSum("relay_dead_letters") == 1)
        let posted = try rig.messages(hook: "critical").map(\.whole).joined()
        for number in 0..<20 where number != 13 { #expect(posted.contains("n\(number)x")) }
        #expect(try rig.messages().allSatisfy { !$0.whole.contains("Poison") })
    }

    /// No single notification crashes the process: after three crashes each is posted alone, and none becomes a dead
    /// letter. The first of the six may have been delivered, so it is repeated alone.
    @Test func crashingDigestIsSplitIntoSingleMessages() throws {
        let rig = try rig(holding: (0..<6).map { numbered($0) }, environment: ["RELAY_RATE_LIMIT": "1/1s"])
        #expect(try crashes(of: rig, trap: "render:5 notifications folded") == 3)
        #expect(try rig.metricSum("relay_dead_letters") == 0)
        let messages = try rig.messages(hook: "critical")
        for number in 0..<6 { #expect(messages.contains { $0.whole.contains("n\(number)x") }) }
    }

    /// A kill while a room is slow must not count as a crash of the notification.
    @Test func waitingNotificationIsNotSuspected() throws {
        let rig = try Rig(environment: ["RELAY_POST_TIMEOUT": "60s"])
        rig.setFault(#"{"hook":"critical","mode":"hang"}"#)
        for number in 0..<3 { #expect(rig.post(numbered(number))?.status == 200) }
        for _ in 0..<4 {
            #expect(rig.waitForOnePost())
            rig.relay.killNow()
            _ = Client.request("DELETE", "/messages", port: rig.mockPort)
            try rig.restart()
            #expect(!rig.relay.output.contains("crashed while handling"))
        }
        rig.relay.killNow()
        rig.heal()
        try rig.restart()
        #expect(try rig.waitForMessages(3, hook: "critical").count == 3)
        #expect(try rig.metricSum("relay_dead_letters") == 0)
    }

    /// Each retry of the sender would crash the process again.
    @Test func webhookThatCrashesTheParserIsDeadLettered() throws {
        let rig = try Rig(environment: ["SWIFT_BACKTRACE": "enable=no", "TRAP_AT": "parse:Poison"])
        #expect(rig.post(numbered(1))?.status == 200)
        for _ in 0..<3 {
            #expect(rig.post(poisoned(2)) == nil)
            #expect(try #require(rig.relay.exitCode()) < 0, "by a signal")
            try rig.restart()
            #expect(rig.relay.writes("crashed while parsing a webhook"))
            #expect(rig.post(numbered(3))?.status == 200, "others are read")
        }
        for _ in 0..<2 {
            let answer = rig.post(poisoned(2))
            #expect(answer?.status == 400)
            #expect(answer?.body.contains("kept as a dead letter") == true)
        }
        #expect(eventually { (try? rig.metricSum("relay_dead_letters")) == 1 })
        #expect(rig.metric(#"relay_notifications_dead_total{severity="fallback",reason="crash"}"#) == 1)
        #expect(rig.metric(#"relay_payloads_rejected_total{reason="crash"}"#) == 2)
        #expect(rig.post(poisoned(4)) == nil, "another body is another matter")
        #expect(try #require(rig.relay.exitCode()) < 0)
        try rig.restart(environment: ["TRAP_AT": ""])
        #expect(rig.post(poisoned(2))?.status == 400, "not forgotten")

        let storage = rig.storage
        let list = try Program("relay", ["dead-letters", "list", "--storage.path", storage])
        #expect(list.exitCode() == 0 && list.output.contains("crash"), "\(list.output)")
        let replay = try Program("relay", ["dead-letters", "replay", "--all", "--storage.path", storage])
        #expect(replay.exitCode() == 0, "\(replay.output)")
        #expect(try eventually { try rig.messages().contains { $0.whole.contains("n2x") } })
    }

    enum Damage: String, CaseIterable {
        case absent, empty, short, garbage, folder, link, pipe, secondName

        func apply(to file: String) throws {
            let manager = FileManager.default
            try? manager.removeItem(atPath: file)
            switch self {
            case .absent: break
            case .empty: try Data().write(to: URL(filePath: file))
            case .short: try Data(repeating: 0x72, count: 1000).write(to: URL(filePath: file))
            case .garbage:
                try Data((0..<30_000).map { UInt8(truncatingIfNeeded: $0 &* 167) }).write(to: URL(filePath: file))
            case .folder: try manager.createDirectory(atPath: file, withIntermediateDirectories: false)
            case .link: try manager.createSymbolicLink(atPath: file, withDestinationPath: "/dev/zero")
            case .pipe: try #require(mkfifo(file, 0o600) == 0)
            case .secondName:
                try Data("precious".utf8).write(to: URL(filePath: file + ".victim"))
                try manager.linkItem(atPath: file + ".victim", toPath: file)
            }
        }
    }

    @Test(arguments: Damage.allCases)
    func damagedCrashFilesDoNotPreventAStart(damage: Damage) throws {
        let rig = try rig(holding: [numbered(1)])
        for name in ["handling", "crash.body", "crash.digests"] { try damage.apply(to: rig.storage + "/" + name) }
        try rig.restart()
        #expect(try rig.waitForMessages(1, hook: "critical").count == 1)
        #expect(rig.post(numbered(2))?.status == 200)
        let isReported = rig.relay.output.contains("cannot be attributed")
        #expect(isReported == [.folder, .link, .pipe, .secondName].contains(damage), "\(rig.relay.output)")
        for name in ["handling", "crash.body", "crash.digests"] where damage == .secondName {
            #expect(try String(contentsOfFile: rig.storage + "/\(name).victim", encoding: .utf8) == "precious")
        }
        #expect(try rig.metricSum("relay_dead_letters") == 0)
    }
}
