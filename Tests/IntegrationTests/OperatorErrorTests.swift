import Foundation
import TestSupport
import Testing

/// What the built program tells an operator: errors that name their cause, and log lines for the journal.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct OperatorErrorTests {
    private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> (
        code: Int32?, output: String
    ) {
        let program = try Program("relay", arguments, environment: environment)
        return (program.exitCode(), program.output)
    }

    @Test func healthcheckStatesItsErrorOnceAndTakesListenAddresses() throws {
        let rig = try Rig()
        for address in ["*:\(rig.port)", ":\(rig.port)", "127.0.0.1:\(rig.port)"] {
            #expect(try run(["healthcheck", address]).code == 0, "\(address)")
        }
        let closed = try run(["healthcheck", "127.0.0.1:9"])
        #expect(closed.code == 1 && closed.output.components(separatedBy: "Couldn't connect").count == 2)
        let plain = try run(["healthcheck", "https://127.0.0.1:\(rig.port)/health"])
        #expect(plain.code == 1 && plain.output.contains("does not use TLS on this port"), "\(plain.output)")
    }

    @Test func unusableStorageFolderIsNamedWithItsCause() throws {
        // A user without a name and without rights.
        guard geteuid() == 0 else { return }
        let folder = TemporaryFolder()
        chmod(folder.path, 0o755)
        let relay = try Program.path("relay")
        let program = try Program(
            "sh", ["-c", "cd '\(folder.path)' && exec setpriv --reuid=65534 --clear-groups '\(relay)' serve"],
            environment: [
                "ROCKETCHAT_WEBHOOK_INFO": "http://127.0.0.1:9/hooks/a/b", "RELAY_LISTEN": "127.0.0.1:0",
                "RELAY_STORAGE_PATH": "./data",
            ])
        #expect(program.exitCode() == 1)
        #expect(
            program.output.contains("data cannot be used: it cannot be created: Permission denied for user 65534"),
            "\(program.output)")
    }

    @Test func sendTestNamesTheHookThatItUses() throws {
        let rig = try Rig()
        let result = try run(
            ["send-test", "--severity", "critical"],
            environment: ["ROCKETCHAT_WEBHOOK_WARNING": "http://127.0.0.1:\(rig.mockPort)/hooks/warning/t0ken"])
        #expect(result.code == 0)
        #expect(result.output.contains("critical: http://127.0.0.1:\(rig.mockPort)/hooks/warning/"), "\(result.output)")
        #expect(result.output.contains("no hook of its own, so it goes to warning"), "\(result.output)")
    }

    @Test func sendTestNamesProxyAndSchemeMistakes() throws {
        let rig = try Rig()
        let plain = try run(
            ["send-test"], environment: ["ROCKETCHAT_WEBHOOK_CRITICAL": "https://127.0.0.1:\(rig.port)/hooks/a/t0ken"])
        #expect(plain.code == 1 && plain.output.contains("write http:// in the hook"), "\(plain.output)")
        let hook = ["ROCKETCHAT_WEBHOOK_CRITICAL": "https://chat.example.com/hooks/a/t0ken"]
        for variable in ["RELAY_PROXY", "https_proxy"] {
            let closed = try run(
                ["send-test"], environment: hook.merging([variable: "http://user:s3cret@127.0.0.1:9"]) { $1 })
            #expect(closed.code == 1 && closed.output.contains("The proxy was not reached"), "\(closed.output)")
            #expect(!closed.output.contains("s3cret"))
        }
        // The relay answers CONNECT with 405, as a proxy that forbids it.
        let refused = try run(
            ["send-test"], environment: hook.merging(["RELAY_PROXY": "http://127.0.0.1:\(rig.port)"]) { $1 })
        #expect(refused.code == 1 && refused.output.contains("The proxy was reached and refuses"), "\(refused.output)")
    }

    /// journald removes the priority, and shows each line with its level.
    @Test func logLinesHavePrioritiesForTheJournalOnly() throws {
        let folder = TemporaryFolder()
        let relay = try Program.path("relay")
        let environment = [
            "RELAY_STORAGE_PATH": folder.path + "/spool", "ROCKETCHAT_WEBHOOK_INFO": "http://127.0.0.1:9/hooks/a/b",
            "RELAY_LISTEN": "127.0.0.1:0", "JOURNAL_STREAM": "1:2",
            "ROCKETCHAT_WEBHOOK_FALLBACK": "",
        ]
        let elsewhere = try Program("relay", [], environment: environment)
        _ = try elsewhere.port()
        #expect(elsewhere.output.split(separator: "\n").allSatisfy { $0.hasPrefix("ts=") }, "\(elsewhere.output)")
        elsewhere.killNow()
        let script = "JOURNAL_STREAM=$(stat -Lc %d:%i /dev/stderr) exec '\(relay)'"
        let journal = try Program("sh", ["-c", script], environment: environment)
        _ = try journal.port()
        let lines = journal.output.split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix("<4>ts=") || $0.hasPrefix("<6>ts=") }, "\(journal.output)")
        #expect(lines.contains { $0.hasPrefix("<4>") && $0.contains(" level=warning ") }, "\(journal.output)")
        let wrong = try Program("sh", ["-c", script], environment: environment.merging(["PORT": "x"]) { $1 })
        #expect(wrong.exitCode() == 2 && wrong.output.hasPrefix("<3>relay: PORT: "), "\(wrong.output)")
    }
}
