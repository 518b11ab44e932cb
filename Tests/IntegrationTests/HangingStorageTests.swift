import Foundation
import Glibc
import TestSupport
import Testing

/// A disk that does not respond, simulated by strace, which delays the relay's system calls.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct HangingStorageTests {
    /// The drain timeout, the second that `docs/OPERATIONS.md` states, and the same again for a busy machine.
    private static let longestEnd = Duration.seconds(1 + 1 + 2)

    @Test(arguments: ["fdatasync,fsync", "pwrite64", "fdatasync,fsync,pwrite64,ftruncate,openat,unlink,statfs"])
    func signalExitsInTimeAndKeepsPendingNotifications(calls: String) throws {
        let rig = try Rig(environment: ["RELAY_DRAIN_TIMEOUT": "1s", "RELAY_POST_TIMEOUT": "60s"])
        rig.setFault(#"{"hook":"critical","mode":"hang"}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(rig.waitForOnePost())
        let strace = try Program(
            "strace",
            ["-f", "-p", "\(rig.relay.id)", "-e", "trace=\(calls)", "-e", "inject=\(calls):delay_enter=120s"])
        try #require(eventually { strace.output.contains("attached") || !strace.isRunning })
        try #require(strace.isRunning, "strace cannot attach here: \(strace.output)")
        let client = Client(port: rig.port)
        let body = numbered(2)
        client.send("POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: \(body.count)\r\n\r\n", body)
        // The journal's periodic checks hang too, so the storage hangs even if the webhook has not been read yet.
        let start = ContinuousClock.now
        rig.relay.send(SIGTERM)
        #expect(eventually(within: 60) { hasExited(rig.relay) })
        #expect(ContinuousClock.now - start < Self.longestEnd)
        #expect(rig.relay.writes("storage does not answer"), "\(rig.relay.output)")
        // strace holds the delayed thread, like a kernel that waits for a disk.
        strace.killNow()
        #expect(rig.relay.exitCode() == 1)
        rig.heal()
        try rig.restart()
        #expect(try eventually { try rig.messages().contains { $0.whole.contains("n1x") } })
    }

    @Test func overdueWebhookIsAnswered503AndDeliveredLate() throws {
        let rig = try Rig(environment: ["RELAY_REPLY_TIMEOUT": "1s"])
        let strace = try Program(
            "strace",
            [
                "-f", "-p", "\(rig.relay.id)", "-e", "trace=fdatasync,fsync", "-e",
                "inject=fdatasync,fsync:delay_enter=120s",
            ])
        try #require(eventually { strace.output.contains("attached") || !strace.isRunning })
        try #require(strace.isRunning, "strace cannot attach here: \(strace.output)")
        let client = Client(port: rig.port)
        let overdue = client.request("POST", "/webhook", body: numbered(1))
        #expect(overdue?.status == 503 && overdue?.headers["retry-after"] == "5")
        // The commit ends late.
        strace.killNow()
        #expect(try rig.waitForMessages(1).count == 1)
        #expect(client.request("GET", "/-/healthy")?.body == "OK\n", "the webhook is not answered again")
        #expect(client.request("POST", "/webhook", body: numbered(1))?.status == 200)
        #expect(rig.metric("relay_duplicates_suppressed_total") == 1)
        #expect(try eventually { try rig.metricSum("relay_journal_pending") == 0 })
        #expect(try rig.messages().count == 1)
    }

    /// Whether the main thread has ended. Other threads may still be in a system call.
    private func hasExited(_ program: Program) -> Bool {
        let stat = (try? String(contentsOfFile: "/proc/\(program.id)/stat", encoding: .utf8)) ?? ""
        return stat.isEmpty || stat.split(separator: ")").last?.hasPrefix(" Z") == true
    }

    /// A signal without a handler does not end the first process of a container.
    @Test(arguments: [SIGTERM, SIGINT])
    func signalExitsDuringAStartThatHangs(signal: Int32) throws {
        let folder = TemporaryFolder()
        let spool = folder.path + "/spool"
        // strace keeps the exited process until the call's delay is over. With -D the traced program is this process's
        // direct child.
        let relay = try Program(
            "strace",
            [
                "-D", "-f", "-qq", "-o", folder.path + "/trace", "-e", "trace=fdatasync", "-e",
                "inject=fdatasync:delay_enter=5s", Program.path("relay"),
            ],
            environment: [
                "RELAY_STORAGE_PATH": spool, "RELAY_LISTEN": "127.0.0.1:0",
                "ROCKETCHAT_WEBHOOK_INFO": "http://127.0.0.1:9/hooks/a/b",
            ])
        let isOpening = eventually {
            let trace = (try? String(contentsOfFile: folder.path + "/trace", encoding: .utf8)) ?? ""
            return trace.contains("fdatasync(") || !relay.isRunning
        }
        try #require(isOpening && relay.isRunning, "\(relay.output)")
        relay.send(signal)
        #expect(relay.exitCode() == 0)
        #expect(relay.writes("before the start was complete"))
    }
}
