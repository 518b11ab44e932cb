import Support

/// Formats tables for a terminal.
enum TextTable {
    /// - Parameter isFirstPage: whether the table has a header, which pages after the first do not have.
    static func text(_ head: [String], _ rows: [[String]], isFirstPage: Bool) -> String {
        let all = [head] + rows
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return (isFirstPage ? all : rows).map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    /// Sanitizes untrusted text: it must not send control sequences to a terminal, reorder a line or break it.
    static func cell(_ text: String, limit: Int) -> String {
        string(SanitizedText(text, keepsLines: false, limit: limit))
    }

    /// Sanitizes untrusted text of several lines.
    static func block(_ text: String) -> String {
        string(SanitizedText(text, keepsLines: true, limit: .max))
    }

    private static func string(_ text: SanitizedText) -> String {
        String(String.UnicodeScalarView(text.scalars)) + (text.isCut ? "…" : "")
    }
}
