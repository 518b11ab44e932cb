import Alerts
import ArgumentParser
import Glibc
import Libevent
import Posting
import RocketChat
import Support

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

/// A message and its room, in the output formats of `relay render`.
struct RenderedMessage {
    /// The name of the severity or of the receiver.
    var room: String
    var message: Message

    static func print(_ messages: [RenderedMessage], as format: RenderCommand.Format) -> String {
        switch format {
        case .text: messages.map(\.text).joined(separator: "\n")
        case .json: messages.map(\.json).joined()
        case .html: page(messages.map(\.html).joined())
        }
    }

    private var json: String {
        "{\"room\":\"\(room)\",\"message\":" + String(decoding: message.json(), as: UTF8.self) + "}\n"
    }

    private var text: String {
        var lines = ["#\(room)", message.text]
        for attachment in message.attachments {
            lines.append("  | \(attachment.title)")
            lines += attachment.text.split(separator: "\n").map { "  | \($0)" }
            lines += attachment.fields.map { "  |   \($0.title): \($0.value)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var html: String {
        let blocks = message.attachments.map { attachment in
            let fields = attachment.fields.map {
                "<div><b>\(Self.escaped($0.title))</b><br>\(Self.escaped($0.value))</div>"
            }
            return
                "<div class=block style=\"border-color:\(attachment.color)\"><b>\(Self.escaped(attachment.title))</b>"
                + "<p>\(Self.escaped(attachment.text))</p><div class=fields>\(fields.joined())</div></div>"
        }
        return "<section><h2>#\(room)</h2><p>\(Self.escaped(message.text))</p>\(blocks.joined())</section>"
    }

    private static func page(_ sections: String) -> String {
        """
        <!doctype html><meta charset=utf-8><title>Messages</title><style>
        body{font:15px/1.4 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}
        p{white-space:pre-wrap;margin:.3em 0}.block{border-left:4px solid;padding:.3em .8em;margin:.6em 0}
        .fields{display:grid;grid-template-columns:1fr 1fr;gap:.4em}
        </style>\(sections)

        """
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
