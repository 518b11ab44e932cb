import Foundation
import TestSupport
import Testing

/// Receivers with matchers in the built program, with changes of the configuration file.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ReceiverTests {
    private let folder = TemporaryFolder()
    private var file: String { folder.path + "/relay.yml" }

    private func write(_ yaml: String) throws {
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
    }

    private func database(_ rig: Rig, _ more: String = "") -> String {
        let hook = "http://127.0.0.1:\(rig.mockPort)/hooks/database/t0kendatabase"
        return "receivers: [{name: database, matchers: 'alertname=\"Numbered\"', webhook: '\(hook)'\(more)}]\n"
    }

    private func reload(_ rig: Rig, _ yaml: String) throws {
        try write(yaml)
        let reloads = rig.relay.output.split(separator: "configuration reloaded").count
        rig.relay.send(SIGHUP)
        #expect(eventually { rig.relay.output.split(separator: "configuration reloaded").count > reloads })
    }

    /// A thread for each destination would take 200 threads here, and 7 MB with 100 receivers.
    @Test func idleReceiversHaveNoThreads() throws {
        let rig = try Rig(storage: folder.path + "/spool", environment: ["RELAY_CONFIG": try manyReceivers()])
        #expect(1..<16 ~= rig.relay.threads)
        let before = rig.relay.output.split(separator: "configuration reloaded").count
        rig.relay.send(SIGHUP)
        #expect(eventually(within: 60) { rig.relay.output.split(separator: "configuration reloaded").count > before })
        // The reload has scheduled its work by now; a thread ends only after seconds without work.
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(try rig.waitForMessages(1, hook: "critical").count == 1)
        #expect(1..<16 ~= rig.relay.threads)
    }

    private func manyReceivers() throws -> String {
        let receivers = (1...50).map { number in
            "  - {name: team\(number), matchers: 'team=\"\(number)\"', webhook: 'http://127.0.0.1:9/hooks/a/b\(number)'}"
        }
        try write("receivers:\n" + receivers.joined(separator: "\n") + "\n")
        return file
    }

    @Test func reloadAddsAReceiverWhoseBacklogSurvivesItsRemoval() throws {
        try write("max_age: 24h\n")
        let rig = try Rig(storage: folder.path + "/spool", environment: ["RELAY_CONFIG": file])
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(try rig.waitForMessages(1, hook: "critical").count == 1)

        try reload(rig, database(rig, ", alias: Databases") + "journal_limit: 2GiB\n")
        #expect(rig.relay.writes("some settings need a restart"))
        #expect(rig.relay.writes("settings=RELAY_JOURNAL_LIMIT\n"))
        #expect(rig.post(numbered(2))?.status == 200)
        let own = try #require(try rig.waitForMessages(1, hook: "database").first)
        #expect(own.whole.contains("n2x"))
        #expect(rig.post(try Rig.fixture("14-distinct-severities.am0331.json"))?.status == 200)
        #expect(try rig.waitForMessages(2, hook: "critical").count == 2, "what matches nothing goes where it went")
        let delivered = #"relay_notifications_total{severity="critical",receiver="database"}"#
        #expect(eventually { rig.metric(delivered) == 1 })

        // Its hook fails for less than the failover delay, so that notifications wait in the receiver's queue.
        rig.setFault(#"{"hook":"database","status":502,"body":"<html>","contentType":"text/html"}"#)
        for number in 3...5 { #expect(rig.post(numbered(number))?.status == 200) }
        let pending = #"relay_journal_pending{severity="critical",receiver="database"}"#
        #expect(rig.metric(pending) == 3)
        rig.relay.killNow()
        #expect(rig.relay.exitCode() != nil)
        rig.heal()

        // The receiver is removed: its pending notifications go to the room of their severity.
        try write("max_age: 24h\n")
        try rig.restart()
        let isDelivered = try eventually {
            // In one message or in several.
            let text = try rig.messages(hook: "critical").map(\.whole).joined()
            return ["n3x", "n4x", "n5x"].allSatisfy { text.contains($0) }
        }
        #expect(isDelivered)
        #expect(eventually { rig.metric(pending) == 0 })
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0)
        try rig.restart()
        #expect(rig.metric(pending) == nil, "forgotten once there is nothing for it")
    }

    private func manyReceivers(_ rig: Rig) -> String {
        let hook = "http://127.0.0.1:\(rig.mockPort)/hooks/database/t0kendatabase"
        let all = (1...100).map { "{name: r\($0), matchers: 'number=\"n\($0)x\"', webhook: '\(hook)'}" }
        return "receivers: [\(all.joined(separator: ",\n  "))]\n"
    }

    @Test func newReceiversAreAddedWhileTheJournalIsFull() throws {
        try write("max_age: 24h\n")
        let rig = try Rig(
            storage: folder.path + "/spool",
            environment: [
                "RELAY_CONFIG": file, "RELAY_JOURNAL_LIMIT": "1MiB", "ROCKETCHAT_WEBHOOK_FALLBACK": "",
            ])
        rig.setFault(#"{"hook":"critical","status":502,"body":"<html>"}"#)
        var accepted = 0
        while rig.post(numbered(1000 + accepted, padding: 20_000))?.status == 200 { accepted += 1 }
        #expect(accepted > 5)
        #expect(rig.get("/-/ready")?.status == 503)
        try reload(rig, database(rig))
        rig.relay.killNow()
        try write(manyReceivers(rig))
        try rig.restart()
        #expect(rig.post(numbered(999, padding: 20_000))?.status == 503, "it is still full")
        rig.heal()
        #expect(try rig.waitForMessages(accepted, hook: "critical").count >= accepted)
        #expect(eventually { rig.get("/-/ready")?.status == 200 })
        #expect(rig.post(numbered(7))?.status == 200)
        let own = try #require(try rig.waitForMessages(1, hook: "database").first)
        #expect(own.whole.contains("n7x"))
    }

    /// If even the reserve is too small, start and reload continue without the new queues.
    @Test(.enabled(if: getuid() == 0, "mounting a small file system needs root"))
    func fullDiskDelaysNewReceiversOnly() throws {
        let disk = TemporaryFolder()
        let mount = try Program("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk.path])
        try #require(mount.exitCode() == 0, "\(mount.output)")
        defer { _ = try? Program("umount", ["-l", disk.path]).exitCode() }
        try write("max_age: 24h\n")
        let rig = try Rig(storage: disk.path + "/spool", environment: ["RELAY_CONFIG": file])
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(try rig.waitForMessages(1, hook: "critical").count == 1)
        let filler = disk.path + "/filler"
        _ = try Program("/bin/sh", ["-c", "cat /dev/zero > \(filler)"]).exitCode()
        try reload(rig, manyReceivers(rig))
        #expect(rig.relay.writes("receivers have no queue"), "\(rig.relay.output)")
        try FileManager.default.removeItem(atPath: filler)
        let pending = #"relay_journal_pending{severity="critical",receiver="r100"}"#
        #expect(eventually { rig.metric(pending) == 0 })
        #expect(eventually { rig.post(numbered(7))?.status == 200 })
        #expect(try rig.waitForMessages(1, hook: "database").first?.whole.contains("n7x") == true)
    }

    @Test func brokenReceiverFailsOverAndIsNamedInDeadLetters() throws {
        try write("max_age: 24h\n")
        let rig = try Rig(storage: folder.path + "/spool", environment: ["RELAY_CONFIG": file])
        try reload(rig, database(rig))
        rig.setFault(#"{"hook":"database","integration":{"room":"archived"}}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        let rerouted = try #require(try rig.waitForMessages(1, hook: "fallback").first)
        #expect(rerouted.text.contains("rerouted from database"))

        rig.setFault(#"{"containing":"n2x","status":400,"body":{"success":false,"error":"odd"}}"#)
        #expect(rig.post(numbered(2))?.status == 200)
        #expect(eventually { rig.metric(#"relay_dead_letters{severity="critical",receiver="database"}"#) == 1 })
        let list = try Program("relay", ["dead-letters", "list", "--storage.path", folder.path + "/spool"])
        #expect(list.exitCode() == 0)
        #expect(list.output.contains("critical of database"))
        rig.heal()
        let replay = try Program(
            "relay", ["dead-letters", "replay", "--all", "--storage.path", folder.path + "/spool"])
        #expect(replay.exitCode() == 0, "\(replay.output)")
        #expect(try eventually(within: 60) { try rig.messages().contains { $0.whole.contains("n2x") } })
    }

    /// Notifications that wait for a hook are posted at once to its corrected URL, and only there.
    @Test func correctedURLEndsTheBackoff() throws {
        try write("max_age: 24h\n")
        let rig = try Rig(storage: folder.path + "/spool", environment: ["RELAY_CONFIG": file])
        try reload(rig, database(rig))
        for room in ["database", "fallback", "critical", "warning", "info"] {
            rig.setFault(#"{"hook":"\#(room)","mode":"reset"}"#)
        }
        #expect(rig.post(numbered(1))?.status == 200)
        let state = #"relay_circuit_state{severity="critical",receiver="database"}"#
        #expect(eventually(within: 60) { rig.metric(state) == 2 })
        try reload(rig, database(rig).replacing("/hooks/database/", with: "/hooks/mended/"))
        #expect(try rig.waitForMessages(1, hook: "mended", within: 4).first?.whole.contains("n1x") == true)
        #expect(rig.post(numbered(2))?.status == 200)
        #expect(try rig.waitForMessages(2, hook: "mended").count == 2)
        #expect(try rig.messages().count == 2)
    }

    @Test func commandsSupportReceivers() throws {
        let mock = try Program("mock-rocketchat", ["--listen", "127.0.0.1:0", "--limiter", "off"])
        let hooks = "http://127.0.0.1:\(try mock.port())/hooks"
        try write(
            """
            webhooks: {critical: '\(hooks)/critical/t0kencritical'}
            receivers:
              - {name: first, matchers: 'instance="n0"', webhook: '\(hooks)/first/t0kenfirst', continue: true}
            """)
        let check = try Program("relay", ["check-config", "--config.file", file])
        #expect(check.exitCode() == 0, "\(check.output)")
        #expect(check.output.contains(#"for {instance="n0"}, and on"#))
        let test = try Program("relay", ["send-test", "--receiver", "first", "--config.file", file])
        #expect(test.exitCode() == 0 && test.output.contains("delivered"), "\(test.output)")
        let unknown = try Program("relay", ["send-test", "--receiver", "frist", "--config.file", file])
        #expect(unknown.exitCode() != 0 && unknown.output.contains("there are: first"))
        let body = Rig.fixtures.appending(path: "14-distinct-severities.am0331.json").path
        let render = try Program("relay", ["render", "--config.file", file, body])
        #expect(render.exitCode() == 0)
        #expect(render.output.contains(#"{"room":"first","#) && render.output.contains(#"{"room":"critical","#))
    }
}
