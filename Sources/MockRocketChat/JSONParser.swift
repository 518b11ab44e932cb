/// The position and the reason of a JSON syntax error.
struct JSONError: Error, Equatable {
    var offset: Int
    var reason: String
}

/// A strict JSON parser (RFC 8259) for one document, with white space around it.
///
/// Like Node.js it replaces invalid UTF-8 and lone surrogates in strings by U+FFFD.
struct JSONParser {
    private let bytes: ArraySlice<UInt8>
    private var position: Int
    /// Deeper documents are refused, so that a hostile body cannot exhaust the stack.
    static let depthLimit = 200

    static func parse(_ bytes: some Collection<UInt8>) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes: ArraySlice(bytes))
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        if let byte = parser.peek() { throw parser.unexpected(byte) }
        return value
    }

    private init(bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        if depth > Self.depthLimit { throw error("too deep") }
        skipSpace()
        switch peek() {
        case nil: throw error("unexpected end")
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        var members: [JSONValue.Member] = []
        try expect("{")
        skipSpace()
        if consume("}") { return .object(members) }
        repeat {
            skipSpace()
            let name = try string()
            skipSpace()
            try expect(":")
            members.append(.init(name: name, value: try value(depth: depth + 1)))
            skipSpace()
        } while consume(",")
        try expect("}")
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        try expect("[")
        skipSpace()
        if consume("]") { return .array(elements) }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipSpace()
        } while consume(",")
        try expect("]")
        return .array(elements)
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for byte in word.utf8 {
            guard peek() == byte else { throw error("expected \(word)") }
            position += 1
        }
        return value
    }

    // MARK: Numbers

    private mutating func number() throws(JSONError) -> String {
        let start = position
        _ = consume("-")
        if !consume("0") { try digits() }
        if consume(".") { try digits() }
        if consume("e") || consume("E") {
            _ = consume("+") || consume("-")
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while let byte = peek(), (0x30...0x39).contains(byte) { position += 1 }
        guard position > start else { throw peek().map(unexpected) ?? error("unexpected end") }
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        try expect("\"")
        var decoded: [UInt8] = []
        var start = position
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                decoded += bytes[start..<position]
                position += 1
                return String(decoding: decoded, as: UTF8.self)
            case UInt8(ascii: "\\"):
                decoded += bytes[start..<position]
                position += 1
                decoded += try escape()
                start = position
            case 0..<0x20: throw error("control character in a string")
            default: position += 1
            }
        }
        throw error("unexpected end")
    }

    private mutating func escape() throws(JSONError) -> [UInt8] {
        guard let byte = peek() else { throw error("unexpected end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(try escapedScalar()).utf8)
        default:
            position -= 1
            throw error("unknown escape")
        }
    }

    /// One scalar, or U+FFFD for a lone surrogate.
    private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
        let unit = try hexadecimal()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        let afterFirst = position
        guard UTF16.isLeadSurrogate(unit), consume("\\"), consume("u") else {
            position = afterFirst
            return "\u{FFFD}"
        }
        let second = try hexadecimal()
        guard UTF16.isTrailSurrogate(second) else {
            position = afterFirst
            return "\u{FFFD}"
        }
        let pair = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        return Unicode.Scalar(pair) ?? "\u{FFFD}"
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw error("expected four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    // MARK: Bytes

    private func peek() -> UInt8? {
        position < bytes.endIndex ? bytes[position] : nil
    }

    private mutating func consume(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(JSONError) {
        guard !consume(character) else { return }
        throw peek().map(unexpected) ?? error("unexpected end")
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func unexpected(_ byte: UInt8) -> JSONError {
        error("unexpected \(byte.isPrintable ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)")")
    }

    private func error(_ reason: String) -> JSONError {
        JSONError(offset: position - bytes.startIndex, reason: reason)
    }
}

extension UInt8 {
    fileprivate var isPrintable: Bool { (0x20..<0x7F).contains(self) }
}
