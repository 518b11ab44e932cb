import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Relay

private let hook = "https://chat.example.com/hooks/id/token"

/// Compares the declarations with the documents, the example, the flags and the names in the sources.
@Suite struct SettingTests {
    private let folder = TemporaryFolder()

    private func read(_ environment: [String: String]) throws(ConfigurationError) -> RelayConfiguration {
        var reader = ConfigurationReader(
            environment: ["ROCKETCHAT_WEBHOOK_CRITICAL": hook].merging(environment) { $1 })
        return try reader.read()
    }

    // MARK: Documents

    /// The rows of the first table behind a text, without its head.
    private static func rows(from text: String) throws -> [Substring] {
        let document = try Checkout.text("docs/CONFIGURATION.md")
        let start = try #require(document.range(of: text)).lowerBound
        let lines = document[start...].split(separator: "\n", omittingEmptySubsequences: false)
        return Array(lines.drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }.dropFirst(2))
    }

    @Test func tableMatchesDeclarations() throws {
        let rows = try Self.rows(from: "| key in the file")
        for setting in Setting.all {
            let flag = setting.flag.map { "; flag `--\($0)`" } ?? ""
            let row =
                "| `\(setting.key)` | `\(setting.variable)` | \(setting.defaultText) | \(setting.sentence)\(flag) |"
            #expect(rows.contains { $0 == row }, "CONFIGURATION.md has no row \(row)")
        }
        #expect(rows.count == Setting.all.count)
    }

    @Test func receiverTableMatchesDeclarations() throws {
        let rows = try Self.rows(from: "## Receivers")
        let common = Set(PostingSettings.settings.map(\.key))
        let own = ReceiverConfiguration.settings.filter { !common.contains($0.key) }
        for setting in own {
            let names = setting.names.map { "`\($0.key)`" }.joined(separator: " ")
            let row = "| \(names) | \(setting.defaultText) | \(setting.sentence) |"
            #expect(rows.contains { $0 == row }, "CONFIGURATION.md has no row \(row)")
        }
        let shared = try #require(rows.last)
        let keys = shared.split(separator: "|")[0].matches(of: /`([a-z_]+)`/).map { String($0.1) }
        #expect(Set(keys) == Set(PostingSettings.settings.flatMap(\.names).map(\.key)))
        #expect(rows.count == own.count + 1)
    }

    /// The example with its commented-out settings. Prose has one space behind the `#`.
    private static func uncommented(_ example: String) -> String {
        let lines = example.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let rest = line.dropFirst()
            let isSetting = line.hasPrefix("#") && (rest.first?.isLetter == true || rest.hasPrefix("  "))
            return isSetting ? rest : line
        }
        return lines.joined(separator: "\n")
    }

    @Test func exampleHasEveryKeyAndNoOther() throws {
        let path = folder.path + "/relay.yml"
        try Self.uncommented(try Checkout.text("docs/examples/relay.yml"))
            .write(toFile: path, atomically: true, encoding: .utf8)
        let file = SettingsFile(path: path)
        #expect(file.problems == [])
        for setting in Setting.all {
            #expect(setting.names.contains { file.entries[$0.key] != nil }, "the example has no \(setting.key)")
        }
    }

    /// The settings that have no default, or whose default is not useful in an example.
    private static let examples: Set = [
        "webhooks.critical", "webhooks.warning", "webhooks.info", "webhooks.fallback", "storage_path",
    ]

    @Test func exampleShowsDefaults() throws {
        let path = folder.path + "/relay.yml"
        try Checkout.text("docs/examples/relay.yml").write(toFile: path, atomically: true, encoding: .utf8)
        var reader = ConfigurationReader(environment: [:], file: SettingsFile(path: path), readsSecrets: false)
        let (configuration, problems) = reader.readLeniently()
        #expect(problems == [])
        for setting in Setting.all where !Self.examples.contains(setting.key) {
            #expect(setting.isSame(configuration, RelayConfiguration()), "\(setting.key) is not the default")
        }
    }

    @Test(arguments: Setting.all.map(\.variable)) func tableDefaultReadsAsDefault(variable: String) throws {
        let setting = try #require(Setting.all.first { $0.variable == variable })
        let text = setting.defaultText
        // The defaults of the proxy settings are names of variables.
        guard text.hasPrefix("`"), !text.hasSuffix("_proxy`") else { return }
        let configuration = try read([variable: String(text.dropFirst().dropLast())])
        #expect(setting.isSame(configuration, RelayConfiguration()), "\(text) is not the default")
    }

    @Test func declaredFlagsAreOptions() throws {
        let wrong = [
            "listen": "x", "storage.path": "/dev/null", "log.level": "loud", "log.format": "xml",
            "web.config.file": "/nowhere",
        ]
        #expect(Set(Setting.all.compactMap(\.flag)) == Set(wrong.keys))
        for setting in Setting.all {
            guard let flag = setting.flag, let value = wrong[flag] else { continue }
            let options = try ConfigurationOptions.parse(["--\(flag)", value])
            let error = #expect(throws: ConfigurationError.self) { try options.configuration() }
            #expect(error?.problems.contains { $0.key == setting.variable } == true, "--\(flag)")
            #expect(ConfigurationOptions.helpMessage().contains("(\(setting.variable))"), "--\(flag)")
        }
    }

    /// Messages and comments name variables too.
    @Test func sourcesNameDeclaredVariablesOnly() throws {
        // Variables of the build and of Kubernetes, and an example of a misspelt one.
        let others: Set = [
            "RELAY_CONFIG", "RELAY_REVISION", "RELAY_VERSION", "RELAY_PORT", "RELAY_SERVICE_HOST", "RELAY_TOKEN",
            "RELAY_PORT_8093_TCP", "RELAY_PORT_8093_TCP_ADDR",
        ]
        let known = Set(Setting.all.flatMap(\.names).map(\.shown)).union(others)
        for file in try SourceFile.all(withExtensions: ["swift"]) where file.path.hasPrefix("Relay/") {
            for match in file.text.matches(of: /\b(RELAY|ROCKETCHAT)_[A-Z0-9_]*[A-Z0-9]\b/) {
                #expect(known.contains(String(match.output.0)), "\(file.path) names \(match.output.0)")
            }
        }
    }

    // MARK: Restart

    /// The settings that the program applies at its start only.
    private static let appliedAtStart: Set = [
        "RELAY_LISTEN", "RELAY_STORAGE_PATH", "RELAY_DEDUPE_WINDOW", "RELAY_JOURNAL_LIMIT", "LOG_FORMAT",
        "RELAY_TIMEZONE",
        "RELAY_MAX_BODY_SIZE", "RELAY_MAX_HEADER_SIZE", "RELAY_MAX_HEADER_FIELDS", "RELAY_MAX_CONNECTIONS",
        "RELAY_MAX_CONNECTIONS_PER_ADDRESS", "RELAY_MEMORY_LIMIT", "RELAY_IDLE_TIMEOUT", "RELAY_REQUEST_TIMEOUT",
        "RELAY_REPLY_TIMEOUT",
    ]

    /// Values that are not the defaults, for settings that are not numbers.
    private func samples() throws -> [String: String] {
        let (certificate, key) = (folder.path + "/c.pem", folder.path + "/k.pem")
        try SelfSigned.make(certificate: certificate, key: key, names: "DNS:localhost")
        let web = folder.path + "/web.yml"
        try Data("http_server_config: {http2: false}".utf8).write(to: URL(filePath: web))
        var samples = [
            "RELAY_LISTEN": ":1", "RELAY_STORAGE_PATH": folder.path, "RELAY_AUTH_TOKEN": "a-long-enough-token-0123",
            "RELAY_BASIC_AUTH": "grace:$2y$04$" + String(repeating: "a", count: 53),
            "RELAY_ALLOWED_NETWORKS": "10.0.0.0/8", "RELAY_TRUSTED_PROXIES": "127.0.0.1", "RELAY_SHOWN_LABELS": "a,b",
            "RELAY_HIDDEN_LABELS": "a", "RELAY_EMOJI": ":fire:", "RELAY_ALIAS": "Alerts", "RELAY_PROXY": "http://h:1",
            "RELAY_NO_PROXY": "h", "RELAY_CA_FILE": certificate, "RELAY_CLIENT_CERT_FILE": certificate,
            "RELAY_CLIENT_KEY_FILE": key, "RELAY_TLS_CERT_FILE": certificate, "RELAY_TLS_KEY_FILE": key,
            "RELAY_TLS_CLIENT_CA_FILE": certificate, "RELAY_WEB_CONFIG_FILE": web,
            "RELAY_HMAC_SECRET": "a-long-enough-secret-0123", "RELAY_HMAC_HEADER": "X-Other",
            "RELAY_HMAC_TIMESTAMP_HEADER": "X-Time", "RELAY_SEVERITY_DEFAULT": "info", "RELAY_FAILOVER": "false",
            "RELAY_THREADS": "true", "RELAY_ENABLE_RELOAD": "true", "LOG_LEVEL": "debug", "LOG_FORMAT": "json",
            "RELAY_TIMEZONE": "Europe/Berlin", "RELAY_ANNOTATIONS": "markdown", "RELAY_STATUS_PAGE": "open",
            "RELAY_MENTIONS_WHEN_REROUTED": "true", "RELAY_CHANNEL_LABEL": "team", "RELAY_CHANNEL_ALLOW": "#a-*",
            "RELAY_CHATOPS_TOKEN": "a-long-enough-token-0123", "RELAY_CHATOPS_CHANNELS": "a",
            "RELAY_CHATOPS_USERS": "a",
            "RELAY_CHATOPS_SITE_URL": "https://h", "RELAY_ALERTMANAGER_URL": "http://h",
            "RELAY_ALERTMANAGER_USERNAME": "u", "RELAY_ALERTMANAGER_PASSWORD": "p",
            "RELAY_ALERTMANAGER_BEARER_TOKEN": "t", "RELAY_ALERTMANAGER_CA_FILE": certificate,
            "RELAY_ALERTMANAGER_CLIENT_CERT_FILE": certificate, "RELAY_ALERTMANAGER_CLIENT_KEY_FILE": key,
            "RELAY_MAIL_URL": "smtps://h", "RELAY_MAIL_FROM": "a@h", "RELAY_MAIL_TO": "b@h", "RELAY_MAIL_USER": "u",
            "RELAY_MAIL_PASSWORD": "p", "RELAY_MAIL_STARTTLS": "off", "RELAY_MAIL_CA_FILE": certificate,
        ]
        for name in ["CRITICAL", "WARNING", "INFO", "FALLBACK"] {
            samples["ROCKETCHAT_WEBHOOK_\(name)"] = hook + "2"
            samples["RELAY_SEVERITY_ALIASES_\(name)"] = "boom"
            samples["RELAY_MENTIONS_\(name)"] = "@here"
            samples["RELAY_CHANNEL_\(name)"] = "#room"
        }
        for setting in Setting.all {
            guard let ends = setting.ends else { continue }
            let isDefault = setting.isSame(try read([setting.variable: ends.least]), RelayConfiguration())
            samples[setting.variable] = isDefault ? ends.most : ends.least
        }
        return samples
    }

    @Test func reloadListsChangedSettingThatNeedsRestart() throws {
        let (values, start) = (try samples(), try read([:]))
        let pairs = ["RELAY_TLS_", "RELAY_CLIENT_", "RELAY_WEB_", "RELAY_MAIL_", "RELAY_ALERTMANAGER_CLIENT_"]
        // Settings that are valid with others only.
        let needed = [
            "RELAY_CHATOPS_TOKEN": "RELAY_ALERTMANAGER_URL",
            "RELAY_ALERTMANAGER_USERNAME": "RELAY_ALERTMANAGER_PASSWORD",
            "RELAY_ALERTMANAGER_PASSWORD": "RELAY_ALERTMANAGER_USERNAME",
            "RELAY_CHANNEL_LABEL": "RELAY_CHANNEL_ALLOW",
        ]
        for setting in Setting.all {
            let variable = setting.variable
            let prefix = pairs.first { variable.hasPrefix($0) }
            var environment = prefix.map { prefix in values.filter { $0.key.hasPrefix(prefix) } } ?? [:]
            let value: String = try #require(values[variable], "no sample of \(variable)")
            environment[variable] = value
            if let other = needed[variable] { environment[other] = values[other] }
            let changed = try read(environment)
            #expect(prefix != nil || !setting.isSame(changed, start), "\(variable) has no effect")
            #expect(
                changed.needingRestart(since: start) == (Self.appliedAtStart.contains(variable) ? [variable] : []),
                "\(variable)")
        }
    }

    @Test func pendingSettingsKeepOrderOfDeclarations() throws {
        let ends = Dictionary(
            uniqueKeysWithValues: Setting.all.compactMap { s in s.ends.map { (s.variable, $0.least) } })
        let pending = try read(ends).needingRestart(since: try read([:]))
        #expect(pending == Setting.all.filter { $0.needsRestart && $0.ends != nil }.map(\.variable))
    }
}

