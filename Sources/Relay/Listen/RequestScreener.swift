import Alerts
import Journaling
import Libevent
import Logging
import RocketChat
import SQLiteJournal
import Support

/// Decides on requests by their heads, and tells of all that are refused: in one answer, one log line and one count.
@LoopActor
final class RequestScreener {
    typealias Denial = RequestAuthorizer.Denial

    /// What requests to no route of ours are counted under.
    static let otherRoute = "other"

    private let admission: RequestAuthorizer
    private let metrics: Metrics
    private let senders: SenderLog
    private let bodyLimit: Int
    private(set) var isReloadEnabled: Bool
    /// Set once the program is draining: webhooks are refused.
    var isDraining = false

    init(configuration: RelayConfiguration, metrics: Metrics, logger: Logger) {
        admission = RequestAuthorizer(configuration: configuration, logger: logger)
        self.metrics = metrics
        senders = SenderLog(logger)
        bodyLimit = configuration.limits.bodySize
        isReloadEnabled = configuration.isReloadEnabled
    }

    /// Works with other settings from the next request on; the limit of bodies needs a restart.
    func reconfigure(_ configuration: RelayConfiguration) {
        admission.reconfigure(configuration)
        isReloadEnabled = configuration.isReloadEnabled
    }

    /// Has a server ask about each request, and tell of what it refuses and ends by itself.
    func attach(to server: HTTPServer) {
        server.onRequestHead = { [unowned self] in screen($0) }
        server.onRefusal = { [unowned self] in answer(to: $0, from: $1) }
        server.onClose = { [unowned self] in closed($0, from: $1) }
        server.isProxy = { [unowned self] in admission.isTrustedProxy($0) }
    }

    /// The address that a request came from, past the proxies that are trusted.
    func client(of request: some RequestHead) -> ClientAddress { admission.client(of: request) }

    // MARK: Screening

    /// Decides on a request when its head is complete: what cannot be served is answered before its body takes memory.
    private func screen(_ arrival: IncomingRequest) {
        guard attribute(arrival) else { return }
        let route = Route(path: arrival.head.path)
        if let refusal = misdirected(arrival.head, route) {
            // Without a body the connection can be kept, so the handler answers.
            if arrival.hasBody { refuse(arrival, refusal, route) } else { arrival.admit(bodyLimit: 0) }
            return
        }
        switch route {
        case .webhook: screenWebhook(arrival)
        case .reload where isReloadEnabled: authorize(arrival, bodyLimit: Self.smallBody)
        case .reload, .health, .healthy, .ready, .metrics, nil: arrival.admit(bodyLimit: Self.smallBody)
        }
    }

    /// Bodies that nothing here reads.
    private static let smallBody = 4096

    /// Counts the connection for the client that a trusted proxy names, whose share of the connections it then uses.
    private func attribute(_ arrival: IncomingRequest) -> Bool {
        guard admission.isTrustedProxy(arrival.remoteAddress) else { return true }
        guard let client = admission.client(of: arrival).address, !arrival.attribute(to: client.description) else {
            return true
        }
        let answer = HTTPResponse.unavailable("too many requests of this address at once")
        refuse(arrival, Denial(reason: HTTPServer.Closing.tooManyOfAddress.rawValue, answer: answer), nil)
        return false
    }

    /// What is wrong with the path or the method, nil where they lead somewhere.
    func misdirected(_ head: HTTPRequestHead, _ route: Route?) -> Denial? {
        guard let route else {
            let hint = head.method == .post ? "; did you mean \(Route.webhook.rawValue)?" : ""
            let path = String(head.path.prefix(100))
            return Denial(reason: "route", answer: .error(404, "no such route: \(path)\(hint)"))
        }
        guard !route.methods.contains(head.method) else { return nil }
        let message = "\(head.method.rawValue) is not allowed here; use \(route.allow)"
        return Denial(reason: "method", answer: .error(405, message, headers: [("Allow", route.allow)]))
    }

    private func screenWebhook(_ arrival: IncomingRequest) {
        guard !isDraining else {
            return refuse(
                arrival, Denial(reason: "draining", answer: .unavailable("the relay is shutting down")), .webhook)
        }
        let codings = arrival.headers("Content-Encoding")
        // Several fields are one list (RFC 9110 section 5.3), and of several codings none is undone here.
        guard codings.count <= 1, ContentCoding(field: codings.first) != nil else {
            let accepted = HTTPResponse.Header("Accept-Encoding", "gzip, deflate")
            let answer = HTTPResponse.error(415, "this Content-Encoding is not understood", headers: [accepted])
            return refuse(arrival, Denial(reason: "encoding", answer: answer), .webhook)
        }
        authorize(arrival, bodyLimit: bodyLimit)
    }

    private func authorize(_ arrival: IncomingRequest, bodyLimit: Int) {
        admission.admit(arrival) { [self] refusal in
            if let refusal { return refuse(arrival, refusal, Route(path: arrival.head.path)) }
            if admission.provesSenders { arrival.trust() }
            arrival.admit(bodyLimit: bodyLimit)
        }
    }

    // MARK: Refusals

    /// Answers what the server refuses by the rules of HTTP, or for want of time or memory.
    private func answer(to refusal: HTTPRefusal, from origin: HTTPServer.Origin) -> HTTPReply {
        // Of methods only CONNECT is refused here, which names no route.
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

    /// Tells of a connection that was ended without an answer.
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

    /// At most some lines a minute of one sender.
    func log(_ message: Logger.Message, of request: some RequestHead, _ metadata: @autoclosure () -> Logger.Metadata) {
        senders.warning(message, from: admission.client(of: request), metadata())
    }

    private static func metadata(_ refusal: Denial, _ head: HTTPRequestHead?) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["reason": "\(refusal.reason)", "status": "\(refusal.answer.status)"]
        if let head { metadata["request"] = "\(head.method.rawValue) \(head.path.prefix(100))" }
        return metadata
    }
}

/// The part of a request that decides whether its sender may post. It is complete before the body is read, so `RequestAuthorizer`
/// can refuse a request of which only this much has arrived.
@LoopActor
protocol RequestHead {
    /// The address of the peer without its port; empty for a Unix socket, or once the client is gone.
    var remoteAddress: String { get }
    /// The first value of a header field, nil if the request has none.
    func header(_ name: String) -> String?
    /// The values of all fields of a name, in the order of the request.
    func headers(_ name: String) -> [String]
}

extension HTTPExchange: RequestHead {}
extension IncomingRequest: RequestHead {}
extension HTTPServer.Origin: RequestHead {}
