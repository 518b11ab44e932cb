/// Reading matchers in the two forms that Alertmanager reads (prometheus.io/docs/alerting/latest/configuration,
/// "matcher"): the classic one, and the one with label names in UTF-8 (`UTF8MatcherParser`).
extension LabelMatcher {
    /// What is wrong with a matcher, in words.
    struct Invalid: Error, Equatable, CustomStringConvertible {
        var description: String
    }

    /// Reads one matcher, or several as in `{team="db",env!="dev"}`, all of which must match.
    ///
    /// Where both forms can be read and mean different things the classic one holds, as in Alertmanager's default mode.
    static func list(_ text: String) throws(Invalid) -> [LabelMatcher] {
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

    static func condition(_ sign: String, _ value: String) throws(Invalid) -> Condition {
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
