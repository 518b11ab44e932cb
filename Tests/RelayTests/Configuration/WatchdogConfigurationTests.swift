import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Relay

@Suite struct WatchdogConfigurationTests {
    private let folder = TemporaryFolder()

    private func read(_ yaml: String) throws -> (configuration: RelayConfiguration, problems: [String]) {
        let path = folder.path + "/relay.yml"
        let hook = "https://chat.example.com/hooks/id/token"
        try ("webhooks: {critical: '\(hook)'}\n" + yaml).write(toFile: path, atomically: true, encoding: .utf8)
        var reader = ConfigurationReader(environment: [:], file: SettingsFile(path: path))
        let (configuration, problems) = reader.readLeniently()
        return (configuration, problems.map { $0.description.replacing(path + ":", with: "") })
    }

    @Test func oneMapIsOneWatchdog() throws {
        let (configuration, problems) = try read(
            #"watchdog: {matchers: ['alertname="Watchdog"'], timeout: 10m, room: critical}"#)
        #expect(problems == [] && configuration.watchdogs.count == 1)
        let watchdog = try #require(configuration.watchdogs.first)
        #expect(watchdog.name == "watchdog" && watchdog.timeout == .seconds(600) && watchdog.room == "critical")
        #expect(watchdog.matchers.map(\.description) == [#"alertname="Watchdog""#] && watchdog.label == nil)
        let lines = ConfigurationSummary(configuration).lines.filter { $0.key == "watchdog watchdog" }
        #expect(lines.map(\.text) == [#"{alertname="Watchdog"} must arrive every 10m, else critical is told"#])
    }

    @Test(arguments: ["alertname=~\".*\"", "alertname!=x", "severity=critical"])
    func matchersOfAnyAlertAreAWarning(matcher: String) throws {
        let (configuration, problems) = try read("watchdog: {matchers: ['\(matcher)']}")
        #expect(problems == [])
        #expect(
            configuration.warnings.contains { $0.description.contains("watchdog.matchers: matches alerts of any name") }
        )
    }

    @Test func receiverThatDropsIsNoRoom() throws {
        let yaml = """
            watchdog: {matchers: 'alertname=Watchdog', room: quiet}
            receivers: [{name: quiet, matchers: severity=none, drop: true}]
            """
        #expect(try read(yaml).problems.contains { $0.contains("nor the name of a receiver that posts") })
    }

    @Test func listIsSeveralWatchdogs() throws {
        let yaml = """
            watchdog:
              - {matchers: 'alertname=Watchdog', name: eu, room: oncall, label: prometheus}
              - {matchers: 'alertname=Heartbeat', timeout: 1h, room: info}
            receivers:
              - {name: oncall, matchers: team=x, webhook: 'https://chat.example.com/hooks/a/b'}
            """
        let (configuration, problems) = try read(yaml)
        #expect(problems == [])
        #expect(configuration.watchdogs.map(\.name) == ["eu", "watchdog"])
        #expect(configuration.watchdogs.map(\.room) == ["oncall", "info"])
        #expect(configuration.watchdogs.map(\.label) == ["prometheus", nil])
        #expect(configuration.watchdogs.map(\.timeout) == [.seconds(600), .seconds(3600)])
    }

    @Test func everyMistakeIsNamedWithItsPlace() throws {
        let yaml = """
            watchdog:
              - {name: a}
              - {matchers: 'x=y', room: critcal, timeout: 0s, nme: b}
              - 7
              - {matchers: 'x="'}
              - {matchers: 'x=y'}
              - {matchers: 'x=z'}
            """
        let (_, problems) = try read(yaml)
        let expected = [
            "watchdog[1].nme: is not a setting, did you mean name?",
            "watchdog[2]: must hold keys and values",
            "watchdog[0].matchers: is missing; a watchdog needs a matcher as in alertname=\"Watchdog\"",
            "watchdog[1].timeout: \"0s\" is not a duration from 1s to 30d",
            "watchdog[1].room: \"critcal\" is neither a severity nor the name of a receiver that posts; did you mean critical?",
            "watchdog[3].matchers: ",
            "watchdog[4].name: \"watchdog\" is given twice; give each watchdog a name of its own",
        ]
        for text in expected { #expect(problems.contains { $0.contains(text) }, "\(text) in \(problems)") }
        #expect(
            problems.allSatisfy { $0.firstMatch(of: #/^\d+:\d+: /#) != nil || $0.contains(".name: ") }, "\(problems)")
    }

    @Test(arguments: ["watchdog: yes", "watchdog: {matchers: {a: b}}"]) func wrongShapeIsAProblem(yaml: String) throws {
        #expect(try read(yaml).problems.isEmpty == false)
    }

    @Test(arguments: ["watchdog:", "watchdog: []", ""]) func noWatchdogIsNone(yaml: String) throws {
        let (configuration, problems) = try read(yaml)
        #expect(configuration.watchdogs.isEmpty && problems == [])
    }

    @Test func moreThanTwentyAreRefused() throws {
        let items = (0..<21).map { "{matchers: a=b, name: w\($0)}" }
        let (configuration, problems) = try read("watchdog: [\(items.joined(separator: ", "))]")
        #expect(configuration.watchdogs.count == 20)
        #expect(problems.count == 1 && problems[0].hasSuffix("there may be 20 watchdogs at most"))
    }

    @Test func tableMatchesDeclarations() throws {
        let document = try Checkout.text("docs/CONFIGURATION.md")
        let section = try #require(document.range(of: "## Watchdogs")).lowerBound
        let lines = document[section...].split(separator: "\n", omittingEmptySubsequences: false)
        let rows = lines.drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }.dropFirst(2)
        for setting in WatchdogConfiguration.settings {
            let row = "| `\(setting.key)` | \(setting.defaultText) | \(setting.sentence) |"
            #expect(rows.contains { $0 == row }, "CONFIGURATION.md has no row \(row)")
        }
        #expect(rows.count == WatchdogConfiguration.settings.count)
    }
}
