/// A strict parser for JSON responses (RFC 8259) with a depth limit.
///
/// The classification of posts depends on it, so it accepts complete documents only. The parser of webhook bodies is
/// specific to Alertmanager's fields. `JSONDecoder` rejects a whole response for one lone surrogate in a field that is read
/// (docs/decisions/0031).
package enum ResponseJSON: Equatable {
    case object([String: ResponseJSON])
    case array([ResponseJSON])
    case string(String)
    case number
    case bool(Bool)
    case null

    /// Parses a document; returns nil if the bytes are not exactly one. Ignores a byte order mark (RFC 8259 section 8.1).
    ///
    /// - Parameter names: the fields to keep, at most 1000 values in all. Others are validated only: a returned message
    ///   with its parsed text is a hundred times as large as these fields.
    package init?(_ bytes: [UInt8], keeping names: Set<String>? = nil) {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        var reader = Reader(rest: bytes.starts(with: mark) ? bytes.dropFirst(mark.count) : bytes[...], names: names)
        guard let value = try? reader.document() else { return nil }
        self = value
    }

    package subscript(key: String) -> ResponseJSON? {
        if case .object(let fields) = self { fields[key] } else { nil }
    }

    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }
}

private struct Malformed: Error {}

private struct Reader {
    /// A returned message holds its parsed text, which nests about 20 levels deep.
    private static let maximumDepth = 64

    var rest: ArraySlice<UInt8>
    let names: Set<String>?
    private var depth = 0
    private var isDiscarding = false
    private var kept = 0

    init(rest: ArraySlice<UInt8>, names: Set<String>?) {
        self.rest = rest
        self.names = names
    }

    mutating func document() throws(Malformed) -> ResponseJSON {
        let value = try value()
        skipBlanks()
        guard rest.isEmpty else { throw Malformed() }
        return value
    }

    private mutating func value() throws(Malformed) -> ResponseJSON {
        skipBlanks()
        switch rest.first {
        case UInt8(ascii: "{"): return try nested { reader throws(Malformed) in try reader.object() }
        case UInt8(ascii: "["): return try nested { reader throws(Malformed) in try reader.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return try number()
        }
    }

    private mutating func nested(
        _ read: (inout Reader) throws(Malformed) -> ResponseJSON
    ) throws(Malformed) -> ResponseJSON {
        guard depth < Self.maximumDepth else { throw Malformed() }
        depth += 1
        rest.removeFirst()
        let value = try read(&self)
        depth -= 1
        return value
    }

    private mutating func object() throws(Malformed) -> ResponseJSON {
        var fields: [String: ResponseJSON] = [:]
        if skip("}") { return .object(fields) }
        repeat {
            skipBlanks()
            let key = try string()
            guard skip(":") else { throw Malformed() }
            let outer = isDiscarding
            isDiscarding = outer || names?.contains(key) == false
            let value = try value()
            if keeps() { fields[key] = value }
            isDiscarding = outer
        } while skip(",")
        guard skip("}") else { throw Malformed() }
        return .object(fields)
    }

    private mutating func array() throws(Malformed) -> ResponseJSON {
        var items: [ResponseJSON] = []
        if skip("]") { return .array(items) }
        repeat {
            let value = try value()
            if keeps() { items.append(value) }
        } while skip(",")
        guard skip("]") else { throw Malformed() }
        return .array(items)
    }

    private mutating func keeps() -> Bool {
        if names == nil { return true }
        guard !isDiscarding, kept < 1000 else { return false }
        kept += 1
        return true
    }

    private mutating func literal(_ word: StaticString, _ value: ResponseJSON) throws(Malformed) -> ResponseJSON {
        let bytes = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard rest.starts(with: bytes) else { throw Malformed() }
        rest.removeFirst(bytes.count)
        return value
    }

    private mutating func number() throws(Malformed) -> ResponseJSON {
        _ = consume("-")
        if !consume("0") { try digits() }
        if consume(".") { try digits() }
        if consume("e") || consume("E") {
            if !consume("+") { _ = consume("-") }
            try digits()
        }
        return .number
    }

    private mutating func digits() throws(Malformed) {
        let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
        guard count > 0 else { throw Malformed() }
        rest.removeFirst(count)
    }

    private mutating func string() throws(Malformed) -> String {
        guard consume("\"") else { throw Malformed() }
        var units: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: units, as: UTF8.self) else { throw Malformed() }
                return text
            case UInt8(ascii: "\\"): units += Array(String(try escape()).utf8)
            case ..<0x20: throw Malformed()
            default: units.append(byte)
            }
        }
        throw Malformed()
    }

    private mutating func escape() throws(Malformed) -> Unicode.Scalar {
        switch rest.popFirst() {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw Malformed()
        }
    }

    /// Reads the digits after `\u`. An unpaired surrogate, which JavaScript can write, becomes U+FFFD.
    private mutating func unicodeEscape() throws(Malformed) -> Unicode.Scalar {
        let first = try hexUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard UTF16.isLeadSurrogate(first), rest.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else {
            return "\u{FFFD}"
        }
        let beforeSecond = rest
        rest.removeFirst(2)
        let second = try hexUnit()
        guard UTF16.isTrailSurrogate(second) else {
            rest = beforeSecond
            return "\u{FFFD}"
        }
        let offset = UInt32(first - 0xD800) << 10 + UInt32(second - 0xDC00)
        return Unicode.Scalar(0x10000 + offset) ?? "\u{FFFD}"
    }

    private mutating func hexUnit() throws(Malformed) -> UInt16 {
        let digits = rest.prefix(4)
        let isHex = digits.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
        guard digits.count == 4, isHex, let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16) else {
            throw Malformed()
        }
        rest.removeFirst(4)
        return unit
    }

    private mutating func consume(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    /// Consumes blanks and a punctuation mark; returns false if another character follows the blanks.
    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipBlanks()
        return consume(character)
    }

    private mutating func skipBlanks() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    }
}
