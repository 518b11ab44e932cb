import Foundation
import TestSupport
import Testing

@testable import Relay

/// Invalid settings that the built program once accepted without a message.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct SettingCaseTests {
    private static let hook = "https://chat.example.com/hooks/a1B2c3D4e5F6/q9W8e7R6t5s3cret"
    private let folder = TemporaryFolder()

    private func run(_ command: String, _ environment: [String: String]) throws -> (code: Int32?, output: String) {
        let program = try Program(
            "relay", [command],
            environment: ["ROCKETCHAT_WEBHOOK_CRITICAL": Self.hook].merging(environment) { $1 })
        return (program.exitCode(), program.output)
    }

    @Test(arguments: [
        (["RELAY_AUTH_TOKENS": "x"], "did you mean RELAY_AUTH_TOKEN?"),
        (["RELAY_TOKEN": "x"], "did you mean RELAY_AUTH_TOKEN?"),
        (["RELAY_AUTH_TOKEN": ""], "RELAY_AUTH_TOKEN: is set but empty"),
        (["RELAY_BASIC_AUTH": ""], "RELAY_BASIC_AUTH: is set but empty"),
        (["RELAY_TLS_CLIENT_CA_FILE": ""], "RELAY_TLS_CLIENT_CA_FILE: is set but empty"),
        (["ROCKETCHAT_WEBHOOK_CRITCAL": hook], "did you mean ROCKETCHAT_WEBHOOK_CRITICAL?"),
        (["RELAY_LISTEN": "80\r93"], #""80\r93" is not an address"#),
        (["ROCKETCHAT_WEBHOOK_CRITICAL": "\"\(hook)\""], "quotes"),
        (["ROCKETCHAT_WEBHOOK_CRITICAL": "\(hook),\(hook)"], "several URLs"),
        (["ROCKETCHAT_WEBHOOK_CRITICAL": "https://chat.example.org"], "has no path"),
        (["RELAY_CA_FILE": "/dev/null"], "/dev/null is empty"),
        (["ROCKETCHAT_WEBHOOK_INFO_FILE": "/usr"], "/usr is a folder"),
    ])
    func invalidSettingPreventsTheStart(environment: [String: String], words: String) throws {
        for command in ["check-config", "serve"] {
            let (code, output) = try run(command, environment)
            #expect(code == 2, "\(command): \(output)")
            #expect(output.contains(words) && !output.contains("s3cret") && !output.contains("\r"), "\(output)")
        }
    }

    /// Values from an environment file with Windows line ends, which docker passes on.
    @Test func trailingCarriageReturnsAreIgnored() throws {
        let (code, output) = try run(
            "check-config",
            [
                "PORT": "8093\r", "LOG_LEVEL": "info\r", "RELAY_RATE_LIMIT": "10/60s\r",
                "RELAY_STORAGE_PATH": "./data\r", "ROCKETCHAT_WEBHOOK_INFO": Self.hook + "\r", "RELAY_THREADS": " true",
            ])
        #expect(code == 0 && output.contains("storage: ./data\n") && !output.contains("\r"), "\(output)")
    }

    @Test func warningsAreReportedWithoutAnError() throws {
        let hooks = [
            "ROCKETCHAT_WEBHOOK_CRITICAL": "http://mock:8094/hooks/a1B2c3/q9W8e7?channel=%23ops",
            "ROCKETCHAT_WEBHOOK_INFO": "",
        ]
        let (code, output) = try run("check-config", hooks)
        #expect(code == 0)
        let warnings = output.split(separator: "\n").filter { $0.hasPrefix("relay: warning: ") }
        #expect(warnings.count == 3, "\(output)")
        #expect(output.contains("warning: ROCKETCHAT_WEBHOOK_INFO: is set but empty"))
        #expect(output.contains("the settings are in order") && !output.contains("q9W8e7"))
    }

    @Test func startLogsAuthenticationAndHooks() throws {
        let rig = try Rig(environment: ["RELAY_AUTH_TOKEN": "t0kenOne", "ROCKETCHAT_WEBHOOK_FALLBACK": ""])
        let log = rig.relay.output
        #expect(log.contains("may post with the bearer token"))
        #expect(log.contains("item=tls") && log.contains("no fallback hook is set"))
        #expect(log.contains("item=critical") && log.contains("/hooks/critical/"))
        #expect(log.contains("ROCKETCHAT_WEBHOOK_FALLBACK: is set but empty"))
        #expect(!log.contains("t0ken"), "\(log)")
    }

    @Test func healthcheckWorksWithAStarAddress() throws {
        // Tests listen on loopback only, which is also the address that the health check uses for the star.
        let rig = try Rig()
        let check = try Program(
            "relay", ["healthcheck"], environment: ["RELAY_LISTEN": "*:\(rig.port)"])
        #expect(check.exitCode() == 0, "\(check.output)")
    }

    @Test func examplesPassCheckConfig() throws {
        var variables: [String: String] = [:]
        for line in try Checkout.text(".env.example").split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: "=", maxSplits: 1)
            variables[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
        }
        let (code, output) = try run("check-config", variables)
        #expect(code == 0 && output.contains("looks like that of an example"), "\(output)")

        let file = folder.path + "/relay.yml"
        try Checkout.text("docs/examples/relay.yml").replacing("/etc/relay/critical", with: folder.path + "/critical")
            .write(toFile: file, atomically: true, encoding: .utf8)
        try Self.hook.write(toFile: folder.path + "/critical", atomically: true, encoding: .utf8)
        let program = try Program("relay", ["check-config", "--config.file", file])
        #expect(program.exitCode() == 0, "\(program.output)")
    }

    /// The credentials that the systemd unit loads from /etc/relay.
    @Test func systemdCredentialsProvideConfigurationReceiversAndTLS() throws {
        let files = [
            "relay_config": "receivers: [{name: database, matchers: 'team=\"db\"'}]\n",
            "rocketchat_webhook_database": "https://chat.example.com/hooks/dataBase1/q9W8e7R6t5s3cret\n",
            "rocketchat_webhook_info": Self.hook, "relay_auth_token": "t0kenOne\n",
        ]
        for (name, text) in files {
            try text.write(toFile: folder.path + "/" + name, atomically: true, encoding: .utf8)
        }
        try SelfSigned.make(
            certificate: folder.path + "/relay_tls_cert_file", key: folder.path + "/relay_tls_key_file",
            names: "DNS:localhost")
        let program = try Program("relay", ["check-config"], environment: ["CREDENTIALS_DIRECTORY": folder.path])
        #expect(program.exitCode() == 0, "\(program.output)")
        let output = program.output
        #expect(output.contains("receiver database: https://chat.example.com/hooks/dataBase1/…"))
        #expect(output.contains("tls: on, with \(folder.path)/relay_tls_cert_file"))
        #expect(output.contains("may post with the bearer token") && !output.contains("s3cret"))

        try "\u{FEFF}https://chat.example.com/hooks/a/b".write(
            toFile: folder.path + "/rocketchat_webhook_database", atomically: true, encoding: .utf8)
        let wrong = try Program("relay", ["check-config"], environment: ["CREDENTIALS_DIRECTORY": folder.path])
        #expect(wrong.exitCode() == 2)
        #expect(wrong.output.contains("rocketchat_webhook_database") && wrong.output.contains("byte order mark"))
    }

    /// Changes every number, and some other settings.
    @Test func reloadNamesSettingsThatNeedRestart() throws {
        let file = folder.path + "/relay.yml"
        try "log_format: logfmt\n".write(toFile: file, atomically: true, encoding: .utf8)
        let rig = try Rig(environment: ["RELAY_CONFIG": file])
        let numbers = Setting.all.filter { $0.ends != nil && $0.key != "rate_limit" }
        var yaml = "log_format: json\nlog_level: debug\nthreads: true\nenable_reload: true\n"
        for (section, settings) in Dictionary(grouping: numbers, by: { $0.key.split(separator: ".").dropLast().first })
        {
            if let section { yaml += "\(section):\n" }
            for setting in settings {
                let name = setting.key.split(separator: ".").last ?? ""
                yaml += "\(section == nil ? "" : "  ")\(name): \(setting.ends?.least ?? "")\n"
            }
        }
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        rig.relay.send(SIGHUP)
        let names = """
            RELAY_DEDUPE_WINDOW, RELAY_JOURNAL_LIMIT, LOG_FORMAT, RELAY_MAX_BODY_SIZE, RELAY_MAX_HEADER_SIZE, \
            RELAY_MAX_HEADER_FIELDS, RELAY_MAX_CONNECTIONS, RELAY_MAX_CONNECTIONS_PER_ADDRESS, RELAY_MEMORY_LIMIT, \
            RELAY_IDLE_TIMEOUT, RELAY_REQUEST_TIMEOUT, RELAY_REPLY_TIMEOUT
            """
        #expect(rig.relay.writes("settings=\"\(names)\"\n"), "\(rig.relay.output)")
        #expect(rig.relay.isRunning)
    }
}
