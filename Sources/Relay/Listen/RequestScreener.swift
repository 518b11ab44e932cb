import Dispatch
import Libevent
import Logging
import Support

/// Admits or refuses requests by their heads. Each refusal gets one response, one log line and one count.
@LoopActor
final class RequestScreener {
    typealias Denial = RequestAuthorizer.Denial

    /// The label value for requests to an unknown route.
    static let otherRoute = "other"

    private let authorizer: RequestAuthorizer
    private let metrics: Metrics
    private let senders: SenderLog
    private let verifier = SignatureVerifier()
    private let bodyLimit: Int
    private(set) var isReloadEnabled: Bool
    private var acceptsCommands: Bool
    /// Set once the program is draining: webhooks are refused.
    var isDraining = false

    init(configuration: RelayConfiguration, metrics: Metrics, logger: Logger) {
        authorizer = RequestAuthorizer(configuration: configuration, logger: logger)
        self.metrics = metrics
        senders = SenderLog(logger)
        bodyLimit = configuration.limits.bodySize
        isReloadEnabled = configuration.isReloadEnabled
        acceptsCommands = configuration.acceptsCommands
    }

    /// Uses other settings from the next request on. A new body limit needs a restart.
    func reconfigure(_ configuration: RelayConfiguration) {
        authorizer.reconfigure(configuration)
        isReloadEnabled = configuration.isReloadEnabled
        acceptsCommands = configuration.acceptsCommands
    }

    /// Registers the callbacks of a server: for each request head, and for refusals and closed connections.
    func attach(to server: HTTPServer) {
        server.onRequestHead = { [unowned self] in screen($0) }
        server.onRefusal = { [unowned self] in answer(to: $0, from: $1) }
        server.onClose = { [unowned self] in closed($0, from: $1) }
        server.isProxy = { [unowned self] in authorizer.isTrustedProxy($0) }
    }

    /// The client address of a request, resolved through trusted proxies.
    func client(of request: some RequestHead) -> ClientAddress { authorizer.client(of: request) }

    // MARK: Screening

    /// Called when the head of a request is complete. Invalid requests are refused before their body uses memory.
    private func screen(_ arrival: IncomingRequest) {
        guard attribute(arrival) else { return }
        let route = route(of: arrival.head)
        if let refusal = misdirected(arrival.head, route) {
            // Without a body the connection can be kept open, so the handler answers.
            if arrival.hasBody { refuse(arrival, refusal, route) } else { arrival.admit(bodyLimit: 0) }
            return
        }
        switch route {
        case .webhook: screenWebhook(arrival)
        case .rocketchat: screenCommand(arrival)
        case .reload where isReloadEnabled: authorize(arrival, bodyLimit: Self.smallBody)
        case .reload, .health, .healthy, .ready, .metrics, nil: arrival.admit(bodyLimit: Self.smallBody)
        case .status, .statusStyle, .statusScript, .statusJSON, .history, .deadLetters, .render:
            screenOperator(arrival, route)
        }
    }

    /// The route of a request; nil if there is none, or the status page is off.
    func route(of head: HTTPRequestHead) -> Route? {
        guard let route = Route(path: head.path), !route.isOfStatusPage || authorizer.hasStatusPage else { return nil }
        return route
    }

    /// Whether an admitted request comes from a proven operator.
    func isProvenOperator(_ request: some RequestHead) -> Bool {
        authorizer.isProvenOperator(authorization: request.header("Authorization"))
    }

    /// The limit for bodies that no route reads.
    private static let smallBody = 4096

    /// Counts the connection for the client behind a trusted proxy. Returns false if that client has too many
    /// connections.
    private func attribute(_ arrival: IncomingRequest) -> Bool {
        guard authorizer.isTrustedProxy(arrival.remoteAddress) else { return true }
        guard let client = authorizer.client(of: arrival).address, !arrival.attribute(to: client.description) else {
            return true
        }
        let answer = HTTPResponse.unavailable("too many requests of this address at once")
        refuse(arrival, Denial(reason: HTTPServer.Closing.tooManyOfAddress.rawValue, answer: answer), nil)
        return false
    }

