import ArgumentParser

/// The program's entry: `relay`, which is `relay serve` unless another command is named.
@main
struct RelayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "Relays Prometheus Alertmanager webhooks to Rocket.Chat: durable, paced, by severity.",
        version: "relay \(Version.current)",
        subcommands: [ServeCommand.self],
        defaultSubcommand: ServeCommand.self)
}
