/// Why the server itself answers a request and closes its connection.
///
/// The explanation is sent to the client. It names the rule and contains no data from the request.
public struct HTTPRefusal: Error, Equatable, Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        /// The request breaks a rule of RFC 9110 or 9112.
        case malformed
        /// The body is larger than the limit.
        case tooLarge
        /// The method is unknown or not supported.
        case method
        /// `Expect` asks for something other than 100-continue.
        case expectation
        /// The request was not complete in time.
        case timeout
        /// The memory budget is exhausted.
        case memory
    }

    public var kind: Kind
    public var status: Int
    public var explanation: String

    public init(_ kind: Kind, status: Int, _ explanation: String) {
        self.kind = kind
        self.status = status
        self.explanation = explanation
    }

    static func malformed(_ explanation: String) -> HTTPRefusal {
        HTTPRefusal(.malformed, status: 400, explanation)
    }

    static func bodyAbove(_ limit: Int) -> HTTPRefusal {
        HTTPRefusal(.tooLarge, status: 413, "the body is larger than \(limit) bytes")
    }

    static let tooSlow = HTTPRefusal(.timeout, status: 408, "the request was not complete in time")
    static let outOfMemory = HTTPRefusal(
        .memory, status: 503, "the memory for request bodies is in use; send the request again")
}

/// A complete response from the server itself. `headers` must not contain Content-Length or Connection.
public struct HTTPReply: Sendable {
    public var status: Int
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]

    public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    init(_ refusal: HTTPRefusal) {
        let type = (name: "Content-Type", value: "text/plain; charset=utf-8")
        self.init(status: refusal.status, headers: [type], body: Array(refusal.explanation.utf8))
    }

    /// The serialized response; the connection is closed after it.
    ///
    /// - Parameter toHEAD: whether to omit the body (RFC 9110 section 9.3.2).
    func bytes(toHEAD: Bool) -> [UInt8] {
        var head = HTTPReplyHead()
        return head.make(status: status, headers, length: body.count, .close) + (toHEAD ? [] : body)
    }
}
