import Alerts
import ArgumentParser
import Support

/// `relay check-config`: reads everything that serve reads, and opens no connection.
struct CheckConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Check the settings and exit.",
        discussion: """
            If the settings are invalid, prints every problem and exits with 2. Otherwise prints the rooms of each
            severity, the allowed senders and warnings, and exits with 0.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        // As in serve, so that it works with the credentials of the unit.
        ServiceCredentials.take()
        let configuration = try options.read()
        // On standard error, so that scripts can separate warnings from the result.
        for warning in configuration.warnings { StandardStreams.complain("warning: \(warning)") }
        let lines = ConfigurationSummary(configuration).lines.map { "\($0.key): \($0.text)" }
        StandardStreams.print(lines.joined(separator: "\n") + "\nthe settings are in order\n")
        let exposed = ReadableSecrets.warnings(environment: ConfigurationReader.processEnvironment)
        for warning in exposed { StandardStreams.complain("warning: \(warning)") }
    }
}

/// The flags that override the environment.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: .customLong("config.file"), help: "YAML configuration file (RELAY_CONFIG).")
    var configFile: String?

    @Option(help: "Listen addresses, separated by commas (RELAY_LISTEN).")
    var listen: String?

    @Option(
        name: .customLong("web.listen-address"), help: "As --listen, under Prometheus's name; may be given repeatedly.")
    var webListenAddresses: [String] = []

    @Option(
        name: .customLong("web.config.file"),
        help: "Web configuration file of the Prometheus exporter toolkit (RELAY_WEB_CONFIG_FILE).", completion: .file())
    var webConfigFile: String?

    @Option(name: .customLong("storage.path"), help: "Storage folder of the spool (RELAY_STORAGE_PATH).")
    var storagePath: String?

    @Option(name: .customLong("log.level"), help: "trace, debug, info, notice, warning, error or critical (LOG_LEVEL).")
    var logLevel: String?

    @Option(name: .customLong("log.format"), help: "Log format: logfmt or json (LOG_FORMAT).")
    var logFormat: String?

    /// Reads the configuration. Throws every problem.
    func configuration() throws(ConfigurationError) -> RelayConfiguration {
        if listen != nil, !webListenAddresses.isEmpty {
            let message = "is given together with --listen; give one of them"
            throw ConfigurationError(problems: [ConfigurationProblem(key: "--web.listen-address", message: message)])
        }
        let addresses = webListenAddresses.isEmpty ? listen : webListenAddresses.joined(separator: ",")
        let given = [
            "listen": addresses, "web.config.file": webConfigFile, "storage.path": storagePath, "log.level": logLevel,
            "log.format": logFormat,
        ]
        var reader = Self.reader(file: configFile, flags: given)
        return try reader.read()
    }

    /// Reads the configuration without secrets, for commands that post nothing. Invalid values are replaced by
    /// defaults. `hooked` are the severities that have a hook.
    static func withoutSecrets(
        file: String?, flags: [String: String?] = [:]
    ) -> (configuration: RelayConfiguration, problems: [ConfigurationProblem], hooked: Set<Severity>) {
        var reader = reader(file: file, flags: flags, readsSecrets: false)
        let (configuration, problems) = reader.readLeniently()
        return (configuration, problems, reader.hookedSeverities)
    }

    /// Reads the configuration with its secrets, for a command that needs some of them. Invalid values are replaced by
    /// defaults.
    static func leniently(file: String?) -> (configuration: RelayConfiguration, problems: [ConfigurationProblem]) {
        var reader = reader(file: file, flags: [:])
        return reader.readLeniently()
    }

    /// - Parameter flags: values by flag name.
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

    /// Reads the configuration as without any flag.
    static func withoutFlags() throws(ConfigurationError) -> RelayConfiguration {
        var reader = reader(file: nil, flags: [:])
        return try reader.read()
    }

    /// Reads the configuration. Prints every problem on stderr and exits with 2 if it is invalid.
    func read() throws -> RelayConfiguration {
        try Self.reporting { () throws(ConfigurationError) in try configuration() }
    }

    /// Calls `read`. Prints every problem on stderr and exits with 2 if the configuration is invalid.
    static func reporting(_ read: () throws(ConfigurationError) -> RelayConfiguration) throws -> RelayConfiguration {
        do throws(ConfigurationError) {
            return try read()
        } catch {
            for problem in error.problems { StandardStreams.complain("\(problem)") }
            throw ExitCode(2)
        }
    }
}
