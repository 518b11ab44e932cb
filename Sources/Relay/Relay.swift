import ArgumentParser

/// The program's entry: `relay`, which is `relay serve` unless another command is named.
@main
struct RelayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "Relays Prometheus Alertmanager webhooks to Rocket.Chat: durable, paced, by severity.",
        discussion: """
            An alert that was answered with 200 is on disk and reaches its room, whatever happens in between.

              ROCKETCHAT_WEBHOOK_CRITICAL=https://chat.example.com/hooks/… relay
              relay send-test --severity critical
            """,
        version: Version.text,
        subcommands: [
            ServeCommand.self, CheckConfigCommand.self, RenderCommand.self, SendTestCommand.self,
            DeadLettersCommand.self, HealthcheckCommand.self,
        ],
        defaultSubcommand: ServeCommand.self)
}
