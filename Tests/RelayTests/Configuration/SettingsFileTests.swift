import Foundation
import Libevent
import Logging
import TestSupport
import Testing

@testable import Alerts
@testable import Relay
@testable import RocketChat
@testable import Support

@Suite struct SettingsFileTests {
    private func read(
        _ yaml: String, flags: [String: String] = [:], environment: [String: String] = [:]
    ) throws -> Result<RelayConfiguration, ConfigurationError> {
        let path = FileManager.default.temporaryDirectory.appending(path: "relay-\(UUID().uuidString).yml").path
        try yaml.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var reader = ConfigurationReader(flags: flags, environment: environment, file: SettingsFile(path: path))
        return Result { () throws(ConfigurationError) in try reader.read() }
    }

    /// The problems without the file's path.
    private func problems(_ yaml: String, environment: [String: String] = [:]) throws -> [String] {
        guard case .failure(let error) = try read(yaml, environment: environment) else { return [] }
        return error.problems.map { problem in
            problem.description.replacing(/^.*relay-[0-9A-F-]+\.yml:/, with: "")
        }
    }

    private let hook = "webhooks: {critical: 'https://chat.example.com/hooks/a/b'}\n"

    @Test func everySettingOfTheExampleIsApplied() throws {
        let text = try Checkout.text("docs/examples/relay.yml")
            .replacing("critical_file: /etc/relay/critical", with: "critical: https://chat.example.com/hooks/a/b")
        let configuration = try read(text).get()
        #expect(configuration.hooks.count == 4)
        #expect(configuration.receivers.map(\.name) == ["database", "quiet"] && configuration.receivers[1].drops)
        #expect(configuration.receivers.first?.posting.emoji == ":elephant:")
        #expect(configuration.fallbackAfter[.critical] == .seconds(60))
        #expect(configuration.severityAliases == SeverityMap.defaultAliases)
        #expect(configuration.posting.renderSettings == RenderSettings())
        #expect(configuration.storagePath == "/var/lib/relay")
        #expect(configuration.limits == RelayConfiguration(hooks: [:]).limits)
    }

    @Test func theExampleNamesEveryKey() throws {
        let example = try Checkout.text("docs/examples/relay.yml")
        let table = try Checkout.text("docs/CONFIGURATION.md")
        for setting in Setting.all {
            #expect(table.contains("`\(setting.key)`"), "CONFIGURATION.md has no \(setting.key)")
            #expect(table.contains("`\(setting.variable)`"), "CONFIGURATION.md has no \(setting.variable)")
            guard !setting.key.contains(".") else { continue }
            #expect(example.contains(setting.key), "the example has no \(setting.key)")
        }
    }

    @Test func flagsOverrideTheEnvironmentWhichOverridesTheFile() throws {
        let yaml = hook + "log_level: error\ntext_limit: 1000\nstorage_path: /file\n"
        let configuration = try read(
            yaml, flags: ["RELAY_STORAGE_PATH": "/flag"],
            environment: ["RELAY_STORAGE_PATH": "/environment", "RELAY_TEXT_LIMIT": "2000"]
        ).get()
        #expect(configuration.storagePath == "/flag")
        #expect(configuration.posting.textLimit == 2000)
        #expect(configuration.logLevel == .error)
    }

    @Test func environmentSecretOverridesTheSettingsFile() throws {
        let yaml = "webhooks: {critical_file: /nowhere}\n"
        let environment = ["ROCKETCHAT_WEBHOOK_CRITICAL": "https://chat.example.com/hooks/a/b"]
        #expect(try read(yaml, environment: environment).get().hooks.count == 1)
    }

    @Test func environmentPortOverridesTheFilesAddresses() throws {
        let configuration = try read(hook + "listen: 127.0.0.1:1\n", environment: ["PORT": "2"]).get()
        #expect(configuration.listen.map(\.port) == [2])
    }

    @Test func listsAndSectionsAreRead() throws {
        let yaml =
            hook + """
                listen: ["127.0.0.1:1", "[::1]:2"]
                severity_aliases: {critical: [boom, crash]}
                fallback_after: {info: 9m}
                auth_tokens: [one, two]
                """
        let configuration = try read(yaml).get()
        #expect(configuration.listen.map(\.port) == [1, 2])
        #expect(configuration.severityAliases[.critical] == ["boom", "crash"])
        #expect(configuration.fallbackAfter[.info] == .seconds(540))
        #expect(configuration.authTokens.map(\.revealed) == ["one", "two"])
    }

