import Testing

@testable import ChatOps
@testable import Posting
@testable import Relay
@testable import RocketChat
@testable import Support

@Suite struct ChatOpsConfigurationTests {
    private static let base = [
        "ROCKETCHAT_WEBHOOK_CRITICAL": "https://chat.example.com/hooks/id/token",
        "RELAY_CHATOPS_TOKEN": "abcdefghijklmnopqrstuvwx", "RELAY_CHATOPS_CHANNELS": "#alerts, R1",
        "RELAY_CHATOPS_USERS": "@alice,bob",
        "RELAY_ALERTMANAGER_URL": "https://am-1.example.com/am/,http://localhost:9093",
    ]

    private static func read(_ changes: [String: String?]) -> (
        RelayConfiguration, problems: [String], warnings: [String]
    ) {
        var environment: [String: String] = base
        for (name, value) in changes { environment[name] = value }
        var reader = ConfigurationReader(environment: environment)
        let (configuration, problems) = reader.readLeniently()
        return (
            configuration, problems.map(\.description),
            configuration.warnings.map(\.description).filter { !$0.hasPrefix("ROCKETCHAT_") }
        )
    }

    @Test(arguments: ["#", "alerts,#"]) func emptyItemOfChannelsIsAProblem(channels: String) {
        let problems = Self.read(["RELAY_CHATOPS_CHANNELS": channels]).1
        #expect(problems.contains { $0.contains("has an item without a name") }, "\(problems)")
    }

    /// Anybody can create a room whose name is the ID of another room.
    @Test func nameThatEqualsAnIDIsNotAccepted() {
        var settings = ChatOpsConfiguration()
        settings.channels = ["GENERALid0000001a", "#ops", "alerts"]
        #expect(settings.isRoom(id: "GENERALid0000001a", name: "x"))
        #expect(!settings.isRoom(id: "x", name: "GENERALid0000001a"))
        #expect(settings.isRoom(id: "x", name: "ops") && !settings.isRoom(id: "ops", name: "x"))
        #expect(settings.isRoom(id: "x", name: "alerts") && settings.isRoom(id: "alerts", name: "x"))
        settings.channels = []
        #expect(settings.isRoom(id: "x", name: "x"))
    }

    @Test func settingsAreRead() {
        let (configuration, problems, warnings) = Self.read([
            "RELAY_CHATOPS_SILENCE_BUTTON": "90m", "RELAY_CHATOPS_MAX_DURATION": "3d",
            "RELAY_CHATOPS_SITE_URL": "https://chat.example.com/", "RELAY_ALERTMANAGER_TIMEOUT": "2s",
            "RELAY_ALERTMANAGER_USERNAME": "relay", "RELAY_ALERTMANAGER_PASSWORD": "secret",
        ])
        #expect(problems == [] && warnings == [])
        #expect(configuration.acceptsCommands && configuration.chatOps.channels == ["#alerts", "R1"])
        #expect(configuration.chatOps.users == ["alice", "bob"])
        #expect(configuration.alertmanager.addresses == ["https://am-1.example.com/am", "http://localhost:9093"])
        #expect(configuration.alertmanager.settings.login == .basic(user: "relay", password: Secret("secret")))
        #expect(configuration.posting.renderSettings.silenceButton == "90m")
        #expect(configuration.chatOps.siteURL == "https://chat.example.com")
        let line = ConfigurationSummary.commands(configuration)
        #expect(line.hasPrefix("accepted from alice, bob in #alerts, R1, silences up to 3d at https://am-1"))
    }

    @Test func nothingIsAcceptedByDefault() {
        let configuration = RelayConfiguration()
        #expect(!configuration.acceptsCommands && configuration.posting.renderSettings.silenceButton == nil)
        #expect(ConfigurationSummary.commands(configuration) == "not accepted from rooms")
    }

    @Test(arguments: [
        ("RELAY_ALERTMANAGER_URL", "", "commands need alertmanager.url"),
        ("RELAY_ALERTMANAGER_URL", "am:9093", "does not begin with http"),
        ("RELAY_ALERTMANAGER_URL", "http://u:p@am:9093", "has a user or a password"),
        ("RELAY_ALERTMANAGER_URL", "http://am:9093/api/v2", "has /api/v2"),
        ("RELAY_ALERTMANAGER_URL", "http://am:9093/?x=1", "has a query"),
        ("RELAY_ALERTMANAGER_URL", "http://am:99999", "no valid port"),
        ("RELAY_ALERTMANAGER_URL", "http:///am", "no valid host"),
        ("RELAY_ALERTMANAGER_URL", "http://${HOST}:9093", "a placeholder"),
        ("RELAY_ALERTMANAGER_URL", "http://am:9093,ftp://x", "\"ftp://x\" does not begin"),
        ("RELAY_ALERTMANAGER_USERNAME", "relay", "a user needs its password"),
        ("RELAY_ALERTMANAGER_PASSWORD", "secret", "a user needs its password"),
        ("RELAY_ALERTMANAGER_TIMEOUT", "10s", "from 100ms to 9s"),
        ("RELAY_ALERTMANAGER_CLIENT_CERT_FILE", "/nonexistent", "needs its key"),
        ("RELAY_ALERTMANAGER_CA_FILE", "/nonexistent", "cannot be read"),
        ("RELAY_CHATOPS_SILENCE_BUTTON", "30s", "from 1m to 365d"),
        ("RELAY_CHATOPS_MAX_DURATION", "400d", "from 1m to 365d"),
        ("RELAY_CHATOPS_SITE_URL", "javascript:alert(1)", "does not begin with http"),
        ("RELAY_CHATOPS_TOKEN", "${TOKEN}", "placeholder"),
    ])
    func mistakeIsAProblem(variable: String, value: String, words: String) {
        let (_, problems, _) = Self.read([variable: value])
        #expect(problems.count == 1 && problems[0].contains(words), "\(problems)")
        #expect(!problems.contains { $0.contains("u:p") }, "a password is not repeated")
    }

    @Test(
        arguments: [
            (["RELAY_CHATOPS_CHANNELS": nil, "RELAY_CHATOPS_USERS": nil], "everyone may set silences"),
            (["RELAY_CHATOPS_TOKEN": nil], "has no effect without chatops.token"),
            (
                ["RELAY_CHATOPS_TOKEN": nil, "RELAY_ALERTMANAGER_URL": nil, "RELAY_CHATOPS_SILENCE_BUTTON": "2h"],
                "nothing carries its command out"
            ),
            (["RELAY_CHATOPS_SILENCE_BUTTON": "8d"], "longer than chatops.max_duration"),
            (
                ["RELAY_ALERTMANAGER_URL": "http://am:9093", "RELAY_ALERTMANAGER_BEARER_TOKEN": "t"],
                "credentials over http"
            ),
            (["RELAY_CHATOPS_TOKEN": "short"], "short enough to be guessed"),
        ] as [([String: String?], String)])
    func doubtfulSettingIsAWarning(changes: [String: String?], words: String) {
        let (_, problems, warnings) = Self.read(changes)
        #expect(problems == [])
        #expect(warnings.count == 1 && warnings.first?.contains(words) == true, "\(warnings)")
    }

    @Test func bothKindsOfCredentialsAreAProblem() {
        let (_, problems, _) = Self.read([
            "RELAY_ALERTMANAGER_USERNAME": "u", "RELAY_ALERTMANAGER_PASSWORD": "p",
            "RELAY_ALERTMANAGER_BEARER_TOKEN": "t",
        ])
        #expect(problems.count == 1 && problems[0].contains("given together with a bearer token"))
    }
}
