/// Bold, italic and struck text, and spoilers.
extension GrammarParser {
    enum Emphasis {
        case bold, italic, strike

        var mark: UInt16 {
            switch self {
            case .bold: UInt16(ascii: "*")
            case .italic: UInt16(ascii: "_")
            case .strike: UInt16(ascii: "~")
            }
        }

        var skipped: Skipped {
            switch self {
            case .bold: .bold
            case .italic: .italic
            case .strike: .strike
            }
        }

        var rule: Key.Rule {
            switch self {
            case .bold: .bold
            case .italic: .italic
            case .strike: .strike
            }
        }

        func node(_ inner: [MarkupInline]) -> MarkupInline {
            switch self {
            case .bold: .bold(inner)
            case .italic: .italic(inner)
            case .strike: .strike(inner)
            }
        }
    }

    mutating func emphasis(_ position: Int, _ skipped: Skipped) -> Match? {
        emphasis(.bold, position, skipped) ?? emphasis(.italic, position, skipped)
            ?? emphasis(.strike, position, skipped)
    }

    private mutating func emphasis(_ kind: Emphasis, _ position: Int, _ skipped: Skipped) -> Match? {
        guard !skipped.contains(kind.skipped), position < scan.end else { return nil }
        if kind == .italic, let match = wordWithUnderscore(position) { return match }
        guard scan[position] == kind.mark else { return nil }
        let inner = skipped.union(kind.skipped)
        return remembered(kind.rule, position, skipped) { parser in
            if kind == .italic, let match = parser.markedWord(position, inner) { return match }
            return parser.span(kind, position, marks: 2, inner) ?? parser.span(kind, position, marks: 1, inner)
        }
    }

    /// Letters and digits before one or two underscores, which are plain: `node_cpu`.
    private func wordWithUnderscore(_ position: Int) -> Match? {
        let end = Int(scan.alphanumericRunEnds[position])
        guard end > position, scan[end] == UInt16(ascii: "_") else { return nil }
        let last = scan[end + 1] == UInt16(ascii: "_") ? end + 2 : end + 1
        return Match(pieces: [.text(scan.units[position..<last])], end: last)
    }

    /// Underscores around text that a letter follows are plain: `_a_b`. Elements between them stay.
    private mutating func markedWord(_ position: Int, _ skipped: Skipped) -> Match? {
        let mark = UInt16(ascii: "_")
        if scan[position + 1] == mark, let inner = content(.italic, position + 2, skipped),
            scan[inner.end] == mark, scan[inner.end + 1] == mark
        {
            let start = inner.end + 2
            let end = Int(scan.alphanumericRunEnds[min(start, scan.end)])
            if end > start { return plain(position, 2, inner, end) }
        }
        if let inner = content(.italic, position + 1, skipped), scan[inner.end] == mark {
            let start = inner.end + 1
            let end = scan.run(from: start) { $0.isASCIILetter }
            if end > start { return plain(position, 1, inner, end) }
        }
        return nil
    }

    private func plain(_ position: Int, _ marks: Int, _ inner: Match, _ end: Int) -> Match {
        let open = Piece.text(scan.units[position..<(position + marks)])
        return Match(pieces: Self.joined([open] + inner.pieces + [.text(scan.units[inner.end..<end])]), end: end)
    }

    /// A span that begins and ends with the same number of marks.
    private mutating func span(_ kind: Emphasis, _ position: Int, marks: Int, _ skipped: Skipped) -> Match? {
        for index in 0..<marks where scan[position + index] != kind.mark { return nil }
        guard let inner = content(kind, position + marks, skipped) else { return nil }
        for index in 0..<marks where scan[inner.end + index] != kind.mark { return nil }
        return Match(pieces: [.node(kind.node(Self.inlines(inner.pieces)))], end: inner.end + marks)
    }

