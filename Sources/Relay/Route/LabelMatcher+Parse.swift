/// Reading matchers in the form that Alertmanager calls classic (prometheus.io/docs/alerting/latest/configuration,
/// "matcher").
extension LabelMatcher {
    /// What is wrong with a matcher, in words.
    struct Invalid: Error, Equatable, CustomStringConvertible {
        var description: String
    }

    /// Reads one matcher, or several as in `{team="db",env!="dev"}`, all of which must match.
    static func list(_ text: String) throws(Invalid) -> [LabelMatcher] {
        var rest = text.trimmed[...]
        if rest.first == "{" {
            guard rest.last == "}", rest.count > 1 else { throw Invalid(description: "there is a { without its }") }
            rest = rest.dropFirst().dropLast()
        }
        var matchers: [LabelMatcher] = []
        for part in split(rest).map(\.trimmed) where !part.isEmpty { matchers.append(try one(part)) }
        return matchers
    }

    /// As Prometheus has it before it took names in UTF-8.
    static func isLabelName(_ text: some StringProtocol) -> Bool {
        guard let first = text.first, !first.isNumber else { return false }
        return text.allSatisfy(isLabelCharacter)
    }

    private static func isLabelCharacter(_ character: Character) -> Bool {
        character == "_" || character == ":" || character.isASCII && (character.isLetter || character.isNumber)
    }

    /// Parts at the commas that stand outside of quotes.
    private static func split(_ text: Substring) -> [Substring] {
        var parts: [Substring] = []
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

    private static func one(_ text: String) throws(Invalid) -> LabelMatcher {
        let name = text.prefix(while: isLabelCharacter)
        guard isLabelName(name) else {
            throw Invalid(description: "a matcher begins with the name of a label, as in team=\"db\"")
        }
        let rest = text.dropFirst(name.count).trimmed
        guard let sign = ["=~", "!~", "!=", "="].first(where: { rest.hasPrefix($0) }) else {
            throw Invalid(description: "=, !=, =~ or !~ must follow the label \(name)")
        }
        let value = try value(rest.dropFirst(sign.count).trimmed)
        return LabelMatcher(name: String(name), condition: try condition(sign, value))
    }

    private static func condition(_ sign: String, _ value: String) throws(Invalid) -> Condition {
        switch sign {
        case "=": return .equal(value)
        case "!=": return .notEqual(value)
        default: break
        }
        do {
            let pattern = try LabelPattern(value)
            return sign == "=~" ? .matching(pattern) : .notMatching(pattern)
        } catch {
            throw Invalid(description: "the regular expression \"\(value)\" cannot be read: \(error)")
        }
    }

    /// Quoted or not; `\"`, `\\` and `\n` are escapes in both, as in Alertmanager.
    private static func value(_ text: String) throws(Invalid) -> String {
        let isQuoted = text.first == "\""
        var value = ""
        var rest = isQuoted ? text.dropFirst() : text[...]
        while let character = rest.popFirst() {
            switch character {
            case "\"":
                guard isQuoted, rest.isEmpty else {
                    throw Invalid(description: "a \" in the value needs a \\ before it")
                }
                return value
            case "\\": value += escaped(rest.popFirst())
            default: value.append(character)
            }
        }
        if isQuoted { throw Invalid(description: "the value's closing \" is missing") }
        return value
    }

    private static func escaped(_ character: Character?) -> String {
        switch character {
        case "n": "\n"
        case "\"": "\""
        case "\\", nil: "\\"
        case let other?: "\\\(other)"
        }
    }
}
