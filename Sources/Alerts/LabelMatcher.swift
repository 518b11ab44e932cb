import CRE2
import Support

/// A condition on one label, as in an Alertmanager route: `team="db"`, `service=~"pg|mysql"`, `env!=dev`, `host!~"test.*"`.
package struct LabelMatcher: Sendable, Hashable {
    package enum Condition: Sendable, Hashable {
        case equal(String)
        case notEqual(String)
        case matching(LabelPattern)
        case notMatching(LabelPattern)
    }

    package var name: String
    package var condition: Condition

    package func matches(_ labels: Labels) -> Bool { matches(in: labels) }

    package func matches(in labels: some LabelSource) -> Bool {
        labels.withValue(of: name) { matches(value: $0) }
    }

    /// Compares bytes, as Alertmanager does. A pattern that gives up on a value is not met, negated or not.
    ///
    /// - Parameter value: UTF-8; empty for a label that the alert does not have.
    package func matches(value: UnsafeRawBufferPointer) -> Bool {
        switch condition {
        case .equal(let wanted): wanted.utf8.elementsEqual(value)
        case .notEqual(let unwanted): !unwanted.utf8.elementsEqual(value)
        case .matching(let pattern): pattern.matches(value) == true
        case .notMatching(let pattern): pattern.matches(value) == false
        }
    }
}

