import ArgumentParser
import CRevision
import Libevent
import Posting
import SQLiteJournal

/// The entry point: `relay`, which runs `relay serve` if no other command is given.
@main
struct RelayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "Relays Prometheus Alertmanager webhooks to Rocket.Chat: durable, paced, by severity.",
        discussion: """
            A 200 response means that the alerts are on disk. They are delivered even after a crash or restart.

              ROCKETCHAT_WEBHOOK_CRITICAL=https://chat.example.com/hooks/… relay
              relay send-test --severity critical
            """,
        version: Version.text,
        subcommands: [
            ServeCommand.self, CheckConfigCommand.self, RenderCommand.self, SendTestCommand.self,
            SmokeCommand.self, PendingCommand.self, HistoryCommand.self, DeadLettersCommand.self,
            HealthcheckCommand.self,
        ],
        defaultSubcommand: ServeCommand.self)

    static func main() {
        ProcessGuard.begin()
        do {
            // As services and containers start it. Reading the declarations of all commands would take 3 ms.
            if CommandLine.arguments.count == 1 || CommandLine.arguments.dropFirst() == ["serve"] {
                return try ServeCommand.serve { () throws(ConfigurationError) in
                    try ConfigurationOptions.withoutFlags()
                }
            }
            var command = try parseAsRoot()
            try command.run()
        } catch {
            // Help and version. ArgumentParser would print them and exit with 0 even if the write fails.
            let text = fullMessage(for: error)
            guard exitCode(for: error) == .success, !text.isEmpty else { exit(withError: error) }
            StandardStreams.print(text + "\n")
        }
    }
}

/// The program version, the same as in the package file and the changelog.
enum Version {
    static let current = "0.1.0"
    /// The full hash of the built commit, set by `make release` and the image build.
    static let revision = String(cString: relay_revision())

    /// The version text, with one line per library that matters for support.
    static var text: String {
        """
        relay \(current)
        revision: \(revision)
        swift: \(swift)
        libevent: \(LibeventLog.libraryVersion)
        libcurl: \(CurlDeliverer.libraryVersion)
        sqlite: \(SQLiteConnection.libraryVersion)
        """
    }

    private static var swift: String {
        #if swift(>=6.4)
            "6.4 or later"
        #elseif swift(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }
}
