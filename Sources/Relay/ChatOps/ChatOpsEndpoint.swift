import Alerts
import ChatOps
import Dispatch
import Libevent
import Logging
import Posting
import RocketChat
import Support

/// Answers `POST /rocketchat`: commands that people type in rooms, passed on by Rocket.Chat's outgoing webhook.
///
/// Lives on the loop and never blocks it: bodies are parsed, and Alertmanager is called, on queues of its own. The number
/// of bodies and commands that wait is bounded.
@LoopActor
final class ChatOpsEndpoint {
    typealias Answer = @LoopActor @Sendable (HTTPResponse) -> Void

    /// The body limit in bytes. A message of 5,000 characters has 30 kB at most.
    nonisolated static let bodyLimit = 64 * 1024
    private static let readingLimit = 64
    private static let waitingLimit = 16
    /// The most time for a command. Rocket.Chat waits for 20 s, the shipped nginx for 15 s.
    private static let longest = Duration.seconds(9)

    private let screener: RequestScreener
    private let metrics: Metrics
    private let logger: Logger
    private let abort: DeliveryAbort
    private let refusals = DelayedRefusals()
    private let reader = DispatchQueue(label: "chatops-reader", qos: .userInitiated)
    private let queue = DispatchQueue(label: "chatops")
    private let budget: Duration
    private var tokens: BearerAuthentication
    private var siteURL: String?
    private var parser: CommandParser
    private var runner: CommandRunner
    private var gate: CommandGate
    private var reading = 0
    private var waiting = 0
    /// Set while the program drains: commands are refused in words.
    var isDraining = false

    init(
        configuration: RelayConfiguration, screener: RequestScreener, abort: DeliveryAbort, metrics: Metrics,
        logger: Logger
    ) {
        self.screener = screener
        self.metrics = metrics
        self.logger = logger
        self.abort = abort
        // Below the limit after which the listener answers by itself.
        budget = min(Self.longest, configuration.limits.replyTimeout * 9 / 10)
        tokens = BearerAuthentication(tokens: configuration.chatOps.tokens)
        siteURL = configuration.chatOps.siteURL
        parser = CommandParser(longest: configuration.chatOps.maxDuration)
        runner = CommandRunner(configuration, abort)
        gate = CommandGate(configuration.chatOps)
    }

    /// Uses other settings from the next command on.
    func reconfigure(_ configuration: RelayConfiguration) {
        tokens = BearerAuthentication(tokens: configuration.chatOps.tokens)
        siteURL = configuration.chatOps.siteURL
        parser = CommandParser(longest: configuration.chatOps.maxDuration)
        runner = CommandRunner(configuration, abort)
        gate.settings = configuration.chatOps
    }

    // MARK: Requests

    /// - Parameter answer: called once, now or later. The client may have disconnected by then.
    func handle(_ exchange: HTTPExchange, answer: @escaping Answer) {
        guard reading < Self.readingLimit else {
            return refuse(exchange, "throttled", .unavailable("too many commands are being read"), answer)
        }
        reading += 1
        let body = exchange.consumeBody()
        reader.async { @Sendable in
            let webhook = Result { () throws(OutgoingWebhook.Invalid) in try OutgoingWebhook(body) }
            LoopActor.post { [self] in
                reading -= 1
                if exchange.isAwaitingReply { receive(webhook, exchange, answer) }
            }
        }
    }

    private func receive(
        _ webhook: Result<OutgoingWebhook, OutgoingWebhook.Invalid>, _ exchange: HTTPExchange,
        _ answer: @escaping Answer
    ) {
        switch webhook {
        case .failure(let invalid): refuse(exchange, "invalidCommand", .error(400, "\(invalid)"), answer)
        case .success(let webhook) where tokens.admits(token: webhook.token):
            exchange.trust()
            judge(webhook, until: exchange.arrival + budget, answer)
        case .success: refuseToken(of: exchange, answer)
        }
    }

    private func refuseToken(of exchange: HTTPExchange, _ answer: @escaping Answer) {
        refusals.refuse(screener.client(of: exchange).source, at: .now) { [self] verdict in
            guard exchange.isAwaitingReply else { return }
            if case .limited(let wait) = verdict {
                let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
                let response = HTTPResponse.unavailable("too many wrong tokens from this address", retryAfter: seconds)
                refuse(exchange, "throttled", response, answer)
            } else {
                // Not 401: there is no scheme for its WWW-Authenticate (RFC 9110 section 15.5.2). Not 410, which
                // disables the integration.
                refuse(exchange, "unauthorized", .error(403, "the token is not that of chatops.token"), answer)
            }
        }
    }

    private func refuse(_ exchange: HTTPExchange, _ reason: String, _ response: HTTPResponse, _ answer: Answer) {
        screener.record(.init(reason: reason, answer: response), of: exchange, exchange.head)
        answer(response)
    }

    // MARK: Commands

    private func judge(
        _ webhook: OutgoingWebhook, until deadline: ContinuousClock.Instant, _ answer: @escaping Answer
    ) {
        switch gate.judge(webhook, at: .now) {
        case .ignored(let reason):
            metrics.chatCommands[ChatCommand.Name.unknown.rawValue, CommandResult.ignored.rawValue].increment()
            logger.debug("message ignored", metadata: ["reason": "\(reason)", "id": "\(webhook.messageID.prefix(40))"])
            answer(.chat(OutgoingWebhook.noAnswer))
        case .refused(let result, let words):
            finish(webhook, .unknown, result, words.map { RoomAnswers.refusal($0) }, answer)
        case .accepted:
            guard !isDraining else {
                let words = "The relay is shutting down; repeat the command in a moment"
                return finish(webhook, .unknown, .busy, RoomAnswers.refusal(words), answer)
            }
            execute(webhook, until: deadline, answer)
        }
    }

