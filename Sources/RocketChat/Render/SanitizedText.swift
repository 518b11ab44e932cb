import Alerts

/// The scalars of a text from outside without controls, invisible tricks and long runs of brackets, trimmed and
/// bounded.
package struct SanitizedText {
    package private(set) var scalars: [Unicode.Scalar] = []
    /// Whether the input went on beyond what is kept.
    package private(set) var isCut = false

    /// A bracket repeated more often is cut to an ellipsis: 5,000 `[` cost the server 6-10 s (docs/rocketchat.md
    /// section 3.3).
    private static let longestRun = 12
    private static let brackets: Set<Unicode.Scalar> = ["(", ")", "[", "]", "{", "}", "<", ">"]

    private let keepsLines: Bool
    private var run = 0
    private var repeated: Unicode.Scalar?
    /// The scalar before, as it came in.
    private var last: Unicode.Scalar?

    /// Keeps at most `limit` scalars; with `keepsLines` also line breaks, but no more than one empty line in a row.
    package init(_ raw: String, keepsLines: Bool, limit: Int) {
        self.keepsLines = keepsLines
        for scalar in raw.unicodeScalars {
            guard scalars.count <= limit else {
                isCut = true
                break
            }
            take(scalar)
        }
        while let end = scalars.last, end == " " || end == "\n" { scalars.removeLast() }
    }

    private mutating func take(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\n", "\r", "\u{0B}", "\u{0C}", "\u{85}", "\u{2028}", "\u{2029}":
            takeLineBreak(after: last == "\r" && scalar == "\n")
        case _ where scalar.properties.isWhitespace:
            if !scalars.isEmpty { keep(" ") }
        case "\u{200B}", "\u{2060}", "\u{FEFF}", "\u{200E}", "\u{200F}", "\u{202A}"..."\u{202E}",
            "\u{2066}"..."\u{2069}":
            // Invisible: they reorder or hide what a person reads.
            break
        case _ where scalar.properties.generalCategory == .control:
            keep("\u{FFFD}")
        default:
            keep(scalar)
        }
        last = scalar
    }

    private mutating func takeLineBreak(after carriageReturn: Bool) {
        guard !carriageReturn, !scalars.isEmpty else { return }
        guard keepsLines else { return keep(" ") }
        while scalars.last == " " { scalars.removeLast() }
        if scalars.suffix(2) != ["\n", "\n"] { keep("\n") }
    }

    private mutating func keep(_ scalar: Unicode.Scalar) {
        run = scalar == repeated ? run + 1 : 1
        repeated = scalar
        if scalar == " ", run > 1, !keepsLines { return }
        guard Self.brackets.contains(scalar), run > Self.longestRun else { return scalars.append(scalar) }
        if run == Self.longestRun + 1 { scalars.append("…") }
    }
}
