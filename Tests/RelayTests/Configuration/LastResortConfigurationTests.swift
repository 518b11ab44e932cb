import Foundation
import TestSupport
import Testing

@testable import Posting
@testable import Relay
@testable import Support

@Suite struct LastResortConfigurationTests {
    private let folder = TemporaryFolder()
    private static let mail = [
        "RELAY_MAIL_URL": "smtp://mail.example.com:587", "RELAY_MAIL_FROM": "relay@example.com",
        "RELAY_MAIL_TO": "a@example.com,b@example.com", "RELAY_MAIL_USER": "relay", "RELAY_MAIL_PASSWORD": "s3cretword",
    ]

    private func read(
        _ environment: [String: String], _ yaml: String? = nil
    ) throws -> (configuration: RelayConfiguration, problems: [String]) {
        let path = folder.path + "/relay.yml"
        try yaml?.write(toFile: path, atomically: true, encoding: .utf8)
        var reader = ConfigurationReader(
            environment: ["ROCKETCHAT_WEBHOOK_CRITICAL": "https://chat.example.com/hooks/a/b"].merging(environment) {
                $1
            },
            file: yaml.map { _ in SettingsFile(path: path) })
        let (configuration, problems) = reader.readLeniently()
        return (configuration, problems.map { $0.description.replacing(path + ":", with: "") })
    }

    private func with(_ changes: [String: String?]) -> [String: String] {
        var mail = Self.mail
        for (key, value) in changes { mail[key] = value }
        return mail
    }

    @Test func environmentIsRead() throws {
        let (configuration, problems) = try read(Self.mail)
        #expect(problems == [] && configuration.warnings.isEmpty)
        let settings = configuration.lastResort
        #expect(settings.after == .seconds(300) && settings.interval == .seconds(600))
        #expect(settings.to.map(\.text) == ["a@example.com", "b@example.com"])
        #expect(settings.mail?.startTLS == .required && settings.mail?.login?.password.revealed == "s3cretword")
        let line = ConfigurationSummary(configuration).lines.first { $0.key == "last resort" }
        #expect(line?.text.contains("smtp://mail.example.com:587 gets a mail to a@example.com, b@example.com") == true)
        #expect(!"\(configuration)".contains("s3cretword"))
    }

    @Test func fileIsRead() throws {
        try "from-file\n".write(toFile: folder.path + "/password", atomically: true, encoding: .utf8)
        let yaml = """
            last_resort: {after: 5m, interval: 10m, url: 'smtps://mail.example.com:465', from: relay@example.com,
              to: [a@example.com, b@example.com], user: relay, password_file: \(folder.path)/password, starttls: required}
            """
        let (configuration, problems) = try read([:], yaml)
        #expect(problems == [])
        #expect(configuration.lastResort.mail?.login == .init(user: "relay", password: .init("from-file")))
        #expect(configuration.lastResort.mail?.server.isTLS == true)
    }

    @Test func withoutAServerNoMailIsSent() throws {
        let (configuration, problems) = try read([:])
        #expect(problems == [] && configuration.lastResort.mail == nil)
    }

    @Test(
        arguments: [
            (["RELAY_MAIL_URL": nil], "RELAY_MAIL_FROM: is given without RELAY_MAIL_URL"),
            (["RELAY_MAIL_FROM": nil], "RELAY_MAIL_FROM: is missing"),
            (["RELAY_MAIL_TO": nil], "RELAY_MAIL_TO: is missing"),
            (["RELAY_MAIL_PASSWORD": nil], "RELAY_MAIL_USER: a user needs a password"),
            (["RELAY_MAIL_USER": nil], "RELAY_MAIL_PASSWORD: a user needs a password"),
            (["RELAY_MAIL_TO": "a@example.com,b"], "RELAY_MAIL_TO: \"b\" is not an address"),
            (["RELAY_MAIL_FROM": "Relay <r@x>"], "RELAY_MAIL_FROM: \"Relay <r@x>\" is not an address"),
            (
                ["RELAY_MAIL_URL": "mail.example.com"],
                "RELAY_MAIL_URL: the address of a mail server begins with smtp://"
            ),
            (["RELAY_MAIL_URL": "smtp://u:p@h"], "RELAY_MAIL_URL: the address holds a user or a password"),
            (["RELAY_MAIL_STARTTLS": "maybe"], "RELAY_MAIL_STARTTLS: \"maybe\" is not required, opportunistic or off"),
            (["RELAY_MAIL_STARTTLS": "opportunistic"], "RELAY_MAIL_PASSWORD: somebody on the way can prevent"),
            (["RELAY_MAIL_AFTER": "0s"], "RELAY_MAIL_AFTER: \"0s\" is not a duration from 1s to 7d"),
            (["RELAY_MAIL_CA_FILE": "/nowhere"], "RELAY_MAIL_CA_FILE: /nowhere cannot be read"),
        ] as [([String: String?], String)])
    func mistakeIsNamed(changes: [String: String?], problem: String) throws {
        let problems = try read(with(changes)).problems
        #expect(problems.count == 1 && problems[0].hasPrefix(problem), "\(problems)")
    }

    @Test func passwordInTheClearIsAWarning() throws {
        let (configuration, problems) = try read(with(["RELAY_MAIL_STARTTLS": "off"]))
        #expect(problems == [] && configuration.warnings.map(\.key) == ["RELAY_MAIL_PASSWORD"])
        let local = try read(with(["RELAY_MAIL_STARTTLS": "off", "RELAY_MAIL_URL": "smtp://localhost"]))
        #expect(local.problems == [] && local.configuration.warnings.isEmpty)
    }

    @Test func fiftyRecipientsAtMost() throws {
        let many = (0..<51).map { "a\($0)@example.com" }.joined(separator: ",")
        #expect(try read(with(["RELAY_MAIL_TO": many])).problems == ["RELAY_MAIL_TO: holds 51 addresses; 50 at most"])
    }
}
