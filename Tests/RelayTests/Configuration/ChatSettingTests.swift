import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Relay

/// The settings of mentions, channels and receivers that drop.
@Suite struct ChatSettingTests {
    private let folder = TemporaryFolder()
    private static let hook = "https://chat.example.com/hooks/id/token"

    private func read(
        _ environment: [String: String] = [:], _ yaml: String = ""
    ) throws -> (configuration: RelayConfiguration, problems: [String]) {
        let path = folder.path + "/relay.yml"
        try yaml.write(toFile: path, atomically: true, encoding: .utf8)
        var reader = ConfigurationReader(
            environment: ["ROCKETCHAT_WEBHOOK_CRITICAL": Self.hook].merging(environment) { $1 },
            file: SettingsFile(path: path))
        let (configuration, problems) = reader.readLeniently()
        return (configuration, problems.map { $0.description.replacing(path + ":", with: "") })
    }

    @Test func mentionsAreReadForSeveritiesAndReceivers() throws {
        let (configuration, problems) = try read(
            ["RELAY_MENTIONS_CRITICAL": "@here, @oncall-db", "RELAY_MENTIONS_FALLBACK": "@all"],
            """
            mentions: {critical: ["@file"], warning: ["@web.team_1"], info: none}
            receivers:
              - {name: db, matchers: a="b", webhook: "\(Self.hook)", mentions: ["@dba"]}
              - {name: web, matchers: a="c", webhook: "\(Self.hook)"}
              - {name: quiet, matchers: a="d", webhook: "\(Self.hook)", mentions: none}
            """)
        #expect(problems == [])
        let receivers = configuration.receivers
        #expect(configuration.mentions(for: .critical, nil) == ["@here", "@oncall-db"])
        #expect(configuration.mentions(for: .warning, nil) == ["@web.team_1"])
        #expect(
            configuration.mentions(for: .info, nil) == [] && configuration.mentions(for: .fallback, nil) == ["@all"])
        #expect(configuration.mentions(for: .critical, receivers[0]) == ["@dba"])
        #expect(configuration.mentions(for: .critical, receivers[1]) == ["@here", "@oncall-db"])
        #expect(configuration.mentions(for: .critical, receivers[2]) == [])
    }

    @Test(arguments: [
        ("here", #""here" is not a mention, did you mean "@here"?"#), ("oncall-db", #"did you mean "@oncall-db"?"#),
        ("@", "write @ and letters"), ("@a b", "write @"), ("#room", "write @"), ("@ümlaut", "write @"),
        ("@here!", "write @"), ("@@here", "write @"), ("@...", "write @"), ("@[x](y)", "write @"),
        ("@" + String(repeating: "a", count: 101), "write @"),
        (String(repeating: "@abcdefghij,", count: 11), "too many names"),
        ("@" + String(repeating: "a", count: 99) + ",@" + String(repeating: "b", count: 100), "too many names"),
    ])
    func whatIsNoMentionIsAProblem(value: String, says: String) throws {
        let problems = try read(["RELAY_MENTIONS_WARNING": value]).problems
        #expect(problems.count == 1 && problems[0].hasPrefix("RELAY_MENTIONS_WARNING"), "\(problems)")
        #expect(problems[0].contains(says), "\(problems)")
    }

    @Test func channelsAreReadForSeveritiesAndReceivers() throws {
        let (configuration, problems) = try read(
            ["RELAY_CHANNEL_CRITICAL": "#alerts", "RELAY_CHANNEL_LABEL": "team", "RELAY_CHANNEL_ALLOW": "#t-*,@lead"],
            """
            receivers:
              - {name: db, matchers: a="b", webhook: "\(Self.hook)", channel: "@dba", channel_allow: "#db-*"}
              - {name: web, matchers: a="c", webhook: "\(Self.hook)"}
            """)
        #expect(problems == [])
        let critical = configuration.channelRule(for: .critical, nil)
        #expect(critical.channel == "#alerts" && critical.label == "team")
        #expect(critical.choice(for: "t-x") == .channel("#t-x") && critical.choice(for: "@lead") == .channel("@lead"))
        #expect(critical.choice(for: "x") == .refused("x") && critical.choice(for: nil) == .none)
        #expect(configuration.channelRule(for: .warning, nil).channel == nil)
        let database = configuration.channelRule(for: .critical, configuration.receivers[0])
        #expect(database.channel == "@dba" && database.choice(for: "t-x") == .refused("t-x"))
        #expect(database.choice(for: "db-x") == .channel("#db-x"))
        #expect(configuration.channelRule(for: .critical, configuration.receivers[1]).channel == nil)
    }

    @Test(arguments: ["alerts", "#", "#a b", "#a,#b", "#a/b", "https://x", "@é"])
    func whatIsNoChannelIsAProblem(value: String) throws {
        let problems = try read(["RELAY_CHANNEL_INFO": value]).problems
        #expect(problems.count == 1 && problems[0].contains("is not a channel as in #alerts-db"), "\(problems)")
    }

    @Test func labelNeedsTheChannelsThatItMayName() throws {
        #expect(
            try read(["RELAY_CHANNEL_LABEL": "team"]).problems == [
                "RELAY_CHANNEL_ALLOW: is missing; channel_label needs the channels that a label may name, as in #alerts-*"
            ])
        let (configuration, problems) = try read(["RELAY_CHANNEL_ALLOW": "#a"])
        #expect(problems == [] && configuration.warnings.map(\.message).contains("has no effect without channel_label"))
        #expect(try read(["RELAY_CHANNEL_LABEL": "team", "RELAY_CHANNEL_ALLOW": "alerts"]).problems.count == 2)
    }

    @Test func receiverThatDropsNeedsNoHook() throws {
        let (configuration, problems) = try read(
            [:], "receivers: [{name: quiet, matchers: severity=\"none\", drop: true}]")
        #expect(problems == [])
        #expect(configuration.receivers.map(\.drops) == [true] && configuration.queuedReceivers == [])
        let line = ConfigurationSummary(configuration).lines.first { $0.key == "receiver quiet" }
        #expect(line?.text == "drops alerts with {severity=\"none\"}")
        #expect(try read([:], "receivers: [{name: q, matchers: a=\"b\", drop: false}]").problems.count == 1)
    }

    @Test(arguments: [
        "webhook: https://chat.example.com/hooks/a/b", "continue: true", "mentions: ['@here']", "channel: '#a'",
        "fallback_after: 1m", "webhook_file: /x", "emoji: ':fire:'",
    ])
    func otherSettingsOfAReceiverThatDropsAreProblems(setting: String) throws {
        let problems = try read([:], "receivers: [{name: q, matchers: a=\"b\", drop: true, \(setting)}]").problems
        #expect(problems.first?.contains("has no effect in a receiver that drops") == true, "\(problems)")
    }

    @Test func summaryNamesChannelsAndMentions() throws {
        let (configuration, _) = try read([
            "RELAY_MENTIONS_CRITICAL": "@here", "RELAY_CHANNEL_CRITICAL": "#a", "RELAY_CHANNEL_LABEL": "team",
            "RELAY_CHANNEL_ALLOW": "#b-*",
        ])
        let line = ConfigurationSummary(configuration).lines.first { $0.key == "critical" }?.text ?? ""
        #expect(line.hasSuffix(", in #a, in the channel of the label team (#b-*), mentions @here"), "\(line)")
    }
}
