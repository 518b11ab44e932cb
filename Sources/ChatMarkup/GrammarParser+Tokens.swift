/// The elements that contain no other elements.
extension GrammarParser {
    private func match(_ node: MarkupInline, end: Int) -> Match {
        Match(pieces: [.node(node)], end: end)
    }

    private func plain(_ range: Range<Int>) -> Match {
        Match(pieces: [.text(scan.units[range])], end: range.upperBound)
    }

    func blanks(_ position: Int) -> Match? {
        let end = scan.blanksEnd(position)
        return end > position ? plain(position..<end) : nil
    }

    func code(_ position: Int) -> Match? {
        guard scan[position] == UInt16(ascii: "`") else { return nil }
        let end = scan.run(from: position + 1) { $0 != UInt16(ascii: "`") && $0 != 0x0A }
        guard end > position + 1, scan[end] == UInt16(ascii: "`") else { return nil }
        return match(.code(scan.string((position + 1)..<end)), end: end + 1)
    }

    func escape(_ position: Int) -> Match? {
        guard scan[position] == UInt16(ascii: "\\"), "*_~`#.".utf16.contains(scan[position + 1]) else { return nil }
        return plain((position + 1)..<(position + 2))
    }

    func math(_ position: Int) -> Match? {
        guard rules.hasMath, scan.matches("\\(", at: position) else { return nil }
        let end = Int(scan.nextInlineMathEnds[min(position + 2, scan.end)])
        return end < scan.end ? match(.math(scan.string((position + 2)..<end)), end: end + 2) : nil
    }

    func color(_ position: Int) -> Match? {
        guard rules.hasColors, scan.matches("color:#", at: position) else { return nil }
        let start = position + 7
        let digits = scan.run(from: start) { $0.isHexDigit } - start
        // Pairs of digits have precedence: three or four of them, else three or four single digits.
        let length =
            switch digits {
            case 8...: 8
            case 6...7: 6
            case 4...5: 4
            case 3: 3
            default: 0
            }
        guard length > 0, !scan[start + length].isAnyText else { return nil }
        return match(.color(scan.string(start..<(start + length))), end: start + length)
    }

    // MARK: Mentions

    /// `@name`. A character directly before it makes it plain.
    func userMention(_ position: Int) -> Match? {
        let isMark = scan[position] == UInt16(ascii: "@")
        if scan[position].isAnyText, scan[position + 1] == UInt16(ascii: "@") {
            let end = Int(scan.sameRunEnds[position + 1])
            if scan[end].isAlphanumeric {
                let pieces: [Piece] = [
                    .text(scan.units[position..<(position + 2)]), .text(scan.units[end..<(end + 1)]),
                ]
                return Match(pieces: pieces, end: end + 1)
            }
        }
        guard isMark else { return nil }
        let start = Int(scan.sameRunEnds[position])
        var end = scan.run(from: start) { $0.isNamePart }
        guard end > start else { return nil }
        if scan[end] == UInt16(ascii: ":") || scan[end] == UInt16(ascii: "@") {
            let server = scan.run(from: end + 1) { $0.isNamePart }
            if server > end + 1 { end = server }
        }
        return match(.mention(scan.string(start..<end)), end: end)
    }

    func channelMention(_ position: Int) -> Match? {
        if scan[position].isAnyText, scan[position + 1] == UInt16(ascii: "#"), scan[position + 2].isAlphanumeric {
            return plain(position..<(position + 3))
        }
        guard scan[position] == UInt16(ascii: "#") else { return nil }
        let end = scan.run(from: position + 1) { $0.isNamePart }
        return end > position + 1 ? match(.channel(scan.string((position + 1)..<end)), end: end) : nil
    }

    // MARK: Emoji

    func emoji(_ position: Int) -> Match? {
        if scan[position] == UInt16(ascii: ":") {
            let end = scan.run(from: position + 1) { $0.isASCIIAlphanumeric || "-_+.".utf16.contains($0) }
            guard end > position + 1, scan[end] == UInt16(ascii: ":") else { return nil }
            return match(.emoji(scan.string(position..<(end + 1))), end: end + 1)
        }
        guard let end = unicodeEmojiEnd(position) else { return nil }
        return match(.unicodeEmoji(scan.string(position..<end)), end: end)
    }

    private func unicodeEmojiEnd(_ position: Int) -> Int? {
        let (first, second) = (scan[position], scan[position + 1])
        switch (first, second) {
        case (0xD83D, 0xDE00...0xDE4F): return position + 2
        case (0xD83E, 0xDD00...0xDDFF):
            guard var end = pictographEnd(position + 2) else { return position + 2 }
            while scan[end] == 0x200D, let next = pictographEnd(end + 1) { end = next }
            return end
        case (0xD83C, 0xDF00...0xDFFF), (0xD83D, 0xDC00...0xDDFF): return joinedPictographsEnd(position)
        case (0xD83D, 0xDE80...0xDEFA): return position + 2
        case (0x2300...0x23FF, _), (0x2600...0x27BF, _): return variationEnd(position + 1)
        case (0xD83C, 0xDD00...0xDDFF):
            let isPair = scan[position + 2] == 0xD83C && (0xDD00...0xDDFF).contains(scan[position + 3])
            return isPair ? position + 4 : nil
        default: return nil
        }
    }

    private func variationEnd(_ position: Int) -> Int {
        (0xFE00...0xFE0F).contains(scan[position]) ? position + 1 : position
    }

    private func pictographEnd(_ position: Int) -> Int? {
        switch (scan[position], scan[position + 1]) {
        case (0xD83C, 0xDF00...0xDFFF), (0xD83D, 0xDC00...0xDDFF): variationEnd(position + 2)
        default: nil
        }
    }

    /// Pictographs with a skin tone each, joined by U+200D.
    private func joinedPictographsEnd(_ position: Int) -> Int? {
        guard var end = pictographEnd(position) else { return nil }
        while true {
            if scan[end] == 0xD83C, (0xDFFB...0xDFFF).contains(scan[end + 1]) { end += 2 }
            guard scan[end] == 0x200D, let next = pictographEnd(end + 1) else { return end }
            end = next
        }
    }

    // MARK: Timestamps

    /// `<t:1700000000:R>`. From 8.3 also ISO dates and times of the day.
    func timestamp(_ position: Int) -> Match? {
        guard scan.matches("<t:", at: position) else { return nil }
        let start = position + 3
        let forms = rules.hasDateTimestamps ? Self.timestampForms : ["##########"]
        for form in forms {
            guard var end = formEnd(form, start) else { continue }
            if form != forms[0], let zone = formEnd("+##:##", end) ?? formEnd("-##:##", end) { end = zone }
            let value = scan.string(start..<end)
            if scan[end] == UInt16(ascii: ">") { return match(.timestamp(value: value, format: "t"), end: end + 1) }
            guard scan[end] == UInt16(ascii: ":"), "tTdDfFR".utf16.contains(scan[end + 1]),
                scan[end + 2] == UInt16(ascii: ">")
            else { return nil }
            let format = scan.string((end + 1)..<(end + 2))
            return match(.timestamp(value: value, format: format), end: end + 3)
        }
        return nil
    }

    private static let timestampForms = [
        "##########", "####-##-##T##:##:##.###", "####-##-##T##:##:##", "##:##:##", "##:##",
    ]

    /// The end of a form in which `#` stands for a digit.
    private func formEnd(_ form: String, _ position: Int) -> Int? {
        var index = position
        for unit in form.utf16 {
            guard unit == UInt16(ascii: "#") ? scan[index].isASCIIDigit : scan[index] == unit else { return nil }
            index += 1
        }
        return index
    }
}
