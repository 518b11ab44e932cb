import Support

/// Parser for the chunked transfer coding (RFC 9112 section 7.1). It reads all bytes between the chunks' data.
///
/// Sizes consist of hexadecimal digits only and lines end in CRLF. Extensions and trailers are validated and dropped.
/// An endless size, extension or trailer is refused at its length limit.
struct HTTPChunks {
    enum Step: Equatable {
        /// All given bytes were consumed; the body is incomplete.
        case needsMore
        /// The next bytes, this many, are body data.
        case data(Int)
        /// The body is complete; the next bytes belong to another request.
        case end
    }

    private enum State {
        case sizeStart, size, sizeEnd
        case extensionStart, extensionName, extensionNameEnd
        case valueStart, valueToken, valueQuoted, valueEscape, valueEnd
        case sizeLineFeed
        case data, dataEnd, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, endLineFeed
        case done
    }

    private var state = State.sizeStart
    private var size = 0
    private var digits = 0
    /// Bytes of extensions and trailers so far.
    private var overhead = 0
    private var trailers = 0
    /// Body bytes announced by all complete size lines so far.
    private(set) var total = 0
    private let bodyLimit: Int
    private let overheadLimit: Int
    private let trailerLimit: Int

    /// - Parameters:
    ///   - bodyLimit: bytes of the body.
    ///   - overheadLimit: bytes of all extensions and trailers together.
    ///   - trailerLimit: number of trailer fields.
    init(bodyLimit: Int, overheadLimit: Int, trailerLimit: Int) {
        self.bodyLimit = bodyLimit
        self.overheadLimit = overheadLimit
        self.trailerLimit = trailerLimit
    }

    /// Parses until data begins, the body ends or the bytes are used up. After `.data` the caller must consume that
    /// many bytes before the next call.
    ///
    /// - Parameter index: the first byte to parse; set to the index after the last consumed byte.
    mutating func advance(
        over bytes: UnsafeBufferPointer<UInt8>, from index: inout Int
    ) throws(HTTPRefusal) -> Step {
        while index < bytes.count {
            try parse(bytes[index])
            index += 1
            if state == .data { return finishSizeLine() }
            if state == .done { return .end }
        }
        return state == .done ? .end : .needsMore
    }

    private mutating func finishSizeLine() -> Step {
        state = .dataEnd
        return .data(size)
    }

    private mutating func parse(_ byte: UInt8) throws(HTTPRefusal) {
        switch state {
        case .sizeStart, .size, .sizeEnd: try parseSize(byte)
        case .extensionStart, .extensionName, .extensionNameEnd, .valueStart, .valueToken, .valueQuoted, .valueEscape,
            .valueEnd:
            overhead += 1
            if overhead > overheadLimit { throw .malformed("the chunk extensions are too long") }
            try parseExtension(byte)
        case .sizeLineFeed:
            try expect(byte, .lineFeed)
            // Only now: the chunk's data begins after its size line.
            total += size
            (state, digits) = size > 0 ? (.data, 0) : (.trailerStart, 0)
        case .dataEnd:
            try expect(byte, .carriageReturn)
            state = .dataLineFeed
        case .dataLineFeed:
            try expect(byte, .lineFeed)
            (state, size) = (.sizeStart, 0)
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed:
            overhead += 1
            if overhead > overheadLimit { throw .malformed("the trailers are too long") }
            try parseTrailer(byte)
        case .endLineFeed:
            try expect(byte, .lineFeed)
            state = .done
        case .data, .done: break
        }
    }

    private func expect(_ byte: UInt8, _ expected: UInt8) throws(HTTPRefusal) {
        if byte != expected { throw .malformed("a chunk or its size does not end in CRLF (RFC 9112 section 7.1)") }
    }

    private mutating func parseSize(_ byte: UInt8) throws(HTTPRefusal) {
        if state != .sizeEnd, byte.isHexDigit {
            digits += 1
            // 15 digits fit an Int. Longer sizes have leading zeros or exceed every limit.
            guard digits <= 15 else { throw .malformed("a chunk's size has too many digits") }
            size = size << 4 | (byte.isDigit ? Int(byte & 0x0F) : Int(byte & 0x0F) + 9)
            state = .size
            return
        }
        guard state != .sizeStart else {
            throw .malformed("a chunk's size is not a hexadecimal number (RFC 9112 section 7.1)")
        }
        switch byte {
        case .carriageReturn where state == .size: try endSizeLine()
        case UInt8(ascii: ";"): state = .extensionStart
        case _ where byte.isBlank && overhead < overheadLimit:
            overhead += 1
            state = .sizeEnd
        default: throw .malformed("a chunk's size is not a hexadecimal number (RFC 9112 section 7.1)")
        }
    }

    private mutating func endSizeLine() throws(HTTPRefusal) {
        guard size <= bodyLimit - total else { throw .bodyAbove(bodyLimit) }
        state = .sizeLineFeed
    }

    /// RFC 9112 section 7.1.1: `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`.
    private mutating func parseExtension(_ byte: UInt8) throws(HTTPRefusal) {
        switch (state, byte) {
        case (.extensionStart, _) where byte.isBlank: break
        case (.extensionStart, _) where byte.isToken: state = .extensionName
        case (.extensionName, _) where byte.isToken: break
        case (.extensionName, _) where byte.isBlank: state = .extensionNameEnd
        case (.extensionNameEnd, _) where byte.isBlank: break
        case (.extensionName, UInt8(ascii: "=")), (.extensionNameEnd, UInt8(ascii: "=")): state = .valueStart
        case (.valueStart, _) where byte.isBlank: break
        case (.valueStart, UInt8(ascii: "\"")): state = .valueQuoted
        case (.valueStart, _) where byte.isToken: state = .valueToken
        case (.valueToken, _) where byte.isToken: break
        case (.valueQuoted, UInt8(ascii: "\"")): state = .valueEnd
        case (.valueQuoted, UInt8(ascii: "\\")): state = .valueEscape
        case (.valueQuoted, _) where byte.isFieldContent: break
        case (.valueEscape, _) where byte.isFieldContent: state = .valueQuoted
        case (.valueToken, _) where byte.isBlank, (.valueEnd, _) where byte.isBlank: state = .valueEnd
        case (.extensionName, UInt8(ascii: ";")), (.extensionNameEnd, UInt8(ascii: ";")),
            (.valueToken, UInt8(ascii: ";")), (.valueEnd, UInt8(ascii: ";")):
            state = .extensionStart
        case (.extensionName, .carriageReturn), (.valueToken, .carriageReturn), (.valueEnd, .carriageReturn):
            try endSizeLine()
        default: throw .malformed("a chunk extension is malformed (RFC 9112 section 7.1.1)")
        }
    }

    private mutating func parseTrailer(_ byte: UInt8) throws(HTTPRefusal) {
        switch (state, byte) {
        case (.trailerStart, .carriageReturn): state = .endLineFeed
        case (.trailerStart, _) where byte.isToken:
            trailers += 1
            if trailers > trailerLimit { throw .malformed("too many trailer fields") }
            state = .trailerName
        case (.trailerName, _) where byte.isToken: break
        case (.trailerName, UInt8(ascii: ":")): state = .trailerValue
        case (.trailerValue, .carriageReturn): state = .trailerLineFeed
        case (.trailerValue, _) where byte.isFieldContent: break
        case (.trailerLineFeed, .lineFeed): state = .trailerStart
        default: throw .malformed("a trailer field is malformed (RFC 9112 section 7.1.2)")
        }
    }
}
