import Alerts
import ArgumentParser
import Journaling
import RocketChat
import SQLiteJournal
import Support

/// `relay check-config`: reads all that serve would read, and contacts nobody.
struct CheckConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Check the settings without serving.",
        discussion: """
            Prints every problem at once and exits with 2, or prints where alerts would go, who may post them and what looks
            wrong, and exits with 0.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        // As serve does, so that it can be run with the unit's credentials.
        ServiceCredentials.take()
        let configuration = try options.read()
        // Beside the result, so that a script can keep them apart.
        for warning in configuration.warnings { StandardStreams.complain("warning: \(warning)") }
        let lines = ConfigurationSummary(configuration).lines.map { "\($0.key): \($0.text)" }
        StandardStreams.print(lines.joined(separator: "\n") + "\nthe settings are in order\n")
        let exposed = ReadableSecrets.warnings(environment: ConfigurationReader.processEnvironment)
        for warning in exposed { StandardStreams.complain("warning: \(warning)") }
    }
}

/// The flags that override the environment.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: .customLong("config.file"), help: "The configuration file, YAML (RELAY_CONFIG).")
    var configFile: String?

    @Option(help: "Addresses to listen on, comma separated (RELAY_LISTEN).")
    var listen: String?

    @Option(name: .customLong("storage.path"), help: "The folder of the spool (RELAY_STORAGE_PATH).")
    var storagePath: String?

    @Option(name: .customLong("log.level"), help: "trace, debug, info, notice, warning, error or critical (LOG_LEVEL).")
    var logLevel: String?

    @Option(name: .customLong("log.format"), help: "logfmt or json (LOG_FORMAT).")
    var logFormat: String?

    /// The configuration, or every problem with it.
    func configuration() throws(ConfigurationError) -> RelayConfiguration {
        let given = ["listen": listen, "storage.path": storagePath, "log.level": logLevel, "log.format": logFormat]
        var reader = Self.reader(file: configFile, flags: given)
        return try reader.read()
    }

    /// What a command that posts nothing goes by, without any secret; a value with a problem is its default.
    static func withoutSecrets(
        file: String?, flags: [String: String?] = [:]
    ) -> (configuration: RelayConfiguration, problems: [ConfigurationProblem]) {
        var reader = reader(file: file, flags: flags, readsSecrets: false)
        return reader.readLeniently()
    }

    /// - Parameter flags: by their names.
    private static func reader(
        file: String?, flags: [String: String?], readsSecrets: Bool = true
    ) -> ConfigurationReader {
        let environment = ConfigurationReader.processEnvironment
        let path = (file ?? environment["RELAY_CONFIG"])?.trimmed
        let overrides = Setting.all.compactMap { setting in
            setting.flag.flatMap { flags[$0] ?? nil }.map { (setting.variable, $0) }
        }
        return ConfigurationReader(
            flags: Dictionary(uniqueKeysWithValues: overrides), environment: environment,
            file: path.flatMap { $0.isEmpty ? nil : SettingsFile(path: $0) },
            readsSecrets: readsSecrets)
    }

    /// The configuration, or the end of the program with exit code 2 and every problem on stderr.
    func read() throws -> RelayConfiguration {
        do {
            return try configuration()
        } catch {
            for problem in error.problems { StandardStreams.complain("\(problem)") }
            throw ExitCode(2)
        }
    }
}
