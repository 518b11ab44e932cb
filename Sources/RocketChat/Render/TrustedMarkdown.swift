import Support

/// Annotations of rules that a team trusts: bold text, inline code, lists and links to http and https stay. Everything
/// else is escaped, so nothing in an annotation mentions a person or hides where a link leads to.
enum TrustedMarkdown {
    /// For an attachment's text, with line breaks. Falls back to plain text if the result exceeds `limit` UTF-16 units,
    /// because a cut could end inside markup.
    static func attachment(_ raw: String, limit: Int) -> Escaped {
        let clean = SanitizedText(raw, keepsLines: true, limit: limit)
        guard !clean.isCut else { return Escape.attachment(raw, limit: limit) }
        let lines = clean.scalars.split(separator: "\n", omittingEmptySubsequences: false).map { line($0) }
        let text = lines.joined(separator: "\n")
        return text.utf16.count <= limit
            ? Escaped(string: text, isShortened: false) : Escape.attachment(raw, limit: limit)
    }

    private static func line(_ line: ArraySlice<Unicode.Scalar>) -> String {
        let (marker, content) = marker(of: line)
        var output = marker
        var plain: [Unicode.Scalar] = []
        var position = content.startIndex
        func flush() {
            // Spaces at the ends of a run separate it from markup.
            let text = String(String.UnicodeScalarView(plain))
            let isStart = output.isEmpty
            let body =
                isStart ? Escape.attachment(text, limit: text.utf16.count * 4 + 8).string : Escape.continuation(text)
            let isSplit = text.first == " " || output.last == "`" && body.first == "`"
            output += (isSplit && !isStart ? " " : "") + body + (text.last == " " && !body.isEmpty ? " " : "")
            plain = []
        }
        while position < content.endIndex {
            guard let (markup, end) = span(in: content, at: position) else {
                plain.append(content[position])
                position += 1
                continue
            }
            flush()
            // Two spans of code side by side would be one.
            if output.last == "`", markup.first == "`" { output += " " }
            output += markup
            position = end
        }
        flush()
        return output
    }

    /// The marker of a list's item, `- ` or `1. `, and the rest of the line.
    private static func marker(of line: ArraySlice<Unicode.Scalar>) -> (String, ArraySlice<Unicode.Scalar>) {
        let content = line.drop { $0 == " " }
        if content.count > 2, let mark = content.first, mark == "-" || mark == "*", content.dropFirst().first == " " {
            return ("- ", content.dropFirst(2))
        }
        let digits = content.prefix { $0.isDigit }
        let rest = content.dropFirst(digits.count)
        if (1...3).contains(digits.count), rest.starts(with: [".", " "]), rest.count > 2 {
            return (String(String.UnicodeScalarView(digits)) + ". ", rest.dropFirst(2))
        }
        return ("", line)
    }

    /// The markup that starts at a position, safe, and the position after it; nil if none does.
    private static func span(in line: ArraySlice<Unicode.Scalar>, at start: Int) -> (String, Int)? {
        let isAtEdge = start == line.startIndex || !line[start - 1].isLetterOrDigit
        switch line[start] {
        case "`": return code(in: line, at: start)
        case "*" where isAtEdge: return bold(in: line, at: start)
        // After an exclamation mark it would be an image.
        case "[" where start == line.startIndex || line[start - 1] != "!": return link(in: line, at: start)
        default: return nil
        }
    }

    private static func code(in line: ArraySlice<Unicode.Scalar>, at start: Int) -> (String, Int)? {
        guard let end = line[(start + 1)...].firstIndex(of: "`"), end > start + 1 else { return nil }
        let content = line[(start + 1)..<end]
        guard content.first != " ", content.last != " " else { return nil }
        let code = InlineCode(part: .attachment)
        if code.isOnePiece(content) {
            return (
                String(String.UnicodeScalarView(code.escaped(content, startsLine: start == line.startIndex))), end + 1
            )
        }
        return (Escape.code(String(String.UnicodeScalarView(content))), end + 1)
    }

    /// `**text**` or `*text*`, which Rocket.Chat shows as bold. The text is plain words.
    private static func bold(in line: ArraySlice<Unicode.Scalar>, at start: Int) -> (String, Int)? {
        let length = line[start...].prefix { $0 == "*" }.count
        guard length <= 2, let end = line[(start + length)...].firstIndex(of: "*") else { return nil }
        let content = line[(start + length)..<end]
        let after = end + length
        guard after <= line.endIndex, line[end..<after].allSatisfy({ $0 == "*" }),
            after == line.endIndex || !line[after].isLetterOrDigit && line[after] != "*",
            let first = content.first, let last = content.last, first != " ", last != " "
        else { return nil }
        if isPlain(content) { return ("**" + String(String.UnicodeScalarView(content)) + "**", after) }
        // A command in bold.
        guard first == "`", let code = code(in: line, at: content.startIndex), code.1 == end,
            !code.0.dropLast().dropFirst().contains("`")
        else { return nil }
        return ("**" + code.0 + "**", after)
    }

    private static func link(in line: ArraySlice<Unicode.Scalar>, at start: Int) -> (String, Int)? {
        guard let middle = line[start...].firstIndex(of: "]"), middle > start + 1, middle + 1 < line.endIndex,
            line[middle + 1] == "(", let end = closing(line, after: middle + 1)
        else { return nil }
        let label = line[(start + 1)..<middle]
        let raw = String(String.UnicodeScalarView(line[(middle + 2)..<end]))
        guard let url = SafeURL(annotation: raw, limit: 2_000) else { return nil }
        let text = String(String.UnicodeScalarView(label))
        if text == raw, let bare = url.bare { return (bare, end + 1) }
        guard isPlain(label), !namesAddress(label), let markup = url.label(text) else { return nil }
        return (markup, end + 1)
    }

    /// The index of the parenthesis that closes the one at `open`.
    private static func closing(_ line: ArraySlice<Unicode.Scalar>, after open: Int) -> Int? {
        var depth = 0
        for index in line[open...].indices {
            if line[index] == "(" { depth += 1 }
            if line[index] == ")" { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }

    /// Whether a reader could take a label for an address, to which its link may not lead.
    static func namesAddress(_ label: ArraySlice<Unicode.Scalar>) -> Bool {
        label.contains("/") || label.contains("@")
            || label.indices.contains { index in
                label[index] == "." && label[(index + 1)...].prefix(2).filter { !$0.isDigit && $0 != " " }.count == 2
            }
    }

    /// Whether the last line of a text is an item of a list.
    static func endsInList(_ text: String) -> Bool {
        let line = text.split(separator: "\n").last ?? ""
        let digits = line.prefix { $0.isASCII && $0.isNumber }
        return line.hasPrefix("- ") || !digits.isEmpty && line.dropFirst(digits.count).hasPrefix(". ")
    }

    /// Whether no word of the text is live.
    private static func isPlain(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
        text.split(separator: " ").allSatisfy { word in
            !Word(word, in: .attachment, startsLine: false, endsLine: false).isLive
        }
    }
}
