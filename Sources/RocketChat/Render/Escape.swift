import Support

/// An untrusted text escaped for one part of a message.
struct Escaped: Sendable, Equatable {
    var string: String
    /// The text was cut at the limit and ends with an ellipsis.
    var isShortened: Bool
}

/// Escapes label and annotation values for the parts of a message, which have different markup (docs/rocketchat.md
/// sections 3.4, 3.7 and 9).
///
/// Each function limits its result to `limit` UTF-16 units and reads no more input than necessary. The result is safe
/// after a space or a line break, and before a space, a comma or a line break.
enum Escape {
    /// For a message's `text` (dialect A), on one line. Notifications show it unparsed, so U+200B, which is invisible, is
    /// preferred to a backslash.
    static func text(_ raw: String, limit: Int) -> Escaped {
        escape(raw, as: .text, limit: limit)
    }

    /// For an attachment's `text` and field values (dialect B), with line breaks. The web client parses them with `marked`,
    /// mobile clients with the parser of `text`, so the escapes work in both.
    static func attachment(_ raw: String, limit: Int) -> Escaped {
        escape(raw, as: .attachment, limit: limit)
    }

    /// For titles of attachments and fields, on one line. The web client shows them unparsed, with backslashes, and some
    /// mobile versions parse them. Characters that U+200B does not escape are replaced by similar ones.
    static func title(_ raw: String, limit: Int) -> Escaped {
        escape(raw, as: .title, limit: limit)
    }

    private static func escape(_ raw: String, as dialect: MarkdownEscaper.Dialect, limit: Int) -> Escaped {
        let clean = SanitizedText(raw, keepsLines: dialect == .attachment, limit: limit)
        var writer = MarkdownEscaper(dialect: dialect, source: clean, limit: limit)
        return writer.write()
    }
}

/// Escapes every construct of one dialect in a sanitized text, up to a limit.
struct MarkdownEscaper {
    enum Dialect { case text, attachment, title }

    /// Invisibly ends a name, a URL or a marker (docs/rocketchat.md section 3.4).
    static let zeroWidthSpace: Unicode.Scalar = "\u{200B}"

    let dialect: Dialect
    let source: SanitizedText
    /// The most UTF-16 units of the result.
    let limit: Int
    private let breaks: Set<Int>
    /// The index of the last bar. A `<` before it could start a Slack link, whose URL may contain U+200B.
    private let lastBar: Int
    private var output = String.UnicodeScalarView()
    private var units = 0

    init(dialect: Dialect, source: SanitizedText, limit: Int) {
        self.dialect = dialect
        self.source = source
        self.limit = limit
        lastBar = source.scalars.lastIndex(of: "|") ?? -1
        breaks = WordBreaks.find(in: source.scalars, breaksAddresses: dialect != .title)
    }

    mutating func write() -> Escaped {
        var isShortened = false
        for index in source.scalars.indices {
            let isLast = index == source.scalars.count - 1 && !source.isCut
            guard append(piece(at: index), reserving: isLast ? 0 : 1) else {
                isShortened = true
                break
            }
        }
        if isShortened || source.isCut {
            isShortened = true
            output.append("…")
        }
        return Escaped(string: String(output), isShortened: isShortened)
    }

    /// Appends the whole piece or nothing, so that the limit never splits an escape.
    private mutating func append(_ piece: [Unicode.Scalar], reserving reserve: Int) -> Bool {
        let length = piece.reduce(0) { $0 + UTF16.width($1) }
        guard units + length + reserve <= limit else { return false }
        output.append(contentsOf: piece)
        units += length
        return true
    }

    private func piece(at index: Int) -> [Unicode.Scalar] {
        var piece = inline(at: index)
        if startsBlock(at: index) { piece.insert(Self.zeroWidthSpace, at: 0) }
        if breaks.contains(index), piece.last != Self.zeroWidthSpace {
            if source.scalars[index] == ".", dialect == .attachment {
                // Both clients show `\.` as a dot, so a copied address is intact (docs/rocketchat.md section 3.7 B).
                piece = ["\\", "."]
            } else {
                piece.append(Self.zeroWidthSpace)
            }
        }
        return piece
    }

    private func inline(at index: Int) -> [Unicode.Scalar] {
        let scalar = source.scalars[index]
        switch scalar {
        case "@": return [scalar, Self.zeroWidthSpace]
        case "#": return dialect == .attachment ? ["\\", scalar] : [scalar, Self.zeroWidthSpace]
        case "*", "~", "`": return emphasis(scalar)
        case "_": return isInsideWord(index) ? [scalar] : emphasis(scalar)
        case "[": return ["\u{FF3B}"]
        case "]": return ["\u{FF3D}"]
        case "<" where index < lastBar: return ["\u{FF1C}"]
        case "\\", "<", ":", "|", "$", "+": return opensConstruct(at: index) ? [scalar, Self.zeroWidthSpace] : [scalar]
        default: return [scalar]
        }
    }

    private func emphasis(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        guard dialect == .title else { return ["\\", scalar] }
        switch scalar {
        case "*": return ["\u{2217}"]
        case "~": return ["\u{223C}"]
        case "_": return ["\u{FF3F}"]
        default: return ["\u{02CB}"]
        }
    }

    /// Whether the scalar and those after it start an escape or KaTeX, a tag or Slack link, a URL or emoji, a spoiler, a
    /// formula or a phone number.
    private func opensConstruct(at index: Int) -> Bool {
        let next = scalar(index + 1)
        switch source.scalars[index] {
        case "\\": return next.map { $0 == "\n" || ($0.isASCII && $0 != " " && !$0.isWord) } ?? true
        case "<": return next.map { $0 != " " && $0 != "=" } ?? true
        case ":": return next == "/" || isShortName(after: index)
        case "+": return next.map { $0.isDigit || $0 == "(" } ?? false
        default: return next == source.scalars[index]
        }
    }

