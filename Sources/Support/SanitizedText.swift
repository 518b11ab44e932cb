/// The scalars of an untrusted text, trimmed and bounded: without control characters, invisible formatting characters
/// and long runs of brackets.
package struct SanitizedText {
    package private(set) var scalars: [Unicode.Scalar] = []
    /// The input was longer than the limit.
    package private(set) var isCut = false

    /// A bracket repeated more often is cut to an ellipsis: 5,000 `[` cost the server 6-10 s (docs/rocketchat.md
    /// section 3.3).
    private static let longestRun = 12

    private let keepsLines: Bool
    private var run = 0
    private var repeated: Unicode.Scalar?
    /// The previous scalar of the input.
    private var last: Unicode.Scalar?

    /// Keeps at most `limit` scalars; with `keepsLines` also line breaks, but no more than one empty line in a row.
    package init(_ raw: String, keepsLines: Bool, limit: Int) {
        self.keepsLines = keepsLines
        for scalar in raw.unicodeScalars {
            guard scalars.count <= limit else {
                isCut = true
                break
            }
            append(scalar)
        }
        while let end = scalars.last, end == " " || end == "\n" { scalars.removeLast() }
    }

    /// Whether nothing of a text would be visible.
    package static func isBlank(_ raw: String) -> Bool {
        SanitizedText(raw, keepsLines: false, limit: 0).scalars.isEmpty
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\n", "\r", "\u{0B}", "\u{0C}", "\u{85}", "\u{2028}", "\u{2029}":
            appendLineBreak(after: last == "\r" && scalar == "\n")
        // Most texts have no others than the next two. Properties of Unicode take ten times as long.
        case "!"..."~":
            keep(scalar)
        case " ", "\t":
            if !scalars.isEmpty { keep(" ") }
        case _ where scalar.properties.isWhitespace || scalar == "\u{2800}":
            if !scalars.isEmpty { keep(" ") }
        case _ where scalar.isInvisible(after: scalars.last):
            break
        case _ where scalar.properties.generalCategory == .control:
            keep("\u{FFFD}")
        default:
            keep(scalar)
        }
        last = scalar
    }

    private mutating func appendLineBreak(after carriageReturn: Bool) {
        guard !carriageReturn, !scalars.isEmpty else { return }
        guard keepsLines else { return keep(" ") }
        while scalars.last == " " { scalars.removeLast() }
        if scalars.suffix(2) != ["\n", "\n"] { keep("\n") }
    }

    private mutating func keep(_ scalar: Unicode.Scalar) {
        run = scalar == repeated ? run + 1 : 1
        repeated = scalar
        if scalar == " ", run > 1, !keepsLines { return }
        guard run > Self.longestRun, Self.isBracket(scalar) else { return scalars.append(scalar) }
        if run == Self.longestRun + 1 { scalars.append("…") }
    }

    private static func isBracket(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "(", ")", "[", "]", "{", "}", "<", ">": true
        default: false
        }
    }
}

extension Unicode.Scalar {
    /// Whether nothing of the scalar is visible, so that it reorders or hides what a person reads, or breaks a copied
    /// name. Joiners and variation selectors are part of the character before them, unless that is in ASCII.
    ///
    /// - Parameter previous: the scalar before it; nil at the start of a text.
    package func isInvisible(after previous: Unicode.Scalar?) -> Bool {
        // Most texts have no other scalars.
        if isASCII { return false }
        switch self {
        case "\u{200C}", "\u{200D}", "\u{FE00}"..."\u{FE0F}": return previous?.isASCII ?? true
        case "\u{FFF9}"..."\u{FFFB}": return true
        default: return properties.isDefaultIgnorableCodePoint
        }
    }
}