/// Parsers get the values of the file as they are written.
@Suite struct SettingValueTests {
    private let folder = TemporaryFolder()

    private func read(_ yaml: String) throws -> (configuration: RelayConfiguration, problems: [String]) {
        let path = folder.path + "/relay.yml"
        try ("webhooks: {critical: '\(hook)'}\n" + yaml).write(toFile: path, atomically: true, encoding: .utf8)
        var reader = ConfigurationReader(environment: [:], file: SettingsFile(path: path))
        let (configuration, problems) = reader.readLeniently()
        return (configuration, problems.map { $0.description.replacing(path + ":", with: "") })
    }

    @Test func listedMatchersKeepCommasAndNewlines() throws {
        let yaml = #"""
            receivers:
              - name: database
                webhook: https://chat.example.com/hooks/c/d
                matchers: ["job=\"a,b\"", "note=\"first\nsecond, third\"", 'team=~"x,y|z"']
            """#
        let (configuration, problems) = try read(yaml)
        #expect(problems == [])
        let receiver = try #require(configuration.receivers.first)
        #expect(
            receiver.matchers.map(\.condition) == [
                .equal("a,b"), .equal("first\nsecond, third"), try LabelMatcher.condition("=~", "x,y|z"),
            ])
    }

    @Test func textMatchersAreSplitAtLines() throws {
        let yaml = """
            receivers:
              - name: database
                webhook: https://chat.example.com/hooks/c/d
                matchers: |
                  team="db"

                  env!="dev"
            """
        let (configuration, problems) = try read(yaml)
        #expect(problems == [])
        #expect(configuration.receivers.first?.matchers.map(\.description) == [#"team="db""#, #"env!="dev""#])
    }

    @Test func eachMistakeInListOfMatchersIsReported() throws {
        let yaml = """
            receivers:
              - name: database
                webhook: https://chat.example.com/hooks/c/d
                matchers: ['team', 'env!="dev"', 'x=~"("', '="b"']
            """
        let (configuration, problems) = try read(yaml)
        #expect(configuration.receivers.isEmpty && problems.count == 3, "\(problems)")
        for (item, problem) in zip([#""team": "#, #""x=~\"(\"": "#, #""=\"b\"": "#], problems) {
            #expect(problem.hasPrefix("5:15: receivers[0].matchers: \(item)"), "\(problem)")
        }
    }

    @Test func listItemsKeepCommas() throws {
        let (configuration, problems) = try read(
            "severity_aliases: {critical: ['boom, crash', page]}\nshown_labels: a, b\nno_proxy: [a, b]\n")
        #expect(problems == [])
        #expect(configuration.severityAliases[.critical] == ["boom, crash", "page"])
        #expect(configuration.posting.shownLabels == ["a", "b"])
        #expect(configuration.posting.noProxy == "a,b")
    }

    @Test func listForSingleValueIsProblem() throws {
        let (configuration, problems) = try read("text_limit: [1000]\nalias: [a, b]\nmax_age: []\n")
        #expect(configuration.posting.textLimit == 1000 && configuration.maxAge == RelayConfiguration().maxAge)
        #expect(problems == ["3:8: alias: must be a single value"])
    }

    @Test func mapUsersMayHaveCommas() throws {
        let hash = "$2y$04$" + String(repeating: "a", count: 53)
        let (configuration, problems) = try read("basic_auth: {'grace, hopper': \(hash), ada: \(hash)}\n")
        #expect(problems == [] && configuration.users.count == 2)
    }
}