/// The labels of one alert, in whatever form they are held.
package protocol LabelSource {
    /// Calls `body` with the bytes of a label's value, valid during the call; none if there is no such label.
    func withValue<Result>(of name: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result
}

extension Labels: LabelSource {
    package func withValue<Result>(of name: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var value = pairs.first { $0.name.utf8.elementsEqual(name.utf8) }?.value ?? ""
        return value.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension LabelMatcher: CustomStringConvertible {
    /// Reads back to the same matcher.
    package var description: String {
        switch condition {
        case .equal(let value): "\(writtenName)=\(Self.quoted(value))"
        case .notEqual(let value): "\(writtenName)!=\(Self.quoted(value))"
        case .matching(let pattern): "\(writtenName)=~\(Self.quoted(pattern.text))"
        case .notMatching(let pattern): "\(writtenName)!~\(Self.quoted(pattern.text))"
        }
    }

    private var writtenName: String {
        Self.isLabelName(name) ? name : Self.quoted(name)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\", "\"": result.unicodeScalars.append(contentsOf: ["\\", scalar])
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// Reading matchers in the two forms that Alertmanager reads (prometheus.io/docs/alerting/latest/configuration,
/// "matcher"): the classic one, and the one with label names in UTF-8 (`UTF8MatcherParser`).
extension LabelMatcher {
    /// What is wrong with a matcher, in words.
    package struct Invalid: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// Reads one matcher, or several as in `{team="db",env!="dev"}`, all of which must match.
    ///
    /// Where both forms can be read and mean different things the classic one holds, as in Alertmanager's default mode.
    package static func list(_ text: String) throws(Invalid) -> [LabelMatcher] {
        do {
            return try classicList(text)
        } catch {
            var parser = UTF8MatcherParser(text)
            do {
                return try parser.list()
            } catch let other {
                // A quoted name is meant for the second form, hence its words for what is wrong.
                throw parser.sawQuotedName ? other : error
            }
        }
    }

    /// A name that the classic form can write.
    static func isLabelName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !isDigit(first) else { return false }
        return text.unicodeScalars.allSatisfy(isLabelScalar)
    }

    package static func condition(_ sign: String, _ value: String) throws(Invalid) -> Condition {
        switch sign {
        case "=": return .equal(value)
        case "!=": return .notEqual(value)
        default: break
        }
        do {
            let pattern = try LabelPattern(value)
            return sign == "=~" ? .matching(pattern) : .notMatching(pattern)
        } catch {
            let shown = value.unicodeScalars.count > 100 ? String(value.unicodeScalars.prefix(100)) + "…" : value
            throw Invalid(description: "the regular expression \"\(shown)\" cannot be read: \(error)")
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private static func isLabelScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", ":": true
        default: false
        }
    }

    // MARK: The classic form

    // Unicode scalars, not characters: a quote with an accent after it is one character and still a quote.
    private typealias Scalars = Substring.UnicodeScalarView

    private static func classicList(_ text: String) throws(Invalid) -> [LabelMatcher] {
        var rest = trimmed(text[...].unicodeScalars)
        if rest.first == "{" {
            guard rest.last == "}", rest.count > 1 else { throw Invalid(description: "there is a { without its }") }
            rest = rest.dropFirst().dropLast()
        }
        var matchers: [LabelMatcher] = []
        for part in split(rest).map(trimmed) where !part.isEmpty { matchers.append(try one(part)) }
        return matchers
    }

    private static func trimmed(_ text: Scalars) -> Scalars {
        var text = text
        while text.first?.properties.isWhitespace == true { text.removeFirst() }
        while text.last?.properties.isWhitespace == true { text.removeLast() }
        return text
    }

    /// Parts at the commas that stand outside of quotes.
    private static func split(_ text: Scalars) -> [Scalars] {
        var parts: [Scalars] = []
        var start = text.startIndex
        var isQuoted = false
        var isEscaped = false
        for index in text.indices {
            switch text[index] {
            case _ where isEscaped: isEscaped = false
            case "\\": isEscaped = true
            case "\"": isQuoted.toggle()
            case "," where !isQuoted:
                parts.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        return parts + [text[start...]]
    }

    private static func one(_ text: Scalars) throws(Invalid) -> LabelMatcher {
        let name = String(text.prefix(while: isLabelScalar))
        guard isLabelName(name) else {
            throw Invalid(description: "a matcher begins with the name of a label, as in team=\"db\"")
        }
        let rest = trimmed(text.dropFirst(name.unicodeScalars.count))
        guard let sign = ["=~", "!~", "!=", "="].first(where: { rest.starts(with: $0.unicodeScalars) }) else {
            throw Invalid(description: "=, !=, =~ or !~ must follow the label \(name)")
        }
        let value = try value(trimmed(rest.dropFirst(sign.unicodeScalars.count)))
        return LabelMatcher(name: name, condition: try condition(sign, value))
    }

    /// Quoted or not; `\"`, `\\` and `\n` are escapes in both, as in Alertmanager.
    private static func value(_ text: Scalars) throws(Invalid) -> String {
        let isQuoted = text.first == "\""
        var value = String.UnicodeScalarView()
        var rest = isQuoted ? text.dropFirst() : text
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"":
                guard isQuoted, rest.isEmpty else {
                    throw Invalid(description: "a \" in the value needs a \\ before it")
                }
                return String(value)
            case "\\": value += escaped(rest.popFirst())
            default: value.append(scalar)
            }
        }
        if isQuoted { throw Invalid(description: "the value's closing \" is missing") }
        return String(value)
    }

    private static func escaped(_ scalar: Unicode.Scalar?) -> [Unicode.Scalar] {
        switch scalar {
        case "n": ["\n"]
        case "\"": ["\""]
        case "\\", nil: ["\\"]
        case let other?: ["\\", other]
        }
    }
}

/// A regular expression that a label's whole value must match, in RE2's syntax as Alertmanager has it: `^(?:…)$`.
///
/// RE2 compiles and matches it: time grows linearly with the value, whatever the expression.
package struct LabelPattern: Sendable, Hashable {
    /// What is wrong with an expression, in RE2's words.
    struct Invalid: Error, Equatable, CustomStringConvertible {
        var description: String
    }

    let text: String
    private let code: Code

    init(_ text: String) throws(Invalid) {
        self.text = text
        code = try Code(text)
    }

    // Bytewise: Swift's == also equates texts that RE2 tells apart (é in one character or in two).
    package static func == (left: LabelPattern, right: LabelPattern) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// Nil if the value is too long for the size of the expression; see `LABEL_PATTERN_STEP_LIMIT`.
    func matches(_ value: UnsafeRawBufferPointer) -> Bool? { code.matches(value) }

    func matches(_ value: String) -> Bool? {
        var value = value
        return value.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }
}

/// A compiled expression.
// @unchecked because it is never changed once compiled, and RE2 may be used by any number of threads at once (re2.h).
private final class Code: @unchecked Sendable {
    private let code: OpaquePointer

    init(_ text: String) throws(LabelPattern.Invalid) {
        var text = text
        let (code, message) = text.withUTF8 { bytes in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 200) { message -> (OpaquePointer?, String) in
                message.initialize(repeating: 0)
                // A cut may leave half a character at the end, which decodes to a replacement character.
                let code = label_pattern_compile(
                    UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self), bytes.count,
                    message.baseAddress, message.count)
                let said = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                return (code, String(decoding: said, as: UTF8.self))
            }
        }
        guard let code else { throw LabelPattern.Invalid(description: message) }
        self.code = code
    }

    deinit {
        label_pattern_destroy(code)
    }

    func matches(_ value: UnsafeRawBufferPointer) -> Bool? {
        let text = value.baseAddress?.assumingMemoryBound(to: CChar.self)
        return switch label_pattern_match(code, text, value.count) {
        case LABEL_PATTERN_MATCH: true
        case LABEL_PATTERN_NO_MATCH: false
        default: nil
        }
    }
}
