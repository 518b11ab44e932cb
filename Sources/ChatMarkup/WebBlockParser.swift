import Support

/// Parses an attachment as the web client does: HTML is escaped, `marked` reads GitHub-flavored Markdown with line
/// breaks, and emoji are replaced.
///
/// Because the text is escaped first, `>` is no quote, `<url>` no link, and HTML is text.
struct WebBlockParser {
    /// Addresses of link definitions by their label.
    private var definitions: [String: String] = [:]
    private var steps = 0

    /// Lists in lists that are deeper are text, so that a row of bullets does not exhaust the stack.
    private static let depthLimit = 16

    static func parse(_ text: String) -> (blocks: [MarkupBlock], steps: Int) {
        var parser = WebBlockParser()
        let lines = WebText.escaped(text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let drafts = parser.drafts(lines[...], depth: 0)
        let blocks = drafts.map { parser.block($0) }
        return (blocks, parser.steps)
    }

    /// Parses a text without blocks.
    static func parseInline(_ text: String) -> (blocks: [MarkupBlock], steps: Int) {
        var parser = WebBlockParser()
        let inlines = parser.inlines(WebText.escaped(text))
        return ([.paragraph(inlines)], parser.steps)
    }

    /// A block whose text is not parsed yet, because link definitions may follow it.
    private indirect enum Draft {
        case paragraph(String)
        case heading(Int, String)
        case code(String)
        case rule
        case table([String], [[String]])
        case list(isNumbered: Bool, [(item: [Draft], number: Int?, isDone: Bool?)])
    }

    private mutating func block(_ draft: Draft) -> MarkupBlock {
        switch draft {
        case .paragraph(let text): .paragraph(inlines(text))
        case .heading(let level, let text): .heading(level: level, inlines(text))
        case .code(let text): .code(WebText.unescaped(text))
        case .rule: .rule
        case .table(let header, let rows):
            .table(header: header.map { inlines($0) }, rows: rows.map { $0.map { inlines($0) } })
        case .list(let isNumbered, let items):
            .list(
                isNumbered ? .numbers : .bullets,
                items.map { item in
                    MarkupList.Item(blocks: item.item.map { block($0) }, number: item.number, isDone: item.isDone)
                })
        }
    }

    private mutating func inlines(_ text: String) -> [MarkupInline] {
        var parser = WebInlineParser(text, definitions: definitions)
        let inlines = parser.parse()
        steps += parser.steps
        return inlines
    }

    // MARK: Blocks

    private mutating func drafts(_ lines: ArraySlice<String>, depth: Int) -> [Draft] {
        var drafts: [Draft] = []
        var rest = lines
        while let line = rest.first {
            steps += 1
            if WebLine.isBlank(line) {
                rest.removeFirst()
            } else if let (code, count) = WebLine.indentedCode(rest) {
                // Indented code does not interrupt a paragraph. After one, a blank line is between them.
                drafts.append(.code(code))
                rest = rest.dropFirst(count)
            } else if let (code, count) = WebLine.fence(rest) {
                drafts.append(.code(code))
                rest = rest.dropFirst(count)
            } else if let (level, text) = WebLine.heading(line) {
                drafts.append(.heading(level, text))
                rest.removeFirst()
            } else if WebLine.isRule(line) {
                drafts.append(.rule)
                rest.removeFirst()
            } else if depth < Self.depthLimit, let marker = WebLine.ListMarker(line) {
                drafts.append(list(marker, &rest, depth: depth))
            } else if depth == 0, let (label, url) = WebLine.definition(line) {
                if definitions[label] == nil { definitions[label] = url }
                rest.removeFirst()
            } else if let (header, rows, count) = WebLine.table(rest) {
                drafts.append(.table(header, rows))
                rest = rest.dropFirst(count)
            } else {
                drafts.append(paragraph(&rest))
            }
        }
        return drafts
    }

    /// A paragraph, or the heading that a line of `=` or `-` makes of it.
    private func paragraph(_ rest: inout ArraySlice<String>) -> Draft {
        var lines: [String] = []
        while let line = rest.first, !WebLine.isBlank(line) {
            if !lines.isEmpty {
                if let level = WebLine.underlineLevel(line) {
                    rest.removeFirst()
                    return .heading(level, lines.joined(separator: "\n").trimmed)
                }
                if WebLine.interruptsParagraph(rest) { break }
            }
            lines.append(line)
            rest.removeFirst()
        }
        return .paragraph(lines.joined(separator: "\n").trimmed)
    }

    // MARK: Lists

    private mutating func list(_ first: WebLine.ListMarker, _ rest: inout ArraySlice<String>, depth: Int) -> Draft {
        var items: [(item: [Draft], number: Int?, isDone: Bool?)] = []
        while let line = rest.first, let marker = WebLine.ListMarker(line), marker.continues(first),
            items.isEmpty || !WebLine.isRule(line)
        {
            rest.removeFirst()
            var lines = itemLines(marker, line, &rest)
            var isDone: Bool?
            if let text = lines.first, let mark = WebLine.task(text) {
                isDone = mark.isDone
                lines[0] = mark.text
            }
            items.append((drafts(lines[...], depth: depth + 1), marker.number, isDone))
        }
        return .list(isNumbered: first.isNumbered, items)
    }

    /// The lines of an item without their indentation.
    private mutating func itemLines(
        _ marker: WebLine.ListMarker, _ first: String, _ rest: inout ArraySlice<String>
    ) -> [String] {
        var lines = [marker.text]
        var wasBlank = false
        if marker.text.isEmpty, let next = rest.first, WebLine.isBlank(next) { return lines }
        while let line = rest.first {
            steps += 1
            let indentation = line.prefix { $0 == " " }.count
            let isOutside = indentation < marker.indentation
            if isOutside, WebLine.ListMarker(line) != nil || WebLine.beginsBlock(line) { break }
            if !isOutside || WebLine.isBlank(line) {
                lines.append(String(line.dropFirst(min(indentation, marker.indentation))))
            } else {
                if wasBlank { break }
                lines.append(line)
            }
            wasBlank = WebLine.isBlank(line)
            rest.removeFirst()
        }
        return lines
    }
}

/// The escaping of HTML before and after parsing.
enum WebText {
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\u{A0}": escaped += "&nbsp;"
            case "\r": break
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// The text with characters in place of the four entities.
    static func unescaped(_ text: String) -> String {
        guard text.contains("&") else { return text }
        var result = ""
        var rest = text[...]
        while let index = rest.firstIndex(of: "&") {
            result += rest[..<index]
            rest = rest[index...]
            if let entity = entities.first(where: { rest.hasPrefix($0.0) }) {
                result += entity.1
                rest = rest.dropFirst(entity.0.count)
            } else {
                result.append("&")
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }

    private static let entities = [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", "\u{A0}")]
}
