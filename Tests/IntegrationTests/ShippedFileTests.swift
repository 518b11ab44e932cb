import Foundation
import TestSupport
import Testing

/// The shipped scripts and configurations do what the documents say.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ShippedFileTests {
    /// Runs a copy of `.ci/serve` with a program that prints its settings.
    private func serve(_ lines: String) throws -> (code: Int32?, output: String) {
        let folder = TemporaryFolder()
        for part in [".ci", ".build/release"] {
            try FileManager.default.createDirectory(
                atPath: folder.path + "/" + part, withIntermediateDirectories: true)
        }
        let script = folder.path + "/.ci/serve", program = folder.path + "/.build/release/relay"
        try Checkout.text(".ci/serve").write(toFile: script, atomically: true, encoding: .utf8)
        try "#!/bin/sh\nenv | grep -E '^(ROCKETCHAT|RELAY|LOG)_' | sort\n"
            .write(toFile: program, atomically: true, encoding: .utf8)
        chmod(program, 0o755)
        try lines.write(toFile: folder.path + "/.env", atomically: true, encoding: .utf8)
        chmod(folder.path + "/.env", 0o600)
        let process = try Program("bash", [script])
        return (process.exitCode(), process.output)
    }

    @Test func everyFormOfASettingInTheEnvironmentFileIsRead() throws {
        let result = try serve(
            "# a comment\n\n   # another\nRELAY_A=1\nexport RELAY_B=b c \nRELAY_C = three\n\tRELAY_D=\"4 \"\n"
                + "export\tRELAY_E='x#y'\r\nRELAY_F=$2y$10$abc\nRELAY_G=")
        #expect(
            result.output == """
                RELAY_A=1
                RELAY_B=b c
                RELAY_C=three
                RELAY_D=4\u{20}
                RELAY_E=x#y
                RELAY_F=$2y$10$abc
                RELAY_G=

                """)
    }

    @Test(arguments: ["RELAY_A", "RELAY A=1", "export RELAY_A", "1A=2", "- RELAY_A=1", "RELAY-A=1"])
    func otherLineOfTheEnvironmentFileIsRefusedWithItsNumber(line: String) throws {
        let result = try serve("LOG_LEVEL=info\n\(line)\n")
        #expect(result.code == 2 && result.output.hasPrefix(".env:2: "), "\(result.output)")
    }

    @Test func installPutsEveryFileInPlaceThatTheUnitNames() throws {
        let folder = TemporaryFolder()
        let binary = try Program.path("relay")
        func install() throws {
            let make = try Program(
                "make",
                [
                    "-s", "-C", Checkout.root.path, "install", "DESTDIR=\(folder.path)", "PREFIX=/usr/local",
                    "BINARY=\(binary)",
                ])
            #expect(make.exitCode() == 0, "\(make.output)")
        }
        try install()
        let environment = folder.path + "/etc/relay/relay.env"
        try "LOG_LEVEL=debug\n".write(toFile: environment, atomically: true, encoding: .utf8)
        try install()
        #expect(try String(contentsOfFile: environment, encoding: .utf8) == "LOG_LEVEL=debug\n")
        let share = "/usr/local/share/"
        for path in [
            "/usr/local/bin/relay", "/lib/systemd/system/relay.socket", "/etc/relay/hooks", "/etc/relay/secrets",
            share + "man/man1/relay.1.gz", share + "doc/relay/CONFIGURATION.md", share + "doc/relay/examples/relay.yml",
            share + "bash-completion/completions/relay", share + "zsh/vendor-completions/_relay",
            share + "fish/vendor_completions.d/relay.fish",
        ] {
            #expect(FileManager.default.fileExists(atPath: folder.path + path), "\(path) is missing")
        }
        let unit = try String(contentsOfFile: folder.path + "/lib/systemd/system/relay.service", encoding: .utf8)
        #expect(unit.contains("\nExecStart=/usr/local/bin/relay serve\n"))
    }

    // MARK: Documents

    private func checkDocuments(_ files: String...) throws -> (code: Int32?, output: String) {
        let programs = URL(filePath: try Program.path("relay")).deletingLastPathComponent().path
        let check = try Program(
            "/usr/bin/python3", [Checkout.root.path + "/.ci/check-docs", "--programs", programs] + files)
        return (check.exitCode(within: 90), check.output)
    }

    /// Each block that cannot run is marked with the reason; see `.ci/check-docs`.
    @Test func commandBlocksOfTheDocumentsRun() throws {
        let result = try checkDocuments()
        #expect(result.code == 0 && result.output.contains("command blocks ran"), "\(result.output)")
    }

    @Test func faultyBlocksOfADocumentAreReported() throws {
        // In the repository, because reports name files from its root on.
        let folder = TemporaryFolder(in: Checkout.root.path + "/.build")
        let file = folder.path + "/faulty.md"
        try """
        ```sh
        relay healthcheck
        ```
        <!-- not run: needs a cluster -->
        ```sh
        exit 3
        ```
        <!-- not run: -->
        ```bash
        relay render /nowhere | cat
        ```
        <!-- relay.yml -->
        ```yaml
        log_level: loud
        ```
        <!-- part of docker/nginx.conf -->
        ```
        listen 9999;
        ```

        """.write(toFile: file, atomically: true, encoding: .utf8)
        let result = try checkDocuments(file)
        #expect(result.code == 1)
        for part in ["faulty.md:9: exit 1: ", "faulty.md:13: ", "log_level: ", "faulty.md:17: is not part of"] {
            #expect(result.output.contains(part), "\(result.output)")
        }
        #expect(result.output.contains("2 command blocks ran, 2 blocks were checked, 1 are marked"))
    }

    // MARK: Grafana

    /// `.ci/make-dashboard` gives each metric of the sources a panel.
    @Test func dashboardShowsEveryMetric() throws {
        let check = try Program("/usr/bin/python3", [Checkout.root.path + "/.ci/make-dashboard", "--check"])
        #expect(check.exitCode() == 0, "\(check.output)")
        let rig = try Rig()
        #expect(rig.post(numbered(1))?.status == 200)
        _ = try rig.waitForMessages(1)
        let exported = try #require(rig.get("/metrics")).body
        let names = exported.matches(of: #/(?m)^# TYPE ([a-z_]+) /#).map { String($0.1) }
        #expect(names.count > 35)
        let dashboard = try Checkout.text("docker/grafana/dashboards/relay.json")
        for name in names {
            #expect(
                ["", "_bucket"].contains { dashboard.contains("\(name)\($0){") },
                "the dashboard does not show \(name): run .ci/make-dashboard")
        }
        // Each Grafana has its own name for its Prometheus.
        #expect(!dashboard.contains("\"uid\": \"prometheus\"") && dashboard.contains("${datasource}"))
    }

    // MARK: Alertmanager

    /// An alert about the relay itself is mailed, and posted too.
    @Test func alertsAboutTheRelayAreMailedToo() throws {
        let rig = try Rig(environment: ["RELAY_AUTH_TOKEN": "t0ken"])
        let front = try DeploymentTests.Front(relay: rig.port)
        let mailPort = try Loopback.freePort()
        // Debian's Python has an SMTP server that prints what it receives.
        let mail = try Program(
            "/usr/bin/python3",
            ["-W", "ignore", "-u", "-m", "smtpd", "-n", "-c", "DebuggingServer", "127.0.0.1:\(mailPort)"])
        #expect(eventually { Loopback.isListening(on: mailPort) }, "\(mail.output)")
        try front.write(
            "alertmanager.yml",
            [
                "/run/secrets/": front.folder.path + "/", "https://nginx:8443/": "https://localhost:\(front.port)/",
                "group_wait: 10s": "group_wait: 0s",
                "smtp.example.com:587": "127.0.0.1:\(mailPort)\n  smtp_require_tls: false",
            ])
        let alertmanager = try Program(
            "prometheus-alertmanager",
            [
                "--config.file=\(front.folder.path)/alertmanager.yml", "--storage.path=\(front.folder.path)/am",
                "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=",
            ])
        let port = try alertmanager.port()
        let alerts = ["RelayHookFailing", "DiskFull"].map { ["labels": ["alertname": $0, "severity": "critical"]] }
        let body = [UInt8](try JSONSerialization.data(withJSONObject: alerts))
        #expect(Client.request("POST", "/api/v2/alerts", port: port, body: body)?.status == 200)
        #expect(mail.writes("RelayHookFailing"), "\(alertmanager.output.suffix(2000))")
        let posted = try eventually {
            let texts = try rig.messages(hook: "critical").map(\.whole)
            return ["RelayHookFailing", "DiskFull"].allSatisfy { name in texts.contains { $0.contains(name) } }
        }
        #expect(posted, "\(alertmanager.output.suffix(2000))")
        #expect(!mail.output.contains("DiskFull"))
    }
}
