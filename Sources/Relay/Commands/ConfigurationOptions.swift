import ArgumentParser

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
        let given = [
            "RELAY_LISTEN": listen, "RELAY_STORAGE_PATH": storagePath, "LOG_LEVEL": logLevel, "LOG_FORMAT": logFormat,
        ]
        let environment = ConfigurationReader.processEnvironment
        let path = configFile ?? environment["RELAY_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        var reader = ConfigurationReader(
            flags: given.compactMapValues { $0 }, environment: environment, file: path.map(SettingsFile.init))
        return try reader.read()
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
