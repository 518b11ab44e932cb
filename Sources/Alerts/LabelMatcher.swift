import CRE2

/// A condition on one label, as in an Alertmanager route: `team="db"`, `service=~"pg|mysql"`, `env!=dev`,
/// `host!~"test.*"`.
package struct LabelMatcher: Sendable, Hashable {
    package enum Condition: Sendable, Hashable {
        case equal(String)
        case notEqual(String)
        case matching(LabelPattern)
        case notMatching(LabelPattern)
    }

    package var name: String
    package var condition: Condition

    package init(name: String, condition: Condition) {
        self.name = name
        self.condition = condition
    }

    /// Whether the labels match. A missing label counts as empty, as in Alertmanager.
    package func matches(_ labels: Labels) -> Bool { matches(in: labels) }

    /// Whether the labels match. A missing label counts as empty, as in Alertmanager.
    package func matches(in labels: some LabelSource) -> Bool {
        labels.withValue(of: name) { matches(value: $0) }
    }

    /// Compares bytes, as Alertmanager does. Returns false if a pattern reaches its step limit, also a negated one.
    ///
    /// - Parameter value: The label's value in UTF-8; empty if the alert does not have the label.
    package func matches(value: UnsafeRawBufferPointer) -> Bool {
        switch condition {
        case .equal(let wanted): wanted.utf8.elementsEqual(value)
        case .notEqual(let unwanted): !unwanted.utf8.elementsEqual(value)
        case .matching(let pattern): pattern.matches(value) == true
        case .notMatching(let pattern): pattern.matches(value) == false
        }
    }
}

