/// The known methods; any other is answered 501 (RFC 9110 section 9.1).
public enum HTTPMethod: String, Sendable, CaseIterable {
    case get = "GET"
    case post = "POST"
    case head = "HEAD"
    case put = "PUT"
    case delete = "DELETE"
    case options = "OPTIONS"
    case trace = "TRACE"
    case connect = "CONNECT"
    case patch = "PATCH"

    /// Whether evhttp reads a body for this method; otherwise it would parse the body as the next request.
    var mayHaveBody: Bool { self != .head && self != .trace && self != .connect }
}

/// The request line, as routing needs it. Header fields are read from the arrival or the exchange.
public struct HTTPRequestHead: Sendable, Equatable {
    public var method: HTTPMethod
    /// The path as sent, still percent-encoded. Of an absolute URI only its path.
    public var path: String
    /// The query without its `?`; nil if there is none.
    public var query: String?
}

extension HTTPRequestHead {
    init(_ head: HTTPHead, _ bytes: [UInt8]) {
        let target = bytes[head.target]
        let end = target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        method = head.method
        path = end == target.startIndex ? "/" : String(decoding: target[..<end], as: UTF8.self)
        query = end == target.endIndex ? nil : String(decoding: target[(end + 1)...], as: UTF8.self)
    }
}
