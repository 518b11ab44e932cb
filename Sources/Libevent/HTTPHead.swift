import Glibc

/// The head of one request, validated against RFC 9110 and RFC 9112 before any other component sees its bytes.
///
/// Parsers that disagree on the end of a message allow request smuggling. Ambiguous heads are therefore refused: lines
/// end in CRLF, nothing is folded, no byte is NUL, and the body's length is given at most once and in one way.
struct HTTPHead: Equatable {
    enum Body: Equatable {
        case none
        case length(Int)
        case chunked
    }

    var method: HTTPMethod
    /// The range of the path and query in the head's bytes; of an absolute URI the part after its authority.
    var target: Range<Int>
    var isHTTP10: Bool
    var body = Body.none
    var expectsContinue = false
    /// Whether the connection is persistent.
    var keepsAlive = true

    /// Returns the end of the head, the index after its empty line; nil if the head is incomplete.
    ///
    /// - Parameter line: the start of the first incomplete line of the last call; 0 at first.
    /// - Throws: a refusal if a line ends in a bare LF.
    static func end(in bytes: UnsafeBufferPointer<UInt8>, line: inout Int) throws(HTTPRefusal) -> Int? {
        while let index = bytes.index(of: .lineFeed, from: line) {
            guard index > line, bytes[index - 1] == .carriageReturn else {
                throw .malformed("a line ends in a bare LF (RFC 9112 section 2.2)")
            }
            let isEmpty = index == line + 1
            line = index + 1
            if isEmpty { return line }
        }
        return nil
    }

    /// Parses a head from its first byte to the end of its empty line.
    init(parsing bytes: UnsafeBufferPointer<UInt8>, fieldLimit: Int) throws(HTTPRefusal) {
        var lines = Lines(bytes: bytes)
        let first = try lines.next() ?? 0..<0
        // The next space may be in a later line: then this line has none.
        let methodEnd = min(bytes.index(of: .space, from: 0) ?? first.upperBound, first.upperBound)
        method = try Self.method(bytes, first.lowerBound..<methodEnd)
        let targetStart = min(methodEnd + 1, first.upperBound)
        let targetEnd = min(bytes.index(of: .space, from: targetStart) ?? first.upperBound, first.upperBound)
        isHTTP10 = try Self.isHTTP10(bytes, min(targetEnd + 1, first.upperBound)..<first.upperBound)
        target = try HTTPTarget.pathAndQuery(of: bytes, targetStart..<targetEnd, method)
        keepsAlive = !isHTTP10
        var fields = FramingFields()
        var count = 0
        while let line = try lines.next() {
            count += 1
            if count > fieldLimit { throw .malformed("too many header fields") }
            try fields.add(try HTTPField(bytes, line), in: bytes)
        }
        try conclude(fields)
    }

    private mutating func conclude(_ fields: FramingFields) throws(HTTPRefusal) {
        if fields.hosts == 0 && !isHTTP10 { throw .malformed("HTTP/1.1 needs a Host field (RFC 9112 section 3.2)") }
        if fields.isChunked {
            if fields.length != nil { throw .malformed("Content-Length and Transfer-Encoding are both given") }
            if isHTTP10 { throw .malformed("HTTP/1.0 has no Transfer-Encoding (RFC 9112 section 6.1)") }
            body = .chunked
        } else if let length = fields.length, length > 0 {
            body = .length(length)
        }
        if body != .none && !method.mayHaveBody { throw .malformed("\(method.rawValue) has no body") }
        if fields.closes { keepsAlive = false } else if fields.keepsAlive { keepsAlive = true }
        // Expect is ignored in HTTP/1.0 (RFC 9110 section 10.1.1).
        if let expectation = fields.expectation, !isHTTP10 {
            guard expectation else {
                throw HTTPRefusal(.expectation, status: 417, "Expect is not \"100-continue\"")
            }
            expectsContinue = body != .none
        }
    }

    private static func method(
        _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
    ) throws(HTTPRefusal) -> HTTPMethod {
        guard !range.isEmpty, range.allSatisfy({ bytes[$0].isToken }) else {
            throw .malformed("the request line does not begin with a method (RFC 9112 section 3)")
        }
        let name = UnsafeBufferPointer(rebasing: bytes[range])
        guard name.count <= 7, let method = HTTPMethod(rawValue: String(decoding: name, as: UTF8.self)) else {
            throw HTTPRefusal(.method, status: 501, "this method is not known")
        }
        if method == .connect { throw HTTPRefusal(.method, status: 405, "CONNECT is not served") }
        return method
    }

    private static func isHTTP10(
        _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
    ) throws(HTTPRefusal) -> Bool {
        let version = UnsafeBufferPointer(rebasing: bytes[range])
        guard version.count == 8, version.starts(with: "HTTP/"), version[5].isDigit, version[6] == UInt8(ascii: "."),
            version[7].isDigit
        else { throw .malformed("the request line is not \"METHOD target HTTP/1.1\" (RFC 9112 section 3)") }
        switch version[5] {
        case UInt8(ascii: "1"): return version[7] == UInt8(ascii: "0")
        // HTTP/0.9 request lines have no version.
        case UInt8(ascii: "0"): throw .malformed("HTTP/0.9 is not served")
        default: throw HTTPRefusal(.malformed, status: 505, "only HTTP/1.1 and HTTP/1.0 are served")
        }
    }

