import Support

/// The methods that are known; anything else is answered 501 (RFC 9110 section 9.1).
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

    /// Whether a request of it may have a body that evhttp reads; that of another would be taken for the next request.
    var mayHaveBody: Bool { self != .head && self != .trace && self != .connect }
}

/// What routing needs of a request; the other header fields are read from the exchange while it awaits its reply.
public struct HTTPRequestHead: Sendable, Equatable {
    public var method: HTTPMethod
    /// The path as sent, percent-encoding and all. Of an absolute URI only its path.
    public var path: String
    /// What follows `?`, without it; nil where there is none.
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
