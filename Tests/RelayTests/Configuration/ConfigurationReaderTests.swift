import Foundation
import Libevent
import Logging
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import Relay
@testable import RocketChat
@testable import Support

private let hook = "https://chat.example.com/hooks/id/token"

private func read(
    _ environment: [String: String], flags: [String: String] = [:]
) throws(ConfigurationError) -> RelayConfiguration {
    var reader = ConfigurationReader(flags: flags, environment: environment)
    return try reader.read()
}

@Suite struct ConfigurationReaderTests {
    @Test func oneHookIsEnoughAndOtherSettingsHaveDefaults() throws {
        let configuration = try read(["ROCKETCHAT_WEBHOOK_INFO": hook])
        #expect(configuration.listen == [SocketAddress(host: "0.0.0.0", port: 8093)])
        #expect(configuration.posting.rateLimit == RateLimit(posts: 10, per: .seconds(60)))
        #expect(configuration.dedupeWindow == .seconds(60))
        #expect(configuration.journalLimit == 1 << 30)
        #expect(configuration.drainTimeout == .seconds(8))
        #expect(configuration.limits.bodySize == 16 << 20)
    }

    @Test func everySettingIsRead() throws {
        let configuration = try read([
            "ROCKETCHAT_WEBHOOK_CRITICAL": hook, "PORT": "9000", "RELAY_RATE_LIMIT": "off", "RELAY_TEXT_LIMIT": "20000",
            "RELAY_DEDUPE_WINDOW": "0s", "RELAY_JOURNAL_LIMIT": "2GiB", "RELAY_DRAIN_TIMEOUT": "1m30s",
            "RELAY_AUTH_TOKEN": "one, two", "LOG_LEVEL": "WARN", "LOG_FORMAT": "json", "RELAY_MAX_BODY_SIZE": "1MB",
            "RELAY_MAX_CONNECTIONS": "7", "RELAY_IDLE_TIMEOUT": "500ms", "RELAY_STORAGE_PATH": "/s",
        ])
        #expect(configuration.listen == [SocketAddress(host: "0.0.0.0", port: 9000)])
        #expect(configuration.posting.rateLimit == nil)
        #expect(configuration.posting.textLimit == 20_000)
        #expect(configuration.dedupeWindow == .zero)
        #expect(configuration.journalLimit == 2 << 30)
        #expect(configuration.drainTimeout == .seconds(90))
        #expect(configuration.authTokens == [Secret("one"), Secret("two")])
        #expect(configuration.logLevel == .warning)
        #expect(configuration.logFormat == .json)
        #expect(configuration.limits.bodySize == 1_000_000)
        #expect(configuration.limits.connections == 7)
        #expect(configuration.limits.idleTimeout == .milliseconds(500))
        #expect(configuration.storagePath == "/s")
    }