    /// Returns the refusal for an unknown path or a wrong method; nil if both are valid. Without a token for commands
    /// their route does not exist.
    func misdirected(_ head: HTTPRequestHead, _ route: Route?) -> Denial? {
        guard let route, route != .rocketchat || acceptsCommands else {
            let hint = head.method == .post ? "; did you mean \(Route.webhook.rawValue)?" : ""
            let path = String(head.path.prefix(100))
            return Denial(reason: "route", answer: .error(404, "no such route: \(path)\(hint)"))
        }
        guard !route.methods.contains(head.method) else { return nil }
        let hint = head.method == .post && route == .status ? "; webhooks go to \(Route.webhook.rawValue)" : ""
        let message = "\(head.method.rawValue) is not allowed here; use \(route.allow)\(hint)"
        return Denial(reason: "method", answer: .error(405, message, headers: [("Allow", route.allow)]))
    }

    private func screenWebhook(_ arrival: IncomingRequest) {
        guard !isDraining else {
            return refuse(
                arrival, Denial(reason: "draining", answer: .unavailable("the relay is shutting down")), .webhook)
        }
        let codings = arrival.headers("Content-Encoding")
        // Several fields form one list (RFC 9110 section 5.3). Multiple codings are not supported.
        guard codings.count <= 1, ContentCoding(field: codings.first) != nil else {
            let accepted = HTTPResponse.Header("Accept-Encoding", "gzip, deflate")
            let answer = HTTPResponse.error(415, "unsupported Content-Encoding", headers: [accepted])
            return refuse(arrival, Denial(reason: "encoding", answer: answer), .webhook)
        }
        let claim = authorizer.claim(of: arrival)
        if case .none = claim { return authorize(arrival, bodyLimit: bodyLimit) }
        authorizer.admitSigned(arrival, claim) { [self] refusal in
            if let refusal { return refuse(arrival, refusal, .webhook) }
            // Not trusted: the body uses the memory of unauthenticated senders.
            arrival.admit(bodyLimit: bodyLimit, provisionally: true)
        }
    }

    /// Verifies the signature of a webhook that was admitted provisionally. Calls `done` exactly once, with nil if it is
    /// valid.
    func verify(
        _ exchange: HTTPExchange, _ body: [UInt8], then done: @escaping @LoopActor @Sendable (Denial?) -> Void
    ) {
        // A reload may have changed the settings since the head was judged.
        guard case .signed(let signature) = authorizer.claim(of: exchange) else {
            return authorizer.denySignature(of: exchange, "the signature cannot be verified", then: done)
        }
        verifier.verify(signature, body) { [self] isValid in
            if isValid { return done(nil) }
            authorizer.denySignature(of: exchange, "the signature does not match the body", then: done)
        }
    }

    /// The token of a command is in its body, so only the network and the size are checked here.
    private func screenCommand(_ arrival: IncomingRequest) {
        if let denial = authorizer.networkDenial(of: arrival) { return refuse(arrival, denial, .rocketchat) }
        guard arrival.headers("Content-Encoding").allSatisfy({ ["", "identity"].contains($0.lowercased()) }) else {
            let answer = HTTPResponse.error(
                415, "unsupported Content-Encoding", headers: [("Accept-Encoding", "identity")])
            return refuse(arrival, Denial(reason: "encoding", answer: answer), .rocketchat)
        }
        arrival.admit(bodyLimit: ChatOpsEndpoint.bodyLimit)
    }

    private func authorize(_ arrival: IncomingRequest, bodyLimit: Int) {
        authorizer.admit(arrival) { [self] refusal in
            if let refusal { return refuse(arrival, refusal, Route(path: arrival.head.path)) }
            if authorizer.provesSenders { arrival.trust() }
            arrival.admit(bodyLimit: bodyLimit)
        }
    }

    /// Refusals are no refused webhooks: a browser's first request has no credentials. Wrong ones are logged.
    private func screenOperator(_ arrival: IncomingRequest, _ route: Route?) {
        let needsProof = arrival.head.method == .post && route == .deadLetters || arrival.head.query == "sign-in"
        let isGuess = arrival.header("Authorization") != nil
        authorizer.admitOperator(arrival, needsProof: needsProof) { [self] denial in
            guard let denial else {
                if isProvenOperator(arrival) { arrival.trust() }
                return arrival.admit(bodyLimit: route == .render ? StatusListener.formLimit : Self.smallBody)
            }
            if isGuess || denial.answer.status == 403 {
                log("status page refused", of: arrival, Self.metadata(denial, arrival.head))
            }
            metrics.httpRequests[route?.rawValue ?? Self.otherRoute, String(denial.answer.status)].increment()
            arrival.refuse(denial.answer.http)
        }
    }

