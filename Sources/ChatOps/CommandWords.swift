import Support

/// The words of a command from left to right. White space separates them, except in the quotes of a matcher.
struct CommandWords {
    private var text: Substring

    init(_ text: String) {
        self.text = text[...]
        skipSpace()
    }

    /// What follows the words that were taken, on one line.
    var rest: String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }

    /// Takes a word; nil at the end.
    mutating func next() -> Substring? {
        let word = text.prefix { !$0.isWhitespace }
        guard !word.isEmpty else { return nil }
        text = text[word.endIndex...]
        skipSpace()
        return word
    }

    /// Takes the next word if it has the form of a duration.
    mutating func takeDuration() -> Substring? {
        var words = self
        guard let word = words.next(), SilenceDuration.parse(word) != nil else { return nil }
        self = words
        return word
    }

    /// Takes a matcher, or several in braces, without the comma behind it. Returns nil if none begins here. A matcher has
    /// no space around its operator, because a comment follows the matchers.
    mutating func takeMatcher() -> String? {
        var scalars = text.unicodeScalars[...]
        guard scalars.first == "{" ? Self.skipBraces(&scalars) : Self.skipMatcher(&scalars) else { return nil }
        let matcher = String(text[..<scalars.startIndex])
        text = text[scalars.startIndex...]
        skipSpace()
        while text.first == "," {
            text.removeFirst()
            skipSpace()
        }
        return Self.withStraightQuotes(matcher)
    }

    private mutating func skipSpace() {
        text = text.drop(while: \.isWhitespace)
    }

    // MARK: Matchers

    private typealias Scalars = Substring.UnicodeScalarView

    private static func skipMatcher(_ scalars: inout Scalars) -> Bool {
        if isQuote(scalars.first) {
            skipQuoted(&scalars)
        } else {
            let name = scalars.prefix { $0.isLetterOrDigit || $0 == "_" || $0 == ":" }
            guard !name.isEmpty else { return false }
            scalars = scalars[name.endIndex...]
        }
        let operators = ["=~", "!~", "!=", "="]
        guard let operation = operators.first(where: { scalars.starts(with: $0.unicodeScalars) }) else { return false }
        scalars.removeFirst(operation.unicodeScalars.count)
        if isQuote(scalars.first) { skipQuoted(&scalars) }
        scalars = scalars.drop { !$0.properties.isWhitespace && $0 != "," }
        return true
    }

    /// Skips to the end of the text if the closing brace is missing, so that the parser of matchers can say so.
    private static func skipBraces(_ scalars: inout Scalars) -> Bool {
        while let scalar = scalars.first, scalar != "}" {
            if isQuote(scalar) { skipQuoted(&scalars) } else { scalars.removeFirst() }
        }
        if scalars.first == "}" { scalars.removeFirst() }
        return true
    }

    private static func skipQuoted(_ scalars: inout Scalars) {
        scalars.removeFirst()
        var isEscaped = false
        while let scalar = scalars.popFirst() {
            if !isEscaped, isQuote(scalar) { return }
            isEscaped = scalar == "\\" && !isEscaped
        }
    }

    /// Phones replace straight quotes by these.
    private static let curlyQuotes: Set<Unicode.Scalar> = ["“", "”", "„"]

    private static func isQuote(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map { $0 == "\"" || curlyQuotes.contains($0) } ?? false
    }

    private static func withStraightQuotes(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { curlyQuotes.contains($0) ? "\"" : $0 }))
    }
}

/// The length of a silence: `30m`, `2h`, `1d12h`, `1w`.
enum SilenceDuration {
    private static let units: [Character: Duration] = [
        "s": .seconds(1), "m": .seconds(60), "h": .seconds(3_600), "d": .seconds(86_400), "w": .seconds(604_800),
    ]

    /// Returns nil if the text has another form. At most a billion of each unit, so that no sum overflows.
    static func parse(_ text: Substring) -> Duration? {
        var total = Duration.zero
        var rest = text
        guard !rest.isEmpty, rest.utf8.count <= 30 else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int(digits), let unit = units[rest.dropFirst(digits.count).first ?? " "] else {
                return nil
            }
            total += unit * min(number, 1_000_000_000)
            rest = rest.dropFirst(digits.count + 1)
        }
        return total
    }
}