    /// The lines of a head, up to the empty line.
    private struct Lines {
        let bytes: UnsafeBufferPointer<UInt8>
        var start = 0

        /// The next line without its CRLF; nil for the empty line, which must be the last.
        mutating func next() throws(HTTPRefusal) -> Range<Int>? {
            guard let end = bytes.index(of: .carriageReturn, from: start), end + 1 < bytes.count,
                bytes[end + 1] == .lineFeed, end > start || end + 2 == bytes.count
            else { throw .malformed("a line holds a bare CR (RFC 9112 section 2.2)") }
            if end == start { return nil }
            defer { start = end + 2 }
            return start..<end
        }
    }
}

/// One header field: the ranges of its name and of its value without surrounding white space.
struct HTTPField {
    let name: Range<Int>
    let value: Range<Int>

    /// - Throws: a refusal if the line is not a field line of RFC 9112 section 5.
    init(_ bytes: UnsafeBufferPointer<UInt8>, _ line: Range<Int>) throws(HTTPRefusal) {
        var index = line.lowerBound
        while index < line.upperBound, bytes[index].isToken { index += 1 }
        guard index > line.lowerBound, index < line.upperBound, bytes[index] == UInt8(ascii: ":") else {
            throw .malformed("a header field's name is not a token before a colon (RFC 9110 section 5.1)")
        }
        name = line.lowerBound..<index
        var (start, end) = (index + 1, line.upperBound)
        while start < end, bytes[start].isBlank { start += 1 }
        while end > start, bytes[end - 1].isBlank { end -= 1 }
        value = start..<end
        index = start
        while index < end {
            guard bytes[index].isFieldContent else {
                throw .malformed("a header field's value holds a control character (RFC 9110 section 5.5)")
            }
            index += 1
        }
    }
}

/// The header fields of one head that determine the message's framing.
private struct FramingFields {
    var hosts = 0
    var length: Int?
    var isChunked = false
    var closes = false
    var keepsAlive = false
    /// Whether `Expect` is 100-continue; nil if there is no such field.
    var expectation: Bool?

    mutating func add(_ field: HTTPField, in bytes: UnsafeBufferPointer<UInt8>) throws(HTTPRefusal) {
        let name = UnsafeBufferPointer(rebasing: bytes[field.name])
        let value = UnsafeBufferPointer(rebasing: bytes[field.value])
        switch name.count {
        case 4 where name.matches("host"):
            hosts += 1
            if hosts > 1 { throw .malformed("Host is given more than once") }
            guard HTTPTarget.isAuthority(value) else { throw .malformed("Host is not a host and port") }
        case 6 where name.matches("expect"):
            expectation = value.matches("100-continue") && expectation ?? true
        case 10 where name.matches("connection"):
            for option in value.split(separator: UInt8(ascii: ",")) {
                let option = UnsafeBufferPointer(rebasing: option).trimmingBlanks
                if option.matches("close") { closes = true }
                if option.matches("keep-alive") { keepsAlive = true }
            }
        case 14 where name.matches("content-length"):
            if length != nil { throw .malformed("Content-Length is given more than once") }
            // 18 digits fit an Int.
            guard !value.isEmpty, value.count <= 18, value.allSatisfy(\.isDigit) else {
                throw .malformed("Content-Length is not a plain number")
            }
            length = value.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        case 17 where name.matches("transfer-encoding"):
            guard !isChunked, value.matches("chunked") else {
                throw .malformed("Transfer-Encoding is not exactly \"chunked\"")
            }
            isChunked = true
        default: break
        }
    }
}

extension UInt8 {
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20

    var isDigit: Bool { self &- 0x30 < 10 }
    var isHexDigit: Bool { isDigit || (self | 0x20) &- 0x61 < 6 }
    var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
    var asciiLowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
    /// A space or a tab, which RFC 9110 calls OWS.
    var isBlank: Bool { self == 0x20 || self == 0x09 }
    /// Allowed in a field's value (RFC 9110 section 5.5): visible characters, blanks and obs-text.
    var isFieldContent: Bool { self >= 0x20 ? self != 0x7F : self == 0x09 }

    /// RFC 9110 section 5.6.2.
    var isToken: Bool {
        if isLetter || isDigit { return true }
        switch self {
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            return true
        default: return false
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether the bytes equal a lower-case ASCII word, ignoring case.
    func matches(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        for index in 0..<count {
            if self[index].asciiLowercased != word.utf8Start[index] { return false }
        }
        return true
    }

    /// Whether the bytes begin with this text, in the same case.
    func starts(with text: StaticString) -> Bool {
        guard let baseAddress, count >= text.utf8CodeUnitCount else { return false }
        return memcmp(baseAddress, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// The index of the first such byte at or after `start`; nil if there is none.
    func index(of byte: UInt8, from start: Int) -> Int? {
        guard start < count, let base = UnsafeRawPointer(baseAddress),
            let found = memchr(base + start, Int32(byte), count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    var trimmingBlanks: UnsafeBufferPointer<UInt8> {
        var (start, end) = (0, count)
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return UnsafeBufferPointer(rebasing: self[start..<end])
    }
}
