package import Posting
import Support

/// Where Alertmanager's API is, and how to call it.
package struct AlertmanagerSettings: Sendable, Equatable {
    /// Base URLs without a slash at the end. Several are the members of one cluster; the first that answers is used.
    package var addresses: [String]
    package var login: CurlRequest.Login
    /// The time limit of one request.
    package var timeout: Duration
    package var caFile: String?
    package var clientCertificate: ClientCertificate?
    package var userAgent: String

    package init(
        addresses: [String], login: CurlRequest.Login = .none, timeout: Duration = .seconds(4), caFile: String? = nil,
        clientCertificate: ClientCertificate? = nil, userAgent: String = "relay"
    ) {
        self.addresses = addresses
        self.login = login
        self.timeout = timeout
        self.caFile = caFile
        self.clientCertificate = clientCertificate
        self.userAgent = userAgent
    }
}

/// Why a call of Alertmanager's API failed.
package enum AlertmanagerFailure: Error, Sendable, Equatable {
    /// None of the addresses has an answer; the text is libcurl's reason.
    case unreachable(String)
    case certificate(String)
    /// The time for the request, or for the whole command, is over.
    case timeout
    /// The request was sent and its answer is unknown, so it may have had an effect.
    case unknownResult(String)
    /// Another status than 2xx, with the error that Alertmanager states.
    case status(Int, String)
    /// The response is larger than the limit.
    case tooLarge
    /// The response is not what the API documents.
    case malformed

    /// The value of the metric's label `reason`.
    package var reason: String {
        switch self {
        case .unreachable: "network"
        case .certificate: "certificate"
        case .timeout: "timeout"
        case .unknownResult: "unknownResult"
        case .status(401, _), .status(403, _): "authError"
        case .status(let status, _): status >= 500 ? "serverError" : "clientError"
        case .tooLarge: "tooLarge"
        case .malformed: "badResponse"
        }
    }

    /// For the log.
    package var detail: String {
        switch self {
        case .unreachable(let text), .certificate(let text), .unknownResult(let text): text
        case .timeout: "no answer in time"
        case .status(let status, let text): text.isEmpty ? "status \(status)" : "status \(status): \(text)"
        case .tooLarge: "the response is over \(AlertmanagerClient.bodyLimit) bytes"
        case .malformed: "the response is not the JSON of API v2"
        }
    }
}

/// Calls Alertmanager's API v2 for one command. Blocks, so it must not be used on the loop.
struct AlertmanagerClient {
    static let bodyLimit = 32 << 20

    private let settings: AlertmanagerSettings
    private let deadline: ContinuousClock.Instant
    private let abort: DeliveryAbort
    /// The address that answered the command's previous request.
    private var answering = 0

    /// - Parameter deadline: when the whole command must have ended.
    init(_ settings: AlertmanagerSettings, until deadline: ContinuousClock.Instant, abort: DeliveryAbort) {
        self.settings = settings
        self.deadline = deadline
        self.abort = abort
    }

    /// Returns the body of a successful response.
    ///
    /// Tries the addresses in order. A change is not repeated at another address once it was sent: the members of a
    /// cluster share silences, so there would be two.
    mutating func call(_ method: CurlRequest.Method, _ path: String) throws(AlertmanagerFailure) -> [UInt8] {
        var failure = AlertmanagerFailure.timeout
        for offset in settings.addresses.indices {
            let index = (answering + offset) % settings.addresses.count
            guard let limits = limits else { throw failure }
            let request = CurlRequest(method, settings.addresses[index] + "/api/v2/" + path, login: settings.login)
            do throws(AlertmanagerFailure) {
                let body = try Self.body(of: request.perform(limits, abort: abort), isChange: method != .get)
                answering = index
                return body
            } catch {
                failure = error
                guard error.allowsAnother(isChange: method != .get) else { throw error }
            }
        }
        throw failure
    }

    /// Nil if the command's time is over.
    private var limits: DelivererSettings? {
        let remaining = deadline - .now
        guard remaining > .milliseconds(50) else { return nil }
        let timeout = min(settings.timeout, remaining)
        return DelivererSettings(
            userAgent: settings.userAgent, connectTimeout: timeout / 2, timeout: timeout, bodyLimit: Self.bodyLimit,
            // Alertmanager is reached directly: a proxy for Rocket.Chat would get its credentials.
            noProxy: "*", caFile: settings.caFile, clientCertificate: settings.clientCertificate)
    }

    private static func body(
        of result: DeliveryResult, isChange: Bool
    ) throws(AlertmanagerFailure) -> [UInt8] {
        switch result {
        case .success(let response):
            guard (200..<300).contains(response.status) else {
                throw .status(response.status, AlertmanagerJSON.error(in: response.body))
            }
            guard !response.isBodyCut else { throw .tooLarge }
            return response.body
        case .failure(let failure):
            if isChange, failure.sentRequest { throw .unknownResult(failure.message) }
            switch failure.kind {
            case .timeout: throw .timeout
            case .certificate: throw .certificate(failure.message)
            default: throw .unreachable(failure.message)
            }
        }
    }
}

extension AlertmanagerFailure {
    /// Whether another address may be asked.
    fileprivate func allowsAnother(isChange: Bool) -> Bool {
        switch self {
        case .unreachable, .certificate, .timeout: true
        case .status(503, _): true
        case .status(let status, _): !isChange && status >= 500
        case .unknownResult, .tooLarge, .malformed: false
        }
    }
}