    @Test func everyKeyOfAReceiverIsInTheTable() throws {
        let table = try Checkout.text("docs/CONFIGURATION.md").split(separator: "## Receivers").last ?? ""
        for key in ReceiverConfiguration.settings.flatMap(\.names).map(\.key) {
            #expect(table.contains("`\(key)`"), "CONFIGURATION.md has no \(key)")
        }
    }

    @Test func receiversInheritTheGlobalSettings() throws {
        let yaml =
            hook + """
                text_limit: 1000
                emoji: ":fire:"
                receivers:
                  - name: database
                    matchers: ['team="db"', 'env!="dev"']
                    webhook: https://chat.example.com/hooks/c/d
                    continue: true
                    rate_limit: "off"
                    fallback_after: 3s
                    alias: Databases
                  - {name: rest, matchers: 'alertname=~"Disk.*|CPU,?"', webhook: https://chat.example.com/hooks/e/f}
                """
        let receivers = try read(yaml).get().receivers
        #expect(receivers.map(\.name) == ["database", "rest"])
        #expect(receivers[0].matchers.map(\.description) == [#"team="db""#, #"env!="dev""#])
        #expect(receivers[0].continues && !receivers[1].continues)
        #expect(receivers[0].posting.rateLimit == nil && receivers[1].posting.rateLimit == .rocketChat)
        #expect(receivers[0].posting.alias == "Databases" && receivers[1].posting.alias == nil)
        #expect(receivers.allSatisfy { $0.posting.textLimit == 1000 && $0.posting.emoji == ":fire:" })
        #expect(receivers[0].fallbackAfter == .seconds(3) && receivers[1].fallbackAfter == nil)
        #expect(receivers[1].matchers.count == 1, "a quoted comma separates no matchers")
    }

