/// Parses matchers with quoted UTF-8 label names, the syntax of Alertmanager >= 0.27: `"host.name"=~"a|b"`.
///
/// Names and values are quoted as in Go. An unquoted value must not contain white space, `{}!=~,\"'` or a backquote. An
/// unquoted name must be valid in the classic syntax; later versions of Alertmanager accept more.
struct UTF8MatcherParser {
    /// Whether the text has a quoted name, which the classic syntax does not allow.
    private(set) var hasQuotedName = false
    private var rest: Substring.UnicodeScalarView

    init(_ text: String) {
        rest = text[...].unicodeScalars
    }

    /// Parses the whole text. Fails if it is invalid.
    mutating func parse() throws(LabelMatcher.Invalid) -> [LabelMatcher] {
        skipSpace()
        let isBraced = consume("{")
        var matchers: [LabelMatcher] = []
        while !isAtEnd(isBraced) {
            matchers.append(try matcher())
            skipSpace()
            if !consume(",") { break }
        }
        skipSpace()
        if isBraced, !consume("}") { throw invalid("there is a { without its }") }
        skipSpace()
        guard rest.isEmpty else { throw invalid("a comma or the end must follow a matcher") }
        return matchers
    }

    private mutating func matcher() throws(LabelMatcher.Invalid) -> LabelMatcher {
        skipSpace()
        let isQuoted = rest.first == "\""
        hasQuotedName = hasQuotedName || isQuoted
        let name = try token("a matcher begins with the name of a label, as in \"host.name\"=\"a\"")
        guard !name.isEmpty else { throw invalid("the name of a label is empty") }
        guard isQuoted || LabelMatcher.isLabelName(name) else { throw invalid("the name \(name) needs quotes") }
        skipSpace()
        guard let operation = ["=~", "!~", "!=", "="].first(where: { rest.starts(with: $0.unicodeScalars) }) else {
            throw invalid("=, !=, =~ or !~ must follow the label \(name)")
        }
        rest.removeFirst(operation.unicodeScalars.count)
        skipSpace()
        let value = try token("a value must follow \(name)\(operation), in quotes if it is empty")
        return LabelMatcher(name: name, condition: try LabelMatcher.condition(operation, value))
    }

    /// Parses a quoted or unquoted word. Fails with the text `missing` if there is none.
    private mutating func token(_ missing: String) throws(LabelMatcher.Invalid) -> String {
        if rest.first == "\"" { return try quoted() }
        let word = rest.prefix { !Self.isReserved($0) }
        guard !word.isEmpty else { throw invalid(missing) }
        rest = rest[word.endIndex...]
        return String(word)
    }

    private mutating func quoted() throws(LabelMatcher.Invalid) -> String {
        rest.removeFirst()
        var bytes: [UInt8] = []
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"":
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    throw invalid("the escapes of a quoted text are not UTF-8")
                }
                return text
            case "\\": try escape(into: &bytes)
            case "\n": throw invalid("a line break in quotes must be written \\n")
            default: bytes += Array(String(scalar).utf8)
            }
        }
        throw invalid("a closing \" is missing")
    }

    /// Parses an escape sequence after its backslash (go.dev/ref/spec, "String literals").
    private mutating func escape(into bytes: inout [UInt8]) throws(LabelMatcher.Invalid) {
        guard let scalar = rest.popFirst() else { throw invalid("a closing \" is missing") }
        switch scalar {
        case "a": bytes.append(0x07)
        case "b": bytes.append(0x08)
        case "f": bytes.append(0x0C)
        case "n": bytes.append(0x0A)
        case "r": bytes.append(0x0D)
        case "t": bytes.append(0x09)
        case "v": bytes.append(0x0B)
        case "\\", "\"": bytes.append(UInt8(ascii: scalar))
        case "x": bytes.append(try byte(number(of: 2, radix: 16)))
        case "0"..."7":
            let first = UInt32(scalar.value - 0x30) << 6
            bytes.append(try byte(first + number(of: 2, radix: 8)))
        case "u", "U":
            guard let scalar = Unicode.Scalar(try number(of: scalar == "u" ? 4 : 8, radix: 16)) else {
                throw invalid("an escape is no character of Unicode")
            }
            bytes += Array(String(scalar).utf8)
        default: throw invalid("\\\(scalar) is no escape; a backslash is written \\\\")
        }
    }

    private func byte(_ number: UInt32) throws(LabelMatcher.Invalid) -> UInt8 {
        guard let byte = UInt8(exactly: number) else { throw invalid("an octal escape is above \\377") }
        return byte
    }

    private mutating func number(of digits: Int, radix: Int) throws(LabelMatcher.Invalid) -> UInt32 {
        let text = rest.prefix(digits)
        guard text.count == digits, text.allSatisfy({ $0.properties.isASCIIHexDigit }),
            let number = UInt32(String(text), radix: radix)
        else { throw invalid("an escape has too few digits") }
        rest = rest.dropFirst(digits)
        return number
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0.properties.isWhitespace }
    }

    private mutating func consume(_ wanted: Unicode.Scalar) -> Bool {
        guard rest.first == wanted else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func isAtEnd(_ isBraced: Bool) -> Bool {
        skipSpace()
        return rest.isEmpty || isBraced && rest.first == "}"
    }

    private static func isReserved(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "{", "}", "!", "=", "~", ",", "\\", "\"", "'", "`": true
        default: scalar.properties.isWhitespace
        }
    }

    private func invalid(_ what: String) -> LabelMatcher.Invalid {
        LabelMatcher.Invalid(description: what)
    }
}
