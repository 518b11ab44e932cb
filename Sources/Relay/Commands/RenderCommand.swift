import ArgumentParser
import Glibc
import Libevent

/// `relay render`: what would be posted, without posting it.
struct RenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Print the messages that webhook bodies become.",
        discussion: """
            Reads bodies as Alertmanager posts them and prints, for each room, exactly what serve would post with the same
            environment and file. Needs no hook, and contacts nobody.

              relay render alerts.json
              curl -s http://example.com/body.json | relay render --format html - > page.html
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json, html }

    @Option(help: "text, json (one object a line: room and message) or html (a page).")
    var format = Format.json

    @Option(name: .customLong("config.file"), help: "The configuration file, YAML (RELAY_CONFIG).")
    var configFile: String?

    @Argument(help: "Files with webhook bodies; - is standard input.")
    var files: [String]

    func run() throws {
        let (configuration, problems) = ConfigurationOptions.withoutSecrets(file: configFile)
        for problem in problems { StandardStreams.complain("\(problem)") }
        let receivers = Dictionary(
            uniqueKeysWithValues: zip((1...UInt8.max).map(ReceiverID.init), configuration.receivers))
        let router = AlertRouter(configuration.receivers, numbers: receivers.mapValues(\.name))
        let parser = WebhookParser(severities: configuration.severities, router: router)
        var rendered: [RenderedMessage] = []
        var hasFailed = !problems.isEmpty
        for file in files {
            do {
                let body = try StandardStreams.read(file, limit: configuration.limits.bodySize)
                let now = Timestamp.now()
                for notification in try parser.parse(body, acceptedAt: now).notifications {
                    let payload = try parser.decode(notification.body)
                    let receiver = receivers[notification.receiver]
                    let posting = receiver?.posting ?? configuration.posting
                    let room = receiver?.name ?? notification.severity.rawValue
                    rendered += MessageRenderer(settings: posting.renderSettings)
                        .render(payload, severity: notification.severity, now: now)
                        .map { RenderedMessage(room: room, message: $0) }
                }
            } catch {
                StandardStreams.complain("\(file): \((error as? ParseError)?.message ?? "\(error)")")
                hasFailed = true
            }
        }
        StandardStreams.print(RenderedMessage.print(rendered, as: format))
        if hasFailed { throw ExitCode(1) }
    }
}
