/// Text from outside as it may reach a log or a terminal.
///
/// Scalars that nobody sees can do harm there: controls steer the terminal (also DEL and those of U+0080 to U+009F),
/// U+2028 and U+2029 fake a new line, U+202E and its like reorder it, others hide. All of them are written as JSON's
/// escapes, `\u202e`, which in a JSON string stand for the same text, and which a person can read.
///
/// `LineLogHandler` and `StandardStreams` put all that they write through this, so no caller has to.
enum TerminalText {
    static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        // U+FE0F only chooses the coloured form of the sign before it, as in many emoji.
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
        // Most text is plain, and it comes in megabytes.
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
