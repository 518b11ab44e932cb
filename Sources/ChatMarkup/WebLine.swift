import Support

/// What `marked` takes lines for.
enum WebLine {
    static func isBlank(_ line: String) -> Bool {
        line.allSatisfy { $0 == " " || $0 == "\t" }
    }

    /// The line without up to three blanks before it; nil if it has more.
    private static func content(_ line: String) -> Substring? {
        let blanks = line.prefix { $0 == " " }.count
        return blanks <= 3 ? line.dropFirst(blanks) : nil
    }

    /// Three or more equal marks with blanks between them.
    static func isRule(_ line: String) -> Bool {
        guard let content = content(line), let mark = content.first, "-_*".contains(mark) else { return false }
        return content.allSatisfy { $0 == mark || $0 == " " || $0 == "\t" } && content.filter { $0 == mark }.count >= 3
    }

    static func heading(_ line: String) -> (level: Int, text: String)? {
        guard let content = content(line) else { return nil }
        let level = content.prefix { $0 == "#" }.count
        let rest = content.dropFirst(level)
        guard (1...6).contains(level), rest.isEmpty || rest.first == " " || rest.first == "\t" else { return nil }
        var text = rest.trimmed
        // Closing marks are removed if a blank precedes them.
        let closing = text.reversed().prefix { $0 == "#" }.count
        if closing == text.count || (closing > 0 && text.dropLast(closing).last == " ") {
            text = text.dropLast(closing).trimmed
        }
        return (level, text)
    }

    /// The level of the heading that a line of `=` or `-` makes of the lines before it.
    static func underlineLevel(_ line: String) -> Int? {
        guard let content = content(line)?.trimmed, let mark = content.first, mark == "=" || mark == "-",
            content.allSatisfy({ $0 == mark })
        else { return nil }
        return mark == "=" ? 1 : 2
    }

    /// Whether the line is a rule, a heading or the start of a fence.
    static func beginsBlock(_ line: String) -> Bool {
        isRule(line) || heading(line) != nil || fenceMark(line) != nil
    }

    static func interruptsParagraph(_ lines: ArraySlice<String>) -> Bool {
        guard let line = lines.first else { return true }
        if beginsBlock(line) { return true }
        if let marker = ListMarker(line), !marker.text.isEmpty || line.hasSuffix(" ") {
            return !marker.isNumbered || marker.number == 1
        }
        return table(lines) != nil
    }

    // MARK: Code

    static func indentedCode(_ lines: ArraySlice<String>) -> (code: String, count: Int)? {
        guard lines.first?.hasPrefix("    ") == true else { return nil }
        var code = lines.prefix { $0.hasPrefix("    ") || isBlank($0) }
        while let last = code.last, isBlank(last) { code.removeLast() }
        return (code.map { String($0.dropFirst(4)) }.joined(separator: "\n"), code.count)
    }

    /// The mark of a line that opens a fence.
    private static func fenceMark(_ line: String) -> Substring? {
        guard let content = content(line), let first = content.first, first == "`" || first == "~" else { return nil }
        let mark = content.prefix { $0 == first }
        return mark.count < 3 || (first == "`" && content.dropFirst(mark.count).contains("`")) ? nil : mark
    }

    /// A fence up to a line with its mark, or to the end.
    static func fence(_ lines: ArraySlice<String>) -> (code: String, count: Int)? {
        // The opening line alone, at the end of the text, is none.
        guard let first = lines.first, lines.count > 1, let mark = fenceMark(first) else { return nil }
        let body = lines.dropFirst()
        let close = body.firstIndex { line in
            guard let rest = content(line), rest.hasPrefix(mark) else { return false }
            return rest.allSatisfy { $0 == "`" || $0 == "~" || $0 == " " }
        }
        let code = body[..<(close ?? body.endIndex)].joined(separator: "\n")
        return (code, (close.map { $0 + 1 } ?? lines.endIndex) - lines.startIndex)
    }

    // MARK: Lists

