import Alerts
import ArgumentParser
import ChatMarkup
import Glibc
import Libevent
import RocketChat

/// `relay render`: prints the messages for webhook bodies without posting them.
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
        let (configuration, problems, hooked) = ConfigurationOptions.withoutSecrets(file: configFile)
        configuration.timezone.apply()
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
                    let severity = RelayConfiguration.room(for: notification.severity, hooked: hooked)
                    let room = receiver?.name ?? severity.rawValue
                    let composer = MessageComposer(
                        payload, severity: notification.severity, settings: posting.renderSettings, now: now)
                    rendered.append(RenderedMessage(room: room, message: composer.message()))
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

/// A message and its room, in the output formats of `relay render`.
struct RenderedMessage {
    /// The name of the severity or of the receiver.
    var room: String
    var message: Message

    static func print(_ messages: [RenderedMessage], as format: RenderCommand.Format) -> String {
        switch format {
        case .text: messages.map(\.text).joined(separator: "\n")
        case .json: messages.map(\.json).joined()
        case .html: page(messages)
        }
    }

    private var json: String {
        "{\"room\":\"\(room)\",\"message\":" + String(decoding: message.json(), as: UTF8.self) + "}\n"
    }

    private var text: String {
        MessageText.string(ChatMessage(message, room: room), headline: "#\(room)")
    }

    /// Messages to the same room that follow each other are in one section.
    private static func page(_ messages: [RenderedMessage]) -> String {
        var sections: [(room: String, articles: String)] = []
        for message in messages {
            let article = MessageHTML.article(ChatMessage(message.message, room: message.room))
            if sections.last?.room == message.room {
                sections[sections.count - 1].articles += article
            } else {
                sections.append((message.room, article))
            }
        }
        return ChatPage.html(title: "Messages", sections: sections)
    }
}