    /// Whether a short name and a second colon follow, as in `:name:`.
    private func isShortName(after colon: Int) -> Bool {
        var end = colon + 1
        while let scalar = scalar(end), scalar.isShortNameScalar { end += 1 }
        return end > colon + 1 && scalar(end) == ":"
    }

    /// Whether an underscore of `text` needs no escape: inside a word that starts after a space. After other characters,
    /// newer grammars parse it as the start of italics.
    private func isInsideWord(_ index: Int) -> Bool {
        guard dialect != .attachment, let next = scalar(index + 1), next.isLetterOrDigit else { return false }
        guard let previous = scalar(index - 1), previous.isLetterOrDigit else { return false }
        var start = index
        while let scalar = scalar(start - 1), scalar.isWord, !breaks.contains(start - 1) { start -= 1 }
        return start == 0 ? source.scalars[0] != "_" : source.scalars[start - 1] == " " && source.scalars[start] != "_"
    }

    private func scalar(_ index: Int) -> Unicode.Scalar? {
        source.scalars.indices.contains(index) ? source.scalars[index] : nil
    }
}

extension MarkdownEscaper {
    /// Whether the line that starts here would become a heading, quote, list, table, rule or code block.
    private func startsBlock(at index: Int) -> Bool {
        guard index == 0 || source.scalars[index - 1] == "\n" else { return false }
        switch source.scalars[index] {
        case ">", "|", "=", " ": return true
        case ":": return scalar(index + 1) == "-"
        case "-", "+": return scalar(index + 1).map { !$0.isLetterOrDigit } ?? true
        case _ where source.scalars[index].isDigit: return startsNumberedItem(at: index)
        default: return false
        }
    }

    /// Whether digits, a dot or parenthesis, and a space follow.
    private func startsNumberedItem(at index: Int) -> Bool {
        var end = index
        while let scalar = scalar(end), scalar.isDigit { end += 1 }
        guard let mark = scalar(end), mark == "." || mark == ")" else { return false }
        guard let next = scalar(end + 1) else { return true }
        return next == " " || next == "\n"
    }
}

extension Unicode.Scalar {
    fileprivate var isWord: Bool { isLetterOrDigit || self == "_" }
    fileprivate var isShortNameScalar: Bool { isWord || self == "-" || self == "+" || self == "." }
}

/// Finds the positions where a word needs a break to be shown unchanged.
enum WordBreaks {
    /// The indices after which a break is required: in emoticons and, optionally, at the dots of domains and addresses,
    /// which clients turn into links (`node1.prod.com`, `10.0.0.1`).
    static func find(in scalars: [Unicode.Scalar], breaksAddresses: Bool) -> Set<Int> {
        var breaks: Set<Int> = []
        for token in tokens(of: scalars) {
            if isEmoticon(scalars[token]) { breaks.insert(token.lowerBound) }
            guard breaksAddresses, isAddress(scalars[token]) else { continue }
            for index in token.dropLast() where scalars[index] == "." && continuesName(scalars[index + 1]) {
                breaks.insert(index)
            }
        }
        return breaks
    }

    private static func tokens(of scalars: [Unicode.Scalar]) -> [Range<Int>] {
        var tokens: [Range<Int>] = []
        var start = 0
        for index in 0...scalars.count where index == scalars.count || scalars[index] == " " || scalars[index] == "\n" {
            if index > start { tokens.append(start..<index) }
            start = index + 1
        }
        return tokens
    }

    /// Whether the word could be an emoticon, which clients replace: `:)`, `8)`, `</3`, `-_-`.
    private static func isEmoticon(_ token: ArraySlice<Unicode.Scalar>) -> Bool {
        (2...5).contains(token.count) && token.allSatisfy(emoticonScalars.contains)
            && token.contains(where: emoticonMarks.contains) && !token.allSatisfy(comparisonScalars.contains)
    }

    private static let emoticonScalars = Set(":;=8BXxDPpOobL03yÞ()[]{}<>/\\|*$#@%^'.-_".unicodeScalars)
    /// Words of only these are comparisons and arrows, `<=` and `->`.
    private static let comparisonScalars = Set("<>=-".unicodeScalars)
    private static let emoticonMarks = Set(":;=()[]<>_*\\".unicodeScalars)

    private static func isAddress(_ token: ArraySlice<Unicode.Scalar>) -> Bool {
        hasTopLevel(token) || hasFourNumbers(token)
    }

    /// Whether a dot inside the word precedes two letters, the shortest top-level domain.
    private static func hasTopLevel(_ token: ArraySlice<Unicode.Scalar>) -> Bool {
        token.indices.dropFirst().dropLast(2).contains { index in
            token[index] == "." && isNameLetter(token[index + 1]) && isNameLetter(token[index + 2])
        }
    }

    private static func hasFourNumbers(_ token: ArraySlice<Unicode.Scalar>) -> Bool {
        var numbers = 0
        var previous: Unicode.Scalar = " "
        for scalar in token {
            if scalar.isDigit {
                if !previous.isDigit { numbers = previous == "." ? numbers + 1 : 1 }
                if numbers == 4 { return true }
            } else if scalar != "." || !previous.isDigit {
                numbers = 0
            }
            previous = scalar
        }
        return false
    }

    private static func isNameLetter(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isLetter || !scalar.isASCII
    }

    private static func continuesName(_ scalar: Unicode.Scalar) -> Bool {
        isNameLetter(scalar) || scalar.isDigit || scalar == "-" || scalar == "_"
    }
}