    @Test func receiverProblemsHavePositions() throws {
        let yaml =
            hook + """
                receivers:
                  - matchers: a=b
                    webhook: https://chat.example.com/hooks/c/d
                  - {name: one, matchers: "a=~(", webhok: x}
                  - {name: two, matchers: a=b, webhook: https://chat.example.com/hooks/c/d, text_limit: 1}
                  - {name: two, matchers: a=b, webhook: https://chat.example.com/hooks/c/d}
                  - text
                """
        #expect(
            try problems(yaml) == [
                "5:35: receivers[1].webhok: is not a setting, did you mean webhook?",
                "8:5: receivers[4]: must hold keys and values",
                "3:5: receivers[0].name: is missing; a receiver needs a name",
                "5:27: receivers[1].matchers: the regular expression \"(\" cannot be read: missing )",
                "5:5: receivers[1].webhook: is missing; a receiver needs the URL of an incoming webhook",
                "6:89: receivers[2].text_limit: \"1\" is not a whole number from 500 to 1000000",
                "7:12: receivers[3].name: \"two\" is given twice",
            ])
    }

    @Test func usersAreAMapAsInPrometheus() throws {
        let hash = "$2y$04$" + String(repeating: "a", count: 53)
        let one = try read(hook + "basic_auth: {alertmanager: \(hash), other: \(hash)}\n").get()
        #expect(!one.users.isEmpty)
        #expect(
            try problems(hook + "basic_auth: {alertmanager: plain}\n") == [
                "2:13: basic_auth: user \"alertmanager\" has no bcrypt hash ($2a$, $2b$ or $2y$, 60 characters); "
                    + "htpasswd -nB makes one"
            ])
    }

    @Test func networkAndTLSProblemsNameTheirKeys() throws {
        let yaml = hook + "allowed_networks: [10.0.0.0/8, ten]\ntrusted_proxies: []\ntls: {cert_file: /nowhere}\n"
        #expect(
            try problems(yaml) == [
                "2:19: allowed_networks: \"ten\" is neither an IP address nor a network such as 10.0.0.0/8 or fd00::/8",
                "4:18: tls.cert_file: TLS needs a certificate and its key; give both, or neither",
            ])
        #expect(
            try problems(hook + "tls: {cert_file: /nowhere, key_file: /nowhere}\n") == [
                "2:18: tls.cert_file: cannot read the certificate /nowhere: No such file or directory"
            ])
        #expect(try problems(hook + "tls: on\n") == ["2:6: tls: must hold keys and values"])
    }

    @Test func sevenMistakesAreSevenProblemsWithLines() throws {
        let yaml = try Checkout.text("Tests/Fixtures/seven-mistakes.yml")
        #expect(
            try problems(yaml) == [
                "2:3: webhooks.critcal: is not a setting, did you mean webhooks.critical?",
                "5:13: text_limit: must be a single value or a list",
                "7:1: storage_pth: is not a setting, did you mean storage_path?",
                "3:12: webhooks.warning: a webhook URL must begin with https:// or http://",
                #"4:13: rate_limit: "ten" is not posts per time as in 10/60s, from 1/7d to 10000/1ms, or off"#,
                #"8:10: max_age: "1y" is not a duration from 0s to 3650d, as in 8s, 500ms or 1m30s"#,
                #"6:12: log_level: "loud" is not one of trace, debug, info, notice, warning, error, critical"#,
            ])
    }

    @Test(arguments: [
        ("a: [", "2:1"), ("\tx: 1", "1:1"), ("- 1", "1:1"), ("text", "1:1"), ("{1: {2: 3}, [a]: b}", "1:13"),
    ])
    func invalidDocumentIsReportedWithItsPosition(yaml: String, place: String) throws {
        let problems = try problems(hook.isEmpty ? "" : yaml)
        #expect(problems.contains { $0.hasPrefix(place) }, "\(problems)")
    }

    @Test func duplicateKeyIsAProblem() throws {
        #expect(try problems(hook + "max_age: 1h\nmax_age: 2h\n").contains("3:1: max_age: is given twice"))
    }

    @Test func nestedAliasesAreRefused() throws {
        var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<10 {
            let item = "*a\(level - 1)"
            yaml += "a\(level): &a\(level) [" + Array(repeating: item, count: 10).joined(separator: ", ") + "]\n"
        }
        #expect(try problems(yaml).contains { $0.contains("too much content") })
    }

    @Test(arguments: ["---\nauth_tokens: x\n", "...\n---\nmax_age: 2h\n", "--- {]\n"])
    func secondDocumentIsAProblem(second: String) throws {
        let reported = try problems(hook + "max_age: 1h\n" + second)
        #expect(reported.count == 1 && (reported[0].hasPrefix("3:") || reported[0].hasPrefix("4:")), "\(reported)")
    }

    /// libyaml's time is quadratic in the depth: a minute for 100,000 levels.
    @Test(arguments: ["[", "{a: ", "- "]) func deepNestingIsRefused(level: String) throws {
        let reported = try problems(String(repeating: level, count: 100_000))
        #expect(reported.contains { $0.contains("too deeply nested") || $0.contains("exceeded") }, "\(reported)")
    }

    @Test(arguments: [([0xE9], "3:4"), ([0x00], "3:4"), ([0xC3, 0x28], "3:5")] as [([UInt8], String)])
    func invalidTextIsReportedWithItsPosition(bytes: [UInt8], place: String) throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/bytes.yml"
        try Data(Array("# a\nmax_age: 1h\na: ".utf8) + bytes + [0x0A]).write(to: URL(filePath: path))
        let reported = SettingsFile(path: path).problems.map(\.description)
        #expect(reported.contains { $0.contains(":\(place):") }, "\(reported)")
    }

    @Test func missingFileIsReported() {
        var reader = ConfigurationReader(environment: [:], file: SettingsFile(path: "/nowhere/relay.yml"))
        #expect(throws: ConfigurationError.self) { try reader.read() }
        #expect(SettingsFile(path: "/nowhere/relay.yml").problems.first?.description.contains("No such file") == true)
    }

    @Test func noProblemRepeatsASecret() throws {
        let problems = try problems("webhooks: {critical: 's3cret s3cret'}\nauth_tokens: ','\n")
        #expect(!problems.isEmpty && !problems.joined().contains("s3cret"))
    }
}
