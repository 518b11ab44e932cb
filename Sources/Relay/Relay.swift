import Alerts
import ArgumentParser
import CRevision
import Journaling
import Libevent
import RocketChat
import SQLiteJournal

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

/// The program's version; the package file and the changelog name the same.
enum Version {
    static let current = "0.1.0"
    /// The commit that was built, in full; `make release` and the image's build tell it to the package.
    static let revision = String(cString: relay_revision())

    /// One line for each library whose version an operator may be asked for.
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
