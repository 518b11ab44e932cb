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

    static func main() {
        ProcessGuard.begin()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            // Help and version. ArgumentParser would print them itself, and exit with 0 where they are lost.
            let text = fullMessage(for: error)
            guard exitCode(for: error) == .success, !text.isEmpty else { exit(withError: error) }
            StandardStreams.print(text + "\n")
        }
    }
}