    // MARK: Refusals

    /// Answers a request that the server refuses because of HTTP rules, a timeout or a memory limit.
    private func answer(to refusal: HTTPRefusal, from origin: HTTPServer.Origin) -> HTTPReply {
        // CONNECT is the only method that is refused here; it has no route.
        let headers = refusal.status == 405 ? [("Allow", Route.allAllowed)] : []
        let answer =
            refusal.status == 503
            ? HTTPResponse.unavailable(refusal.explanation)
            : .error(refusal.status, refusal.explanation, headers: headers)
        record(Denial(reason: refusal.kind.rawValue, answer: answer), of: origin, origin.head)
        let route = origin.head.flatMap { Route(path: $0.path) }?.rawValue ?? Self.otherRoute
        metrics.httpRequests[route, String(refusal.status)].increment()
        return answer.http
    }

    /// Counts and logs a connection that was closed without a response.
    private func closed(_ closing: HTTPServer.Closing, from origin: HTTPServer.Origin) {
        metrics.connectionsClosed[closing.rawValue].increment()
        log("connection closed", of: origin, ["reason": "\(closing.rawValue)"])
    }

    private func refuse(_ arrival: IncomingRequest, _ refusal: Denial, _ route: Route?) {
        record(refusal, of: arrival, arrival.head)
        metrics.httpRequests[route?.rawValue ?? Self.otherRoute, String(refusal.answer.status)].increment()
        arrival.refuse(refusal.answer.http)
    }

    /// Counts and logs a request that was not served.
    func record(_ refusal: Denial, of request: some RequestHead, _ head: HTTPRequestHead?) {
        metrics.payloadsRejected[refusal.reason].increment()
        log("webhook refused", of: request, Self.metadata(refusal, head))
    }

    /// Logs a warning, with a limit of lines per minute and sender.
    func log(_ message: Logger.Message, of request: some RequestHead, _ metadata: @autoclosure () -> Logger.Metadata) {
        senders.warning(message, from: authorizer.client(of: request), metadata())
    }

    private static func metadata(_ refusal: Denial, _ head: HTTPRequestHead?) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["reason": "\(refusal.reason)", "status": "\(refusal.answer.status)"]
        if let head { metadata["request"] = "\(head.method.rawValue) \(head.path.prefix(100))" }
        return metadata
    }
}

/// Verifies the signatures of bodies: small ones immediately on the loop, others on its own queue.
@LoopActor
final class SignatureVerifier {
    /// The size limit for verifying on the loop, in bytes: a tenth of a millisecond.
    private static let smallBody = 64 * 1024

    /// Not the reader's queue: bodies of unknown senders must not delay those of others.
    private let queue = DispatchQueue(label: "signatures", qos: .userInitiated)

    /// Calls `done` exactly once, before this returns for a small body.
    func verify(
        _ signature: BodySignature, _ body: [UInt8], then done: @escaping @LoopActor @Sendable (Bool) -> Void
    ) {
        if body.count <= Self.smallBody { return done(signature.isValid(for: body)) }
        queue.async {
            let isValid = signature.isValid(for: body)
            LoopActor.post { done(isValid) }
        }
    }
}

/// The part of a request that decides whether its sender may post. It is complete before the body is read. So
/// `RequestAuthorizer` can refuse a request whose body has not arrived.
@LoopActor
protocol RequestHead {
    /// The address of the peer without its port. Empty for a Unix socket, or if the client has closed the connection.
    var remoteAddress: String { get }
    /// The first value of a header field, nil if the request has none.
    func header(_ name: String) -> String?
    /// The values of all fields with this name, in the order of the request.
    func headers(_ name: String) -> [String]
}

extension HTTPExchange: RequestHead {}
extension IncomingRequest: RequestHead {}
extension HTTPServer.Origin: RequestHead {}