    private func execute(
        _ webhook: OutgoingWebhook, until deadline: ContinuousClock.Instant, _ answer: @escaping Answer
    ) {
        let command: ChatCommand
        do throws(ChatCommand.Invalid) {
            command = try parser.parse(webhook.text)
        } catch {
            return finish(webhook, error.name, .invalid, RoomAnswers.refusal(error.description), answer)
        }
        if command == .help { return finish(webhook, .help, .done, RoomAnswers.help, answer) }
        guard waiting < Self.waitingLimit else {
            let words = RoomAnswers.refusal("Too many commands are waiting for Alertmanager; try again in a moment")
            return finish(webhook, command.name, .busy, words, answer)
        }
        waiting += 1
        let sender = CommandSender(user: webhook.userName, link: webhook.link(site: siteURL))
        let runner = runner
        queue.async { @Sendable in
            let outcome = runner.run(command, for: sender, until: deadline, now: .now())
            LoopActor.post { [self] in
                waiting -= 1
                finish(webhook, command.name, outcome, answer)
            }
        }
    }

    private func finish(
        _ webhook: OutgoingWebhook, _ name: ChatCommand.Name, _ outcome: CommandOutcome, _ answer: Answer
    ) {
        switch outcome.result {
        case .done: finish(webhook, name, .done, outcome.text, answer)
        case .unmatched: finish(webhook, name, .unmatched, outcome.text, answer)
        case .failed(let failure):
            metrics.chatCommandFailures[failure.reason].increment()
            finish(webhook, name, .failed, outcome.text, failure: failure, answer)
        }
    }

    /// Counts and logs a command, and answers it.
    ///
    /// - Parameter text: escaped; nil for no answer.
    private func finish(
        _ webhook: OutgoingWebhook, _ name: ChatCommand.Name, _ result: CommandResult, _ text: String?,
        failure: AlertmanagerFailure? = nil, _ answer: Answer
    ) {
        metrics.chatCommands[name.rawValue, result.rawValue].increment()
        var metadata: Logger.Metadata = [
            "user": "\(webhook.userName.prefix(100))", "room": "\(webhook.channelName.prefix(100))",
            "command": "\(name.rawValue)", "result": "\(result.rawValue)", "text": "\(webhook.text.prefix(200))",
        ]
        if let failure { metadata["err"] = "\(failure.detail.prefix(300))" }
        logger.log(level: failure == nil ? .info : .warning, "chat command", metadata: metadata)
        answer(.chat(text.map(webhook.answer) ?? OutgoingWebhook.noAnswer))
    }
}

/// The label `result` of `relay_chatops_commands_total`.
enum CommandResult: String, CaseIterable {
    case done, unmatched, invalid, denied, limited, busy, failed, ignored
}

/// Decides which messages are commands that may be carried out. A value without I/O.
struct CommandGate: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Verdict: Equatable {
        case accepted
        /// Not meant as a command; the room gets no answer.
        case ignored(String)
        /// With the answer for the room; nil for none.
        case refused(CommandResult, String?)
    }

    /// Commands of one person in a minute.
    static let commandsPerMinute = 20

    var settings: ChatOpsConfiguration
    /// Rocket.Chat sends a message again if an answer is lost, and once for each integration that it triggers.
    private var seen = GenerationalCache<String, Bool>(capacity: 4096)
    private var commands = AuthRateLimiter<String>(limit: commandsPerMinute)
    /// Limits the answers to those who send too many.
    private var complaints = AuthRateLimiter<String>(limit: 2)

    init(_ settings: ChatOpsConfiguration) {
        self.settings = settings
    }

    mutating func judge(_ webhook: OutgoingWebhook, at now: Instant) -> Verdict {
        if webhook.isFromBot { return .ignored("bot") }
        if webhook.isEdited { return .ignored("edited") }
        let id = String(webhook.messageID.prefix(64))
        if seen[id] != nil { return .ignored("repeated") }
        seen.remember(id, true)
        let user = String(webhook.userName.prefix(100))
        if let wait = commands.charge(user, at: now) {
            let words = "Too many commands: wait \(max(.seconds(1), wait).humanized)"
            return .refused(.limited, complaints.charge(user, at: now) == nil ? words : nil)
        }
        guard settings.isRoom(id: webhook.channelID, name: webhook.channelName) else {
            return .refused(.denied, "Commands are not accepted in this room (chatops.channels)")
        }
        guard settings.users.isEmpty || settings.users.contains(webhook.userName) else {
            return .refused(.denied, "You may not use commands (chatops.users)")
        }
        return .accepted
    }
}

extension CommandRunner {
    fileprivate init(_ configuration: RelayConfiguration, _ abort: DeliveryAbort) {
        self.init(
            configuration.alertmanager.settings, severities: configuration.severities, zone: configuration.posting.zone,
            limit: configuration.posting.renderSettings.textBudget, abort: abort)
    }
}

extension HTTPResponse {
    /// A response to an outgoing webhook.
    fileprivate static func chat(_ body: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: 200, headers: [("Content-Type", "application/json; charset=utf-8")], body: body)
    }
}
