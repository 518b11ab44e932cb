/// The blocks of a text: everything that begins at the start of a line.
extension GrammarParser {
    static func parse(_ text: String, rules: GrammarRules) -> (blocks: [MarkupBlock], steps: Int) {
        guard text.utf16.count <= rules.lengthLimit else { return (plainBlocks(text), 0) }
        var parser = GrammarParser(rules.closesFences ? withClosedFence(text) : text, rules: rules)
        if let emoji = parser.bigEmoji() { return ([emoji], parser.steps) }
        var blocks: [MarkupBlock] = []
        var position = 0
        while position < parser.scan.end {
            guard let (block, end) = parser.block(position) ?? parser.paragraph(position) else { break }
            blocks.append(block)
            position = end
        }
        return (blocks, parser.steps)
    }

    /// Blocks without markup, for a text that is too long to be parsed.
    private static func plainBlocks(_ text: String) -> [MarkupBlock] {
        text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { line in
            line.isEmpty ? .lineBreak : .paragraph([.text(String(line))])
        }
    }

    private static func withClosedFence(_ text: String) -> String {
        var fences = 0
        var run = 0
        for unit in text.utf16 {
            run = unit == UInt16(ascii: "`") ? run + 1 : 0
            if run == 3 {
                fences += 1
                run = 0
            }
        }
        return fences % 2 == 1 ? text + "\n```" : text
    }

    private mutating func paragraph(_ position: Int) -> (MarkupBlock, Int)? {
        inline(from: position).map { (.paragraph($0.inlines), $0.end) }
    }

    /// The block that begins at the position, if it is not a paragraph.
    private mutating func block(_ position: Int) -> (MarkupBlock, Int)? {
        steps += 1
        if rules.hasRules, let end = ruleEnd(position) { return (.rule, end) }
        if rules.hasTables, let table = table(position) { return table }
        return quote(position) ?? spoilerBlock(position) ?? fence(position) ?? heading(position)
            ?? list(.tasks, position) ?? list(.numbers, position) ?? list(.bullets, position) ?? mathBlock(position)
            ?? lineBreak(position)
    }

    /// One to three emoji and white space.
    private mutating func bigEmoji() -> MarkupBlock? {
        let skipBlanks = { (scan: TextScan, start: Int) in scan.run(from: start) { $0.isBlank || $0.isLineEnd } }
        var position = skipBlanks(scan, 0)
        var emoji: [MarkupInline] = []
        while emoji.count < 3, position < scan.end {
            if let match = self.emoji(position), case .node(let node)? = match.pieces.first {
                emoji.append(node)
                position = match.end
            } else if let end = emoticonEnd(position, false) {
                emoji.append(.emoji(scan.string(position..<end)))
                position = end
            } else {
                return nil
            }
            position = skipBlanks(scan, position)
        }
        return emoji.isEmpty || position < scan.end ? nil : .bigEmoji(emoji)
    }

    private func lineBreak(_ position: Int) -> (MarkupBlock, Int)? {
        scan.lineEnd(at: scan.blanksEnd(position)).map { (.lineBreak, $0) }
    }

    // MARK: Quotes and spoilers

    private mutating func quote(_ start: Int) -> (MarkupBlock, Int)? {
        var blocks: [MarkupBlock] = []
        var position = start
        while scan[position] == UInt16(ascii: ">"), position < scan.end {
            let content = scan.blanksEnd(position + 1)
            if rules.hasEmptyQuoteLines, let end = scan.lineEnd(at: content) {
                blocks.append(.paragraph([]))
                position = end
            } else if let (block, end) = paragraph(content) {
                blocks.append(block)
                position = end
            } else {
                break
            }
        }
        return blocks.isEmpty ? nil : (.quote(blocks), position)
    }

    /// Paragraphs between lines that are `||`.
    private mutating func spoilerBlock(_ start: Int) -> (MarkupBlock, Int)? {
        guard rules.hasSpoilers, isSpoilerMark(start), var position = scan.lineEnd(at: start + 2),
            hasSpoilerEnd(position)
        else { return nil }
        var blocks: [MarkupBlock] = []
        while !isSpoilerMark(position), let (block, end) = paragraph(position) {
            blocks.append(block)
            position = end
        }
        position = scan.lineEnd(at: position) ?? position
        return blocks.isEmpty || !isSpoilerMark(position) ? nil : (.spoiler(blocks), position + 2)
    }

    /// Whether a later line begins with `||`, so that a row of openings does not parse the rest again and again.
    private func hasSpoilerEnd(_ start: Int) -> Bool {
        var position = start
        while position < scan.end {
            let end = scan.run(from: position) { !$0.isLineEnd }
            guard let next = scan.lineEnd(at: end), next > position else { return false }
            if isSpoilerMark(next) { return true }
            if end == position { return false }
            position = next
        }
        return false
    }

