import Alerts
import Dispatch
import Journaling
import Libevent
import Logging
import Support

/// Answers the routes of the status page.
///
/// The loop takes a snapshot, in time proportional to the number of rooms. A queue of its own reads the journal and
/// renders, one request at a time. Further requests than `waitingLimit` are answered with 503, so that many open pages
/// cannot slow down webhooks.
@LoopActor
final class StatusListener {
    typealias Answer = @LoopActor @Sendable (HTTPResponse) -> Void

    /// The requests that wait or are rendered.
    nonisolated static let waitingLimit = 8
    /// The share of `waitingLimit` for clients without credentials, so that they cannot keep operators out.
    nonisolated static let unprovenLimit = 5
    /// The size limit of a webhook body for a preview, in bytes.
    nonisolated static let previewLimit = 1 << 20
    /// A form's percent-encoding triples a body at most.
    nonisolated static let formLimit = 3 * previewLimit + 4096
    /// How often the activity is recorded.
    private static let recordInterval = Duration.seconds(10)

    private let dispatcher: Dispatcher
    private let intake: Intake
    private let metrics: Metrics
    private let logger: Logger
    private let reader: StatusReader
    private let zone: DisplayZone
    private let queue = DispatchQueue(label: "status", qos: .utility)
    private var waiting = 0
    private var activity = Activity()
    private lazy var timer = LoopEvent.timer(after: Self.recordInterval, repeats: true) { [unowned self] in record() }
    var isDraining = false

    init(
        _ dispatcher: Dispatcher, _ intake: Intake, zone: DisplayZone, metrics: Metrics, logger: Logger
    ) {
        self.dispatcher = dispatcher
        self.intake = intake
        self.zone = zone
        self.metrics = metrics
        self.logger = logger
        reader = StatusReader(intake.journal)
        activity.record(metrics.activity, at: .now())
        _ = timer
    }

    private func record() { activity.record(metrics.activity, at: .now()) }

    /// What waits, and why. Takes time proportional to the number of rooms.
    var status: DeliveryStatus {
        record()
        let journal = intake.journal.snapshot
        return DeliveryStatus(
            at: .now(), rooms: dispatcher.rooms(journal), isDraining: isDraining,
            refusal: journal.state.refusal?.explanation,
            refusedSeverities: journal.reserved.sorted { $0.rank < $1.rank },
            degraded: journal.degraded, activity: activity.minutes)
    }

    // MARK: Requests

    /// Answers an admitted request.
    ///
    /// - Parameters:
    ///   - isProven: the request has valid credentials.
    ///   - from: the client, for the log.
    func handle(
        _ exchange: HTTPExchange, _ route: Route, _ decoder: WebhookDecoder, isProven: Bool, from client: ClientAddress,
        then answer: @escaping Answer
    ) {
        if !isProven, waiting >= Self.unprovenLimit, ![.statusStyle, .statusScript].contains(route) {
            return answer(Self.busy)
        }
        let fields = FormFields(query: exchange.head.query)
        switch route {
        case .statusStyle: answer(StatusAssets.style)
        case .statusScript: answer(StatusAssets.script)
        case .statusJSON:
            let status = status
            perform(answer) { .statusJSON(StatusJSON.bytes(status)) }
        case .history:
            let reader = reader
            perform(answer) { Self.history(fields, reader) }
        case .deadLetters where exchange.head.method == .post: change(exchange, isProven, client, answer)
        case .deadLetters:
            let reader = reader
            perform(answer) { Self.letters(fields, reader) }
        case .render: preview(exchange, decoder, answer)
        default: page(fields, exchange, isProven, answer)
        }
    }

    private func page(_ fields: FormFields, _ exchange: HTTPExchange, _ isProven: Bool, _ answer: @escaping Answer) {
        let (status, reader, zone) = (status, reader, zone)
        let token = isProven ? FormGuard.token(authorization: exchange.header("Authorization")) : nil
        perform(answer) {
            .page(StatusPage(status, fields, reader, zone: zone, token: token).html)
        }
    }

    private func preview(_ exchange: HTTPExchange, _ decoder: WebhookDecoder, _ answer: @escaping Answer) {
        let isForm =
            exchange.header("Content-Type")?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true
        guard !isForm || !isForeign(exchange) else { return answer(Self.foreign) }
        let (body, routes) = (exchange.consumeBody(), dispatcher.routes)
        perform(answer) {
            let text = isForm ? Array((FormFields(body)["body"] ?? "").utf8) : body
            guard text.count <= Self.previewLimit else {
                return .error(413, "a preview is limited to \(Self.previewLimit) bytes")
            }
            let result = Result { () throws(ControlError) in
                try MessagePreview(decoder: decoder, routes: routes).messages(for: text, at: .now())
            }
            if isForm { return .page(PreviewPage(text: String(decoding: text, as: UTF8.self), result).html) }
            return switch result {
            case .success(let messages): .statusJSON(MessagePreview.json(messages))
            case .failure(let error): .error(400, error.description)
            }
        }
    }

