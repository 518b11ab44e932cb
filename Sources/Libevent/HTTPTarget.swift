import CLibevent
import Glibc

/// Validation of a request's target and host (RFC 3986 and RFC 9112 section 3.2).
enum HTTPTarget {
    /// Validates a request's target.
    ///
    /// - Returns: the range of its path and query; empty for an absolute URI without a path.
    /// - Throws: a refusal if the target has none of the forms of RFC 9112 section 3.2.
    static func pathAndQuery(
        of bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ method: HTTPMethod
    ) throws(HTTPRefusal) -> Range<Int> {
        var path = range
        let target = UnsafeBufferPointer(rebasing: bytes[range])
        if target.count == 1, target[0] == UInt8(ascii: "*") {
            guard method == .options else { throw .malformed("the target * is for OPTIONS alone") }
            return range
        }
        if target.first != UInt8(ascii: "/") {
            guard let length = schemeLength(of: target) else {
                throw .malformed("the target is neither a path nor an http URI (RFC 9112 section 3.2)")
            }
            let start = range.lowerBound + length
            let end = (start..<range.upperBound).first {
                bytes[$0] == UInt8(ascii: "/") || bytes[$0] == UInt8(ascii: "?")
            }
            path = (end ?? range.upperBound)..<range.upperBound
            let authority = UnsafeBufferPointer(rebasing: bytes[start..<path.lowerBound])
            // RFC 9110 section 4.2.1: an http URI has a host.
            guard let first = authority.first, first != UInt8(ascii: ":"), isAuthority(authority) else {
                throw .malformed("the target's host is not a host and port")
            }
        }
        guard isMadeOf(bytes, path, { $0.isPathOrQuery }) else {
            throw .malformed("the target holds a character that must be percent-encoded (RFC 3986 section 3.3)")
        }
        return path
    }

    private static func schemeLength(of target: UnsafeBufferPointer<UInt8>) -> Int? {
        if UnsafeBufferPointer(rebasing: target.prefix(7)).matches("http://") { return 7 }
        return UnsafeBufferPointer(rebasing: target.prefix(8)).matches("https://") ? 8 : nil
    }

    /// Whether the bytes are a host with an optional port (RFC 3986 sections 3.2.2 and 3.2.3). The host may be empty.
    static func isAuthority(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var hostEnd = bytes.count
        if bytes.first == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")), close > 1 else { return false }
            guard isLiteral(UnsafeBufferPointer(rebasing: bytes[1..<close])) else { return false }
            hostEnd = close + 1
            guard hostEnd == bytes.count || bytes[hostEnd] == UInt8(ascii: ":") else { return false }
        } else {
            hostEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
            guard isMadeOf(bytes, 0..<hostEnd, { $0.isUnreserved || $0.isSubDelimiter }) else { return false }
        }
        guard hostEnd < bytes.count else { return true }
        let port = bytes[(hostEnd + 1)...]
        guard port.count <= 5, port.allSatisfy(\.isDigit) else { return false }
        return port.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) } <= 65535
    }

    /// Whether the bytes are valid between brackets: an IPv6 address or an IPvFuture (RFC 3986 section 3.2.2).
    private static func isLiteral(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        if bytes.first.map({ $0 | 0x20 }) == UInt8(ascii: "v") {
            guard let dot = bytes.firstIndex(of: UInt8(ascii: ".")), dot > 1, dot + 1 < bytes.count else {
                return false
            }
            return bytes[1..<dot].allSatisfy(\.isHexDigit)
                && bytes[(dot + 1)...].allSatisfy { $0.isUnreserved || $0.isSubDelimiter || $0 == UInt8(ascii: ":") }
        }
        var address = in6_addr()
        // Check the characters first: inet_pton stops at a NUL.
        return bytes.count <= 45
            && bytes.allSatisfy { $0.isHexDigit || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }
            && inet_pton(AF_INET6, String(decoding: bytes, as: UTF8.self), &address) == 1
    }

    /// Whether each byte is allowed or percent-encoded.
    private static func isMadeOf(
        _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ isAllowed: (UInt8) -> Bool
    ) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            if bytes[index] == UInt8(ascii: "%") {
                guard index + 2 < range.upperBound, bytes[index + 1].isHexDigit, bytes[index + 2].isHexDigit else {
                    return false
                }
                index += 3
            } else {
                guard isAllowed(bytes[index]) else { return false }
                index += 1
            }
        }
        return true
    }
}

extension UInt8 {
    /// RFC 3986 section 2.3.
    fileprivate var isUnreserved: Bool {
        isLetter || isDigit || self == UInt8(ascii: "-") || self == UInt8(ascii: ".") || self == UInt8(ascii: "_")
            || self == UInt8(ascii: "~")
    }

    /// RFC 3986 section 2.2.
    fileprivate var isSubDelimiter: Bool {
        switch self {
        case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("),
            UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"),
            UInt8(ascii: "="):
            true
        default: false
        }
    }

    /// RFC 3986 sections 3.3 and 3.4.
    fileprivate var isPathOrQuery: Bool {
        isUnreserved || isSubDelimiter || self == UInt8(ascii: "/") || self == UInt8(ascii: "?")
            || self == UInt8(ascii: ":") || self == UInt8(ascii: "@")
    }
}
