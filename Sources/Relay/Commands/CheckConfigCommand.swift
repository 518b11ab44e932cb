import ArgumentParser

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