    struct ListMarker {
        /// The bullet, or the character behind the number.
        let mark: Character
        let number: Int?
        /// The text behind the marker.
        let text: String
        /// The column of the text.
        let indentation: Int

        var isNumbered: Bool { number != nil }

        init?(_ line: String) {
            guard let content = WebLine.content(line) else { return nil }
            let digits = content.prefix { ("0"..."9").contains($0) }
            guard digits.count <= 9, let mark = content.dropFirst(digits.count).first,
                (digits.isEmpty ? "*+-" : ".)").contains(mark)
            else { return nil }
            let rest = content.dropFirst(digits.count + 1)
            guard rest.isEmpty || rest.first == " " || rest.first == "\t" else { return nil }
            self.mark = mark
            number = digits.isEmpty ? nil : Int(digits)
            let blanks = rest.prefix { $0 == " " || $0 == "\t" }.count
            // More than four blanks belong to the text, which is code.
            let separator = blanks > 4 ? 1 : blanks
            text = blanks == rest.count ? "" : String(rest.dropFirst(separator))
            indentation = line.count - content.count + digits.count + 1 + max(separator, 1)
        }

        /// Whether the item belongs to the list that began with `first`.
        func continues(_ first: ListMarker) -> Bool {
            mark == first.mark && isNumbered == first.isNumbered
        }
    }

    /// The text of a task and whether it is done.
    static func task(_ text: String) -> (isDone: Bool, text: String)? {
        guard text.hasPrefix("[ ] ") || text.hasPrefix("[x] ") || text.hasPrefix("[X] ") else { return nil }
        return (!text.hasPrefix("[ ]"), String(text.dropFirst(3).drop { $0 == " " }))
    }

    // MARK: Definitions and tables

    /// A link definition, `[label]: url`, which is not shown.
    static func definition(_ line: String) -> (label: String, url: String)? {
        guard let content = content(line), content.first == "[", let close = content.firstIndex(of: "]") else {
            return nil
        }
        let label = content[content.index(after: content.startIndex)..<close]
        guard !label.trimmed.isEmpty, !label.contains("["), content[close...].hasPrefix("]:") else { return nil }
        let words = content[close...].dropFirst(2).split { $0 == " " || $0 == "\t" }
        guard let url = words.first else { return nil }
        let title = words.dropFirst().joined(separator: " ")
        let isTitle = [("\"", "\""), ("'", "'"), ("(", ")")].contains {
            title.count > 1 && title.hasPrefix($0) && title.hasSuffix($1)
        }
        return title.isEmpty || isTitle ? (label.trimmed.lowercased(), String(url)) : nil
    }

    /// A row with a bar, a row of dashes and further rows.
    static func table(_ lines: ArraySlice<String>) -> (header: [String], rows: [[String]], count: Int)? {
        guard lines.count > 1, let first = lines.first, first.contains("|"),
            let dashes = lines.dropFirst().first, content(dashes) != nil, isDelimiter(dashes)
        else { return nil }
        let header = cells(first)
        guard header.count == cells(dashes).count else { return nil }
        var rows: [[String]] = []
        var rest = lines.dropFirst(2)
        while let line = rest.first, !isBlank(line), !isRule(line), heading(line) == nil, fenceMark(line) == nil,
            ListMarker(line) == nil
        {
            let row = cells(line).prefix(header.count)
            rows.append(row + Array(repeating: "", count: header.count - row.count))
            rest.removeFirst()
        }
        return (header, rows, rows.count + 2)
    }

    private static func isDelimiter(_ line: String) -> Bool {
        line.contains("-") && line.allSatisfy { "-:| ".contains($0) }
            && cells(line).allSatisfy { cell in
                let dashes = cell.drop { $0 == ":" }
                return cell.contains("-") && dashes.drop { $0 == "-" }.allSatisfy { $0 == ":" }
            }
    }

    private static func cells(_ line: String) -> [String] {
        var cells = TableRow.cells(of: line.trimmed)
        if cells.first == "" { cells.removeFirst() }
        if cells.last == "" { cells.removeLast() }
        return cells
    }
}