    @Test func flagsOverrideTheEnvironment() throws {
        let configuration = try read(
            ["ROCKETCHAT_WEBHOOK_INFO": hook, "RELAY_LISTEN": ":1", "PORT": "3"],
            flags: ["RELAY_LISTEN": "[::1]:2,127.0.0.1:2"])
        #expect(
            configuration.listen == [SocketAddress(host: "::1", port: 2), SocketAddress(host: "127.0.0.1", port: 2)])
    }

    @Test func allProblemsAreReportedWithoutSecrets() {
        let error = #expect(throws: ConfigurationError.self) {
            try read([
                "ROCKETCHAT_WEBHOOK_CRITICAL": "chat.example.com/hooks/id/s3cret", "PORT": "70000", "RELAY_LISTEN": "x",
                "RELAY_TEXT_LIMIT": "10", "RELAY_DEDUPE_WINDOW": "1 minute", "LOG_FORMAT": "xml",
                "RELAY_JOURNAL_LIMIT": "-1", "RELAY_BASIC_AUTH": "u:h",
            ])
        }
        #expect(
            error?.problems.map(\.key) == [
                "ROCKETCHAT_WEBHOOK_CRITICAL", "PORT", "RELAY_LISTEN", "RELAY_BASIC_AUTH", "RELAY_TEXT_LIMIT",
                "RELAY_DEDUPE_WINDOW", "RELAY_JOURNAL_LIMIT", "LOG_FORMAT",
            ])
        #expect(error?.description.contains("s3cret") == false)
    }

    @Test func storagePathMustBeAFolderOrBeMissing() throws {
        let folder = TemporaryFolder()
        let file = folder.path + "/file"
        try Data().write(to: URL(filePath: file))
        for path in [folder.path, folder.path + "/", folder.path + "/a/b", "no-such-folder"] {
            #expect(try read(["ROCKETCHAT_WEBHOOK_INFO": hook, "RELAY_STORAGE_PATH": path]).storagePath == path)
        }
        for path in [file, file + "/", file + "/a/b"] {
            let error = #expect(throws: ConfigurationError.self) {
                try read(["ROCKETCHAT_WEBHOOK_INFO": hook, "RELAY_STORAGE_PATH": path])
            }
            #expect(error?.description == "RELAY_STORAGE_PATH: \"\(file)\" is not a folder")
        }
    }

    @Test func missingHooksAreAProblem() {
        let error = #expect(throws: ConfigurationError.self) { try read([:]) }
        #expect(error?.description.contains("no hook is set") == true)
    }

    @Test func secretComesFromAFileOrAVariableButNotBoth() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data((hook + "\n").utf8).write(to: URL(filePath: path))
        let configuration = try read(["ROCKETCHAT_WEBHOOK_WARNING_FILE": path])
        #expect(configuration.hooks[.warning]?.url == Secret(hook))
        #expect(throws: ConfigurationError.self) {
            try read(["ROCKETCHAT_WEBHOOK_WARNING_FILE": path, "ROCKETCHAT_WEBHOOK_WARNING": hook])
        }
        #expect(throws: ConfigurationError.self) { try read(["ROCKETCHAT_WEBHOOK_WARNING_FILE": path + "-missing"]) }
    }

    @Test func severityWithoutHookFallsBack() throws {
        let configuration = try read([
            "ROCKETCHAT_WEBHOOK_WARNING": hook + "1", "ROCKETCHAT_WEBHOOK_FALLBACK": hook + "2",
        ])
        #expect(configuration.hook(for: .critical).url == Secret(hook + "2"))
        #expect(configuration.hook(for: .warning).url == Secret(hook + "1"))
        #expect(configuration.hook(for: .info).url == Secret(hook + "2"))
        let single = try read(["ROCKETCHAT_WEBHOOK_CRITICAL": hook])
        #expect(Severity.allCases.allSatisfy { single.hook(for: $0).url == Secret(hook) })
    }

    @Test func textLimitBeyondTheParsersIsAWarning() throws {
        let valid = ["ROCKETCHAT_WEBHOOK_CRITICAL": hook]
        func warning(_ limit: String) throws -> ConfigurationProblem? {
            try read(valid.merging(["RELAY_TEXT_LIMIT": limit]) { $1 }).warnings.first { $0.key == "RELAY_TEXT_LIMIT" }
        }
        #expect(try warning("10001")?.description.contains("Rocket.Chat 9.0 shows a text without links") == true)
        #expect(try warning("10000") == nil)
    }

    @Test(arguments: ["Europe/Nowhere", "Europe", "/etc/localtime", "../../etc/passwd", "Europe/Berlin ;", ":UTC"])
    func timezoneMustBeInTheDatabase(name: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try read(["ROCKETCHAT_WEBHOOK_CRITICAL": hook, "RELAY_TIMEZONE": name])
        }
        #expect(error?.description.contains("RELAY_TIMEZONE") == true)
    }

    @Test func timezoneAndAnnotationsReachTheRenderer() throws {
        let values = ["RELAY_TIMEZONE": "Europe/Berlin", "RELAY_ANNOTATIONS": "markdown"]
        let changed = try read(values.merging(["ROCKETCHAT_WEBHOOK_CRITICAL": hook]) { $1 })
        #expect(changed.posting.renderSettings.zone == .process)
        #expect(changed.posting.renderSettings.annotations == .markdown)
        let standard = try read(["ROCKETCHAT_WEBHOOK_CRITICAL": hook])
        #expect(standard.posting.renderSettings.zone == .utc && standard.posting.renderSettings.annotations == .text)
    }

    /// `relay render` may run as a user who cannot read the hooks.
    @Test func roomsAreKnownWithoutSecrets() {
        let environment = ["ROCKETCHAT_WEBHOOK_WARNING": hook, "ROCKETCHAT_WEBHOOK_CRITICAL_FILE": "/nowhere"]
        let hooked = ConfigurationReader(environment: environment, readsSecrets: false).hookedSeverities
        #expect(hooked == [.warning, .critical])
        #expect(RelayConfiguration.room(for: .fallback, hooked: hooked) == .warning)
        #expect(RelayConfiguration.room(for: .info, hooked: hooked) == .warning)
        #expect(RelayConfiguration.room(for: .critical, hooked: hooked) == .critical)
        #expect(RelayConfiguration.room(for: .fallback, hooked: []) == .fallback)
    }
}

@Suite struct QuantityTests {
    @Test(arguments: [
        ("8s", Duration.seconds(8)), ("500ms", .milliseconds(500)), ("1h30m", .seconds(5400)), ("0", .zero),
        ("2d", .seconds(172_800)),
    ])
    func durationsAreRead(text: String, duration: Duration) {
        #expect(Quantity.duration(text) == duration)
    }

    @Test(arguments: ["", "8", "s", "-1s", "1.5s", "1 s", "8x", "99999999999s"])
    func invalidDurationsAreRefused(text: String) {
        #expect(Quantity.duration(text) == nil)
    }

    @Test(arguments: [("4096", 4096), ("1GiB", 1 << 30), ("500MB", 500_000_000), ("2KiB", 2048)])
    func sizesAreRead(text: String, bytes: Int) {
        #expect(Quantity.bytes(text) == bytes)
    }

    @Test(arguments: ["", "GiB", "1.5GiB", "1 GiB", "-1", "99999999999TiB", "1gib"])
    func invalidSizesAreRefused(text: String) {
        #expect(Quantity.bytes(text) == nil)
    }

    @Test(arguments: ["10", "0/60s", "10/0s", "ten/60s", "10/60", "", "10/60s/1"])
    func invalidRatesAreRefused(text: String) {
        #expect(RateLimit.read(text) == nil)
    }
}