/// The labels of one alert, as strings or as views of a parsed body.
package protocol LabelSource {
    /// Calls `body` with the bytes of a label's value, or with an empty buffer if the label does not exist. The bytes
    /// are valid during the call only.
    func withValue<Result>(of name: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result
}

extension Labels: LabelSource {
    package func withValue<Result>(of name: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var value = pairs.first { $0.name.utf8.elementsEqual(name.utf8) }?.value ?? ""
        return value.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension LabelMatcher: CustomStringConvertible {
    /// The matcher in a form that `parse(_:)` reads.
    package var description: String {
        switch condition {
        case .equal(let value): "\(quotedNameIfNeeded)=\(Self.quoted(value))"
        case .notEqual(let value): "\(quotedNameIfNeeded)!=\(Self.quoted(value))"
        case .matching(let pattern): "\(quotedNameIfNeeded)=~\(Self.quoted(pattern.text))"
        case .notMatching(let pattern): "\(quotedNameIfNeeded)!~\(Self.quoted(pattern.text))"
        }
    }

    private var quotedNameIfNeeded: String {
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

/// Parses matchers in both syntaxes of Alertmanager (prometheus.io/docs/alerting/latest/configuration, "matcher"): the
/// classic one, and the one with UTF-8 label names (`UTF8MatcherParser`).
extension LabelMatcher {
    /// Why a matcher cannot be parsed, as text for the user.
    package struct Invalid: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// Parses one matcher, or several as in `{team="db",env!="dev"}`. Fails if the text is valid in neither syntax.
    ///
    /// If a text is valid in both syntaxes, the classic one is used, as in Alertmanager's default mode.
    package static func parse(_ text: String) throws(Invalid) -> [LabelMatcher] {
        do {
            return try classicList(text)
        } catch {
            var parser = UTF8MatcherParser(text)
            do {
                return try parser.parse()
            } catch let other {
                // Only the UTF-8 syntax has quoted names, so its error is the relevant one.
                throw parser.hasQuotedName ? other : error
            }
        }
    }

    /// Whether the name is valid in the classic syntax.
    static func isLabelName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !isDigit(first) else { return false }
        return text.unicodeScalars.allSatisfy(isLabelScalar)
    }

    /// Creates a condition. Fails if `value` is not a valid regular expression.
    ///
    /// - Parameter operation: `=`, `!=`, `=~` or `!~`.
    static func condition(_ operation: String, _ value: String) throws(Invalid) -> Condition {
        switch operation {
        case "=": return .equal(value)
        case "!=": return .notEqual(value)
        default: break
        }
        do {
            let pattern = try LabelPattern(value)
            return operation == "=~" ? .matching(pattern) : .notMatching(pattern)
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

    // MARK: Classic syntax

    // Not characters: a quote with a combining accent is one character, but still a quote.
    private typealias Scalars = Substring.UnicodeScalarView

    private static func classicList(_ text: String) throws(Invalid) -> [LabelMatcher] {
        var rest = trimmed(text[...].unicodeScalars)
        if rest.first == "{" {
            guard rest.last == "}", rest.count > 1 else { throw Invalid(description: "there is a { without its }") }
            rest = rest.dropFirst().dropLast()
        }
        var matchers: [LabelMatcher] = []
        for part in split(rest).map(trimmed) where !part.isEmpty { matchers.append(try matcher(part)) }
        return matchers
    }

    private static func trimmed(_ text: Scalars) -> Scalars {
        var text = text
        while text.first?.properties.isWhitespace == true { text.removeFirst() }
        while text.last?.properties.isWhitespace == true { text.removeLast() }
        return text
    }

    /// Splits the text at commas outside of quotes.
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

    private static func matcher(_ text: Scalars) throws(Invalid) -> LabelMatcher {
        let name = String(text.prefix(while: isLabelScalar))
        guard isLabelName(name) else {
            throw Invalid(description: "a matcher begins with the name of a label, as in team=\"db\"")
        }
        let rest = trimmed(text.dropFirst(name.unicodeScalars.count))
        guard let operation = ["=~", "!~", "!=", "="].first(where: { rest.starts(with: $0.unicodeScalars) }) else {
            throw Invalid(description: "=, !=, =~ or !~ must follow the label \(name)")
        }
        let value = try value(trimmed(rest.dropFirst(operation.unicodeScalars.count)))
        return LabelMatcher(name: name, condition: try condition(operation, value))
    }

    /// Parses a quoted or unquoted value. `\"`, `\\` and `\n` are escapes in both, as in Alertmanager.
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

/// A regular expression in RE2 syntax that must match the whole value of a label, as in Alertmanager: `^(?:…)$`.
///
/// RE2 matches in time linear in the length of the value.
package struct LabelPattern: Sendable, Hashable {
    /// Why an expression is invalid, as reported by RE2.
    struct Invalid: Error, Equatable, CustomStringConvertible {
        var description: String
    }

    package let text: String
    private let compiled: CompiledPattern

    init(_ text: String) throws(Invalid) {
        self.text = text
        compiled = try CompiledPattern(text)
    }

    // Compares bytes: Swift's == also equates canonically equivalent texts, which RE2 distinguishes.
    package static func == (left: LabelPattern, right: LabelPattern) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// Returns nil if the value is too long for the size of the expression (`LABEL_PATTERN_STEP_LIMIT`).
    func matches(_ value: UnsafeRawBufferPointer) -> Bool? { compiled.matches(value) }

    func matches(_ value: String) -> Bool? {
        var value = value
        return value.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }
}

/// An expression compiled by RE2.
// @unchecked because it is immutable, and RE2 objects may be used by several threads at once (re2.h).
private final class CompiledPattern: @unchecked Sendable {
    private let code: OpaquePointer

    init(_ text: String) throws(LabelPattern.Invalid) {
        var text = text
        let (code, message) = text.withUTF8 { bytes in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 200) { message -> (OpaquePointer?, String) in
                message.initialize(repeating: 0)
                // RE2's message may be truncated within a character, which decodes to U+FFFD.
                let code = label_pattern_compile(
                    UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self), bytes.count,
                    message.baseAddress, message.count)
                let reason = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                return (code, String(decoding: reason, as: UTF8.self))
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