    /// A misspelt parameter would change what a script sees without a word.
    private nonisolated static func unknown(_ fields: FormFields, besides names: [String]) -> HTTPResponse? {
        guard let name = fields.name(besides: names) else { return nil }
        return .error(400, "unknown parameter \(name.prefix(40)); known are \(names.joined(separator: ", "))")
    }

    private nonisolated static func history(_ fields: FormFields, _ reader: StatusReader) -> HTTPResponse {
        if let refusal = unknown(fields, besides: HistoryForm.names) { return refusal }
        let query: HistoryQuery
        do throws(ControlError) {
            query = try HistoryForm(fields: fields).query(limit: 100, now: .now())
        } catch {
            return .error(400, error.description)
        }
        do throws(JournalRefusal) {
            return .statusJSON(HistoryJSON.bytes(try reader.history(query), receivers: reader.receivers))
        } catch {
            return .unavailable(error.explanation)
        }
    }

    private nonisolated static func letters(_ fields: FormFields, _ reader: StatusReader) -> HTTPResponse {
        if let refusal = unknown(fields, besides: ["after"]) { return refusal }
        let after = fields["after"]
        guard after == nil || after.flatMap({ JournalID($0) }) != nil else {
            return .error(400, "after is not the id of a dead letter")
        }
        do throws(JournalRefusal) {
            let page = try reader.letters(after: after.flatMap { JournalID($0) })
            let letters = DeadLetterText.list(
                page.letters, receivers: page.receivers, asJSON: true, isFirstPage: false, now: .now())
            let next = page.next.map { "\"\($0)\"" } ?? "null"
            return .statusJSON(Array("{\"deadLetters\":[\(letters)],\"next\":\(next)}".utf8))
        } catch {
            return .unavailable(error.explanation)
        }
    }

    // MARK: Changes

    private static let foreign = HTTPResponse.error(403, "the request comes from another site")

    private func isForeign(_ exchange: HTTPExchange) -> Bool {
        FormGuard.isForeign(
            site: exchange.header("Sec-Fetch-Site"), origin: exchange.header("Origin"), host: exchange.header("Host"))
    }

    /// Replays or drops dead letters as a form requests it.
    private func change(
        _ exchange: HTTPExchange, _ isProven: Bool, _ client: ClientAddress, _ answer: @escaping Answer
    ) {
        guard isProven, !isForeign(exchange) else { return answer(Self.foreign) }
        let fields = FormFields(exchange.consumeBody())
        guard FormGuard.isValid(fields["token"], authorization: exchange.header("Authorization")) else {
            return answer(.error(403, "the form is outdated: open the status page again"))
        }
        guard let id = fields["id"].flatMap({ JournalID($0) }),
            let request = Self.request(fields["action"], id)
        else { return answer(.error(400, "the form names no action and dead letter")) }
        let (journal, intake, reader, logger) = (intake.journal, intake, reader, logger)
        perform(answer) {
            let service = DeadLetterService(journal: journal, noteDropped: { intake.noteDropped($0) }) {
                intake.replay($0)
            }
            let reply = service.execute(request, asJSON: false)
            reader.forgetLists()
            logger.notice(
                "dead letter changed on the status page",
                metadata: [
                    "action": "\(request.wire.verb)", "id": "\(id)", "from": "\(client)",
                    "result": "\(reply.problems.first ?? "done")",
                ])
            if let problem = reply.problems.first { return .error(409, problem) }
            // Relative, because a proxy may serve the page below another path.
            let done = request.wire.verb == "drop" ? "dropped" : "replayed"
            return HTTPResponse(
                status: 303, headers: StatusAssets.headers + [("Location", "../../?done=\(done)#dead-letters")],
                body: [])
        }
    }

    private static func request(_ action: String?, _ id: JournalID) -> DeadLetterRequest? {
        switch action {
        case "replay": .replay(.some([id]))
        case "drop": .drop([id])
        default: nil
        }
    }

    // MARK: Queue

    private static let busy = HTTPResponse.unavailable("too many requests of the status page at once", retryAfter: 2)

    /// Runs `work` off the loop, then answers.
    private func perform(_ answer: @escaping Answer, _ work: @escaping @Sendable () -> HTTPResponse) {
        guard waiting < Self.waitingLimit else {
            return answer(Self.busy)
        }
        waiting += 1
        queue.async { @Sendable in
            let response = work()
            LoopActor.post { [self] in
                waiting -= 1
                answer(response)
            }
        }
    }
}

extension LoopActor {
    /// Runs `body` on the loop and waits for its value; nil if the loop does not run it within five seconds. Must not be
    /// called on the loop.
    static func read<Value: Sendable>(_ body: @escaping @LoopActor @Sendable () -> Value) -> Value? {
        let (done, value) = (DispatchSemaphore(value: 0), Locked<Value?>(nil))
        post {
            let read = body()
            value.withLock { $0 = read }
            done.signal()
        }
        return done.wait(timeout: .now() + 5) == .success ? value.withLock { $0 } : nil
    }
}
