import Foundation
import TestSupport
import Testing

/// The built program's handling of signals, core files, environment variables and clock jumps.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ProcessGuardTests {
    @Test func unusedSignalsDoNotEndTheRelay() throws {
        let rig = try Rig()
        let signals =
            [
                SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGTTIN, SIGTTOU, SIGXFSZ,
                SIGPIPE,
            ]
            + Array(34...64)
        for number in signals {
            rig.relay.send(number)
            #expect(rig.get("/health")?.status == 200, "signal \(number)")
        }
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(try rig.waitForMessages(1).count == 1)
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0)
    }

    @Test func processWritesNoCoreFile() throws {
        let rig = try Rig()
        let limits = try String(contentsOfFile: "/proc/\(rig.relay.id)/limits", encoding: .utf8)
        let core = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
        #expect(core.split(separator: " ").dropFirst(4).prefix(2) == ["0", "0"], "\(core)")
        // proc(5): the files of a non-dumpable process belong to root.
        let hooks = ["ROCKETCHAT_WEBHOOK_CRITICAL": "http://127.0.0.1:1/hooks/a/b", "RELAY_LISTEN": "127.0.0.1:0"]
        guard geteuid() == 0, FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv") else { return }
        let folder = TemporaryFolder()
        #expect(chown(folder.path, 65534, 65534) == 0)
        let other = try Program(
            "/usr/bin/setpriv",
            ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--", try Program.path("relay")],
            environment: hooks.merging(["RELAY_STORAGE_PATH": folder.path + "/spool"]) { $1 })
        _ = try other.port()
        let owner = try FileManager.default.attributesOfItem(atPath: "/proc/\(other.id)/environ")[.ownerAccountID]
        #expect(owner as? Int == 0, "a debugger of the same user would read the secrets")
    }

    @Test func environmentVariablesOfLibrariesHaveNoEffect() throws {
        let folder = TemporaryFolder()
        let (certificate, key) = (folder.path + "/tls.crt", folder.path + "/tls.key")
        try SelfSigned.make(certificate: certificate, key: key, names: "IP:127.0.0.1")
        let tls = ["RELAY_TLS_CERT_FILE": certificate, "RELAY_TLS_KEY_FILE": key]
        let rig = try Rig(environment: tls)
        let keys = folder.path + "/keys"
        let hook = "https://127.0.0.1:\(rig.port)/hooks/a/b"
        let trusted = try Program(
            "relay", ["send-test"],
            environment: ["ROCKETCHAT_WEBHOOK_CRITICAL": hook, "RELAY_CA_FILE": certificate, "SSLKEYLOGFILE": keys])
        #expect(trusted.exitCode() == 1)
        #expect(trusted.output.contains("HTTP 404"), "the relay has no such route: \(trusted.output)")
        #expect(!FileManager.default.fileExists(atPath: keys), "the keys of a connection were written down")
        let untrusted = try Program(
            "relay", ["send-test"],
            environment: [
                "ROCKETCHAT_WEBHOOK_CRITICAL": hook, "SSL_CERT_FILE": certificate, "CURL_CA_BUNDLE": certificate,
                "CURL_SSL_BACKEND": "none",
            ])
        #expect(untrusted.exitCode() == 1)
        #expect(untrusted.output.contains("certificate"), "\(untrusted.output)")
    }

    // MARK: The clock

    private static let faketime =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"].map { $0 + "/faketime/libfaketimeMT.so.1" }
        .first { FileManager.default.fileExists(atPath: $0) }

    private func fakeClock(_ file: String) -> [String: String] {
        [
            "LD_PRELOAD": Self.faketime ?? "", "FAKETIME_TIMESTAMP_FILE": file, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        ]
    }

    /// A firing and its resolve are pending while the clock jumps by two years.
    @Test(.enabled(if: faketime != nil), arguments: [false, true])
    func pendingNotificationsSurviveAClockJump(restarts: Bool) throws {
        let folder = TemporaryFolder()
        let file = folder.path + "/time"
        try "+0".write(toFile: file, atomically: true, encoding: .utf8)
        let rig = try Rig(storage: folder.path + "/spool", environment: ["RELAY_MAX_AGE": "1h"])
        rig.relay.killNow()
        try rig.restart(environment: fakeClock(file))
        for hook in ["critical", "fallback"] {
            rig.setFault(#"{"hook":"\#(hook)","status":503,"body":"down","contentType":"text/plain"}"#)
        }
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(rig.post(numbered(2, group: 2))?.status == 200)
        #expect(rig.post(numbered(1, group: 1, status: "resolved"))?.status == 200)
        if restarts { rig.relay.killNow() }
        try "+2y".write(toFile: file, atomically: true, encoding: .utf8)
        if restarts { try rig.restart() }
        let age = #"relay_journal_oldest_pending_age_seconds{severity="critical"}"#
        #expect(eventually { (rig.metric(age) ?? 0) > 60_000_000 }, "the relay sees the leap")
        rig.heal()
        // Under faketime, Dispatch checks its timers only on other events: webhooks of another severity.
        var number = 100
        let isDelivered = try eventually {
            number += 1
            rig.post(numbered(number, group: number, severity: "info"))
            return try rig.messages(hook: "critical").map(\.whole).joined().contains("n2x")
        }
        #expect(isDelivered)
        #expect(rig.metric(#"relay_notifications_expired_total{severity="critical"}"#) == 0)
        #expect(try rig.messages().map(\.whole).joined().contains("n1x"))
    }
}
