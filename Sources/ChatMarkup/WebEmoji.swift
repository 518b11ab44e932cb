/// Replaces emoji in the text of an attachment, as the web client does after parsing. The client also replaces them
/// in code, which no node of this module can hold: code stays as it is.
enum WebEmoji {
    static func replaced(in nodes: [MarkupInline], isNested: Bool) -> [MarkupInline] {
        let joined = joined(nodes)
        var result: [MarkupInline] = []
        for (index, node) in joined.enumerated() {
            guard case .text(let text) = node else {
                result.append(node)
                continue
            }
            // Only white space or a line break makes an emoticon. A paragraph's start and end are tags.
            let followsBreak = index > 0 && joined[index - 1] == .lineBreak
            let precedesBreak = index + 1 < joined.count && joined[index + 1] == .lineBreak
            result += split(text, followsBreak: followsBreak, precedesBreak: precedesBreak)
        }
        return result
    }

    private static func joined(_ nodes: [MarkupInline]) -> [MarkupInline] {
        var result: [MarkupInline] = []
        for node in nodes {
            if case .text(let text) = node, case .text(let before)? = result.last {
                result[result.count - 1] = .text(before + text)
            } else {
                result.append(node)
            }
        }
        return result
    }

    private static func split(_ text: String, followsBreak: Bool, precedesBreak: Bool) -> [MarkupInline] {
        let units = Array(text.utf16)
        var result: [MarkupInline] = []
        var start = 0
        var index = 0
        while index < units.count {
            let isAfterSpace = index == 0 ? followsBreak : units[index - 1].isHTMLSpace
            let end = shortNameEnd(units, index) ?? (isAfterSpace ? emoticonEnd(units, index, precedesBreak) : nil)
            guard let end else {
                index += 1
                continue
            }
            if index > start { result.append(.text(String(decoding: units[start..<index], as: UTF16.self))) }
            result.append(.emoji(String(decoding: units[index..<end], as: UTF16.self)))
            (start, index) = (end, end)
        }
        if start < units.count { result.append(.text(String(decoding: units[start...], as: UTF16.self))) }
        return result
    }

    private static func shortNameEnd(_ units: [UInt16], _ start: Int) -> Int? {
        guard units[start] == UInt16(ascii: ":") else { return nil }
        let end = units[(start + 1)...].firstIndex { !$0.isASCIIAlphanumeric && !"-_+".utf16.contains($0) }
        guard let end, end > start + 1, units[end] == UInt16(ascii: ":") else { return nil }
        // The client knows its names. Digits between colons are mostly a time.
        let name = String(decoding: units[start...end], as: UTF16.self)
        let hasLetter = units[start...end].contains(where: \.isASCIILetter)
        return hasLetter || EmojiTable.character(for: name) != nil ? end + 1 : nil
    }

    /// White space, a line break or one of `!,.?` follows an emoticon.
    private static func emoticonEnd(_ units: [UInt16], _ start: Int, _ precedesBreak: Bool) -> Int? {
        for candidate in Emoticons.byStart[units[start]] ?? [] where units[start...].starts(with: candidate.text) {
            let end = start + candidate.text.count
            if end == units.count ? precedesBreak : units[end].isHTMLSpace || "!,.?".utf16.contains(units[end]) {
                return end
            }
        }
        return nil
    }
}