    // MARK: Code, headings, formulas

    /// Lines between lines that begin with three backticks. The first may name a language.
    private func fence(_ start: Int) -> (MarkupBlock, Int)? {
        guard scan.matches("```", at: start) else { return nil }
        let language = scan.run(from: start + 3) {
            $0.isASCIIAlphanumeric || $0 == 0x20 || $0 == UInt16(ascii: "_") || $0 == UInt16(ascii: "-")
                || $0 == UInt16(ascii: ".")
        }
        guard var position = scan.lineEnd(at: language) else { return nil }
        var lines: [String] = []
        while position < scan.end {
            var lineStart = position
            if scan[position] == 0x0A {
                if scan.matches("```", at: position + 1) { break }
                lineStart += 1
            }
            let end = chunkEnd(lineStart)
            if end == position { break }
            lines.append(scan.string(lineStart..<end))
            position = end
        }
        guard !lines.isEmpty, let close = scan.lineEnd(at: position), scan.matches("```", at: close) else { return nil }
        return (.code(lines.joined(separator: "\n")), close + 3)
    }

    /// The end of a line of code, or of its part before three backticks.
    private func chunkEnd(_ start: Int) -> Int {
        var index = start
        while index < scan.end, !scan[index].isLineEnd {
            if scan[index] == UInt16(ascii: "`"), scan.matches("```", at: index) { break }
            index += 1
        }
        return index
    }

    private func heading(_ start: Int) -> (MarkupBlock, Int)? {
        var level = 0
        while level < 4, scan[start + level] == UInt16(ascii: "#") { level += 1 }
        let content = scan.blanksEnd(start + level)
        guard level > 0, content > start + level else { return nil }
        let end = scan.run(from: content) { !$0.isLineEnd }
        guard end > content else { return nil }
        return (.heading(level: level, [.text(scan.string(content..<end))]), end)
    }

    private func mathBlock(_ start: Int) -> (MarkupBlock, Int)? {
        guard rules.hasMath, scan.matches("\\[", at: start) else { return nil }
        let end = Int(scan.nextMathEnds[min(start + 2, scan.end)])
        return end < scan.end ? (.math(scan.string((start + 2)..<end)), end + 2) : nil
    }

    // MARK: Lists

    private mutating func list(_ kind: MarkupList.Kind, _ start: Int) -> (MarkupBlock, Int)? {
        var items: [MarkupList.Item] = []
        var position = start
        var mark: UInt16?
        while position < scan.end {
            // The items of a list without numbers have the same mark.
            if kind == .bullets, let mark, scan[position] != mark { break }
            mark = scan[position]
            guard let (item, end) = listItem(kind, position) else { break }
            items.append(item)
            position = end
        }
        return items.isEmpty ? nil : (.list(kind, items), position)
    }

    private mutating func listItem(_ kind: MarkupList.Kind, _ start: Int) -> (MarkupList.Item, Int)? {
        var number: Int?
        var isDone: Bool?
        var mark = start + 1
        switch kind {
        case .tasks:
            guard scan.matches("- [x]", at: start) || scan.matches("- [ ]", at: start) else { return nil }
            isDone = scan[start + 3] == UInt16(ascii: "x")
            mark = start + 5
        case .numbers:
            let end = scan.run(from: start) { $0.isASCIIDigit }
            guard end > start, scan[end] == UInt16(ascii: ".") else { return nil }
            number = Int(scan.string(start..<end)) ?? Int.max
            mark = end + 1
        case .bullets:
            guard scan[start] == UInt16(ascii: "-") || scan[start] == UInt16(ascii: "*") else { return nil }
        }
        let content = scan.blanksEnd(mark)
        let isStarred = kind == .bullets && scan[start] == UInt16(ascii: "*")
        guard content > mark, let (inlines, end) = isStarred ? starredItem(content) : inline(from: content) else {
            return nil
        }
        return (MarkupList.Item(blocks: [.paragraph(inlines)], number: number, isDone: isDone), end)
    }

    /// The content of an item that begins with `*`: it must not contain an asterisk that begins no element.
    private mutating func starredItem(_ start: Int) -> (inlines: [MarkupInline], end: Int)? {
        var pieces: [Piece] = []
        var position = start
        while position < scan.end, !scan[position].isLineEnd {
            if let match = item(position, [], false) {
                pieces += match.pieces
                position = match.end
            } else if scan[position] == UInt16(ascii: "*") {
                return nil
            } else {
                let match = fallback(position)
                pieces += match.pieces
                position = match.end
            }
        }
        guard position > start else { return nil }
        return (Self.inlines(pieces), scan.lineEnd(at: position) ?? position)
    }
}
