/// Escapes untrusted text for logs and terminals.
///
/// Invisible characters can do harm: controls steer the terminal (including DEL and U+0080 to U+009F), U+2028 and
/// U+2029 forge a new line, U+202E and others reorder a line. They are written as JSON escapes such as `\u202e`, which
/// are readable and equal the same text in a JSON string.
///
/// `LineLogHandler` and `StandardStreams` escape all their output, so callers need not.
enum TerminalText {
    static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        // U+FE0F only selects the color form of an emoji.
        if scalar.value < 0x7F { return scalar.value < 0x20 }
        if scalar == "\u{FE0F}" { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return scalar.properties.isDefaultIgnorableCodePoint
        }
    }

    /// - Parameter keepsLines: leaves line feeds and tabs as they are.
    static func escaped(_ text: String, keepsLines: Bool) -> String {
        func isLayout(_ scalar: Unicode.Scalar) -> Bool { keepsLines && (scalar == "\n" || scalar == "\t") }
        // Fast path: most text is printable ASCII, and there can be megabytes of it.
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) || keepsLines && ($0 == 0x0A || $0 == 0x09) }) {
            return text
        }
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if !isHidden(scalar) || isLayout(scalar) {
                escaped.append(scalar)
            } else {
                for unit in String(scalar).utf16 { escaped.append(contentsOf: escape(unit).unicodeScalars) }
            }
        }
        return String(escaped)
    }

    private static func escape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
