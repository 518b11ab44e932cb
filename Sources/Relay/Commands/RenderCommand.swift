import Alerts
import ArgumentParser
import ChatMarkup
import DeliveryCore
import Glibc
import Libevent
import Posting
import RocketChat

/// `relay render`: prints the messages for webhook bodies without posting them.
struct RenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Print the messages that webhook bodies become.",
        discussion: """
            Reads bodies as Alertmanager posts them and prints, for each room, exactly what serve would post with the same
            environment and file. Needs no hook, and contacts nobody.

              relay render alerts.json
              relay render --template templates.yml --format text alerts.json
              curl -s http://example.com/body.json | relay render --format html - > page.html
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json, html }

    @Option(help: "text, json (one object a line: room and message) or html (a page).")
    var format = Format.json

    @Option(name: .customLong("config.file"), help: "The configuration file, YAML (RELAY_CONFIG).")
    var configFile: String?

    @Option(help: "A YAML file with templates, which override those of the configuration.")
    var template: String?

    @Argument(help: "Files with webhook bodies; - is standard input.")
    var files: [String]

    func run() throws {
        let (configuration, problems, hooked) = ConfigurationOptions.withoutSecrets(file: configFile)
        configuration.timezone.apply()
        let preview = template.map { TemplatePreview(path: $0, settings: configuration.posting.renderSettings) }
        for problem in problems + (preview?.problems ?? []) { StandardStreams.complain("\(problem)") }
        let receivers = Dictionary(
            uniqueKeysWithValues: zip((1...UInt8.max).map(ReceiverID.init), configuration.receivers))
        let router = AlertRouter(configuration.receivers, numbers: receivers.mapValues(\.name))
        let parser = WebhookParser(
            severities: configuration.severities, router: router, watchdogs: WatchdogMatcher(configuration.watchdogs))
        var rendered: [RenderedMessage] = []
        var hasFailed = !problems.isEmpty || preview?.problems.isEmpty == false
        for file in files {
            do {
                let body = try StandardStreams.read(file, limit: configuration.limits.bodySize)
                let now = Timestamp.now()
                let batch = try parser.parse(body, acceptedAt: now)
                for (name, count) in batch.dropped.sorted(by: { $0.key < $1.key }) {
                    StandardStreams.complain("\(file): alerts that the receiver \(name) drops: \(count)")
                }
                for notification in batch.notifications {
                    let payload = try parser.decode(notification.body)
                    let receiver = receivers[notification.receiver]
                    let posting = receiver?.posting ?? configuration.posting
                    let severity = RelayConfiguration.room(for: notification.severity, hooked: hooked)
                    let room = receiver?.name ?? severity.rawValue
                    var settings = posting.renderSettings
                    settings.templates = preview?.over(settings.templates) ?? settings.templates
                    let messages = Self.messages(
                        for: notification, payload, configuration.channelRule(for: notification.severity, receiver),
                        mentions: configuration.mentions(for: notification.severity, receiver), settings, now
                    ) { failure in
                        StandardStreams.complain(
                            "\(file): the template \(failure.part) is not used: \(failure.reason)")
                    }
                    rendered += messages.map { RenderedMessage(room: room, message: $0) }
                }
            } catch {
                StandardStreams.complain("\(file): \((error as? ParseError)?.message ?? "\(error)")")
                hasFailed = true
            }
        }
        StandardStreams.print(RenderedMessage.print(rendered, as: format))
        if hasFailed { throw ExitCode(1) }
    }

    /// The messages of a notification that the room has not seen, one for each channel.
    private static func messages(
        for notification: Alerts.Notification, _ payload: Payload, _ rule: ChannelRule, mentions: [String],
        _ settings: RenderSettings, _ now: Timestamp, onFailure: (TemplateFailure) -> Void
    ) -> [Message] {
        var sections = ChannelSections(rule, severity: notification.severity, isFold: false, tracksNews: true)
        sections.add(notification, payload, at: HookID(0), since: ShownAlerts())
        return sections.sections.map { section in
            let content = sections.sections.count > 1 ? section.content : .single(payload)
            var batch = RenderBatch(content, severity: notification.severity, now: now)
            batch.channel = section.channel
            batch.mentions = section.news.isNew ? mentions : []
            var (message, failures) = RocketChatTarget.message(of: batch, settings)
            failures.forEach(onFailure)
            message.mention(batch.mentions)
            return message
        }
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