    /// The content of a span up to a mark or the end of the line.
    private mutating func content(_ kind: Emphasis, _ start: Int, _ skipped: Skipped) -> Match? {
        var pieces: [Piece] = []
        var position = start
        var isAfterFallback = false
        while position < scan.end {
            let unit = scan[position]
            if let match = contentItemOrEmoticon(kind, position, skipped, isAfterFallback) {
                pieces += match.pieces
                position = match.end
                isAfterFallback = false
            } else if unit != 0x0A, unit != kind.mark, unit != 0x20 {
                pieces.append(.text(scan.units[position..<(position + 1)]))
                position += 1
                isAfterFallback = true
            } else {
                break
            }
        }
        return pieces.isEmpty ? nil : Match(pieces: Self.joined(pieces), end: position)
    }

    private mutating func contentItemOrEmoticon(
        _ kind: Emphasis, _ position: Int, _ skipped: Skipped, _ isAfterFallback: Bool
    ) -> Match? {
        // Struck text has neither of the rules for emoticons at the start of a word.
        let blocksEmoji = isAfterFallback && kind != .strike
        if let match = contentItem(kind, position, skipped, blocksEmoji) { return match }
        guard let end = emoticonEnd(position, blocksEmoji) else { return nil }
        if kind != .strike,
            !followsEmoticon(kind == .bold ? .boldFollows : .italicFollows, end, skipped)
        {
            return nil
        }
        return Match(pieces: [.node(.emoji(scan.string(position..<end)))], end: end)
    }

    /// An element within a span, except an emoticon.
    mutating func contentItem(
        _ kind: Emphasis, _ position: Int, _ skipped: Skipped, _ isAfterFallback: Bool
    ) -> Match? {
        steps += 1
        if kind == .strike, let match = timestamp(position) { return match }
        if let match = blanks(position) ?? code(position) { return match }
        if let match = reference(position, skipped) { return match }
        if let match = userMention(position) ?? channelMention(position) { return match }
        let others: [Emphasis] =
            switch kind {
            case .bold: [.italic, .strike]
            case .italic: [.bold, .strike]
            case .strike: [.italic, .bold]
            }
        for other in others {
            if let match = emphasis(other, position, skipped) { return match }
        }
        return isAfterFallback && rules.wantsEmoticonNeighbor ? nil : emoji(position)
    }

    // MARK: Marks around blanks

    /// Marks with only blanks between them are plain: `* *`, `__ __`.
    func spacedMarks(_ position: Int) -> Match? {
        let mark = scan[position]
        guard mark == UInt16(ascii: "*") || mark == UInt16(ascii: "_") || mark == UInt16(ascii: "~") else { return nil }
        let middle = Int(scan.sameRunEnds[position])
        let second = scan.blanksEnd(middle)
        guard second > middle, scan[second] == mark else { return nil }
        let end = Int(scan.sameRunEnds[second])
        return Match(pieces: [.text(scan.units[position..<end])], end: end)
    }

    // MARK: Spoilers

    mutating func spoiler(_ position: Int, _ skipped: Skipped, _ isAfterFallback: Bool) -> Match? {
        guard rules.hasSpoilers, isSpoilerMark(position) else { return nil }
        var pieces: [Piece] = []
        var index = position + 2
        var isAfterFallback = isAfterFallback
        while index < scan.end, !scan[index].isLineEnd, !isSpoilerMark(index) {
            let match = item(index, skipped, isAfterFallback)
            isAfterFallback = match == nil
            let found = match ?? fallback(index)
            pieces += found.pieces
            index = found.end
        }
        guard !pieces.isEmpty, isSpoilerMark(index) else { return nil }
        return Match(pieces: [.node(.spoiler(Self.inlines(pieces)))], end: index + 2)
    }

    func isSpoilerMark(_ position: Int) -> Bool {
        scan[position] == UInt16(ascii: "|") && scan[position + 1] == UInt16(ascii: "|")
    }
}
