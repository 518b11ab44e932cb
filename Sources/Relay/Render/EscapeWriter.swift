/// Writes clean text with every construct of one dialect broken, until a limit.
struct EscapeWriter {
    enum Dialect { case text, attachment, title }

    /// Zero width, no space: ends a name, a URL or a marker without being seen (section 3.4).
    static let breaker: Unicode.Scalar = "\u{200B}"

    let dialect: Dialect
    let source: CleanText
    /// UTF-16 units the result may have.
    let limit: Int
    private let seams: Set<Int>
    /// Where the last bar stands: a `<` before it could begin a Slack link, whose URL may hold a breaker.
    private let lastBar: Int
    private var output = String.UnicodeScalarView()
    private var units = 0

    init(dialect: Dialect, source: CleanText, limit: Int) {
        self.dialect = dialect
        self.source = source
        self.limit = limit
        lastBar = source.scalars.lastIndex(of: "|") ?? -1
        seams = TokenSeams.find(in: source.scalars, breaksAddresses: dialect != .title)
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

    /// Appends the whole piece or nothing, so that the limit never parts a backslash from what it escapes.
    private mutating func append(_ piece: [Unicode.Scalar], reserving reserve: Int) -> Bool {
        let length = piece.reduce(0) { $0 + UTF16.width($1) }
        guard units + length + reserve <= limit else { return false }
        output.append(contentsOf: piece)
        units += length
        return true
    }

    private func piece(at index: Int) -> [Unicode.Scalar] {
        var piece = inline(at: index)
        if startsBlock(at: index) { piece.insert(Self.breaker, at: 0) }
        if seams.contains(index), piece.last != Self.breaker {
            if source.scalars[index] == ".", dialect == .attachment {
                // Section 3.7 B: both clients take `\.` for a dot, so a copied address stays whole.
                piece = ["\\", "."]
            } else {
                piece.append(Self.breaker)
            }
        }
        return piece
    }

    private func inline(at index: Int) -> [Unicode.Scalar] {
        let scalar = source.scalars[index]
        switch scalar {
        case "@": return [scalar, Self.breaker]
        case "#": return dialect == .attachment ? ["\\", scalar] : [scalar, Self.breaker]
        case "*", "~", "`": return emphasis(scalar)
        case "_": return isInsideWord(index) ? [scalar] : emphasis(scalar)
        case "[": return ["\u{FF3B}"]
        case "]": return ["\u{FF3D}"]
        case "<" where index < lastBar: return ["\u{FF1C}"]
        case "\\", "<", ":", "|", "$", "+": return opensConstruct(at: index) ? [scalar, Self.breaker] : [scalar]
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

    /// Whether the scalar begins something by what follows it: an escape or KaTeX, a tag or Slack link, a URL or
    /// emoji, a spoiler, a formula, a phone number.
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

    /// Whether a second colon makes `:name:` of what follows this one.
    private func isShortName(after colon: Int) -> Bool {
        var end = colon + 1
        while let scalar = scalar(end), scalar.isShortNameScalar { end += 1 }
        return end > colon + 1 && scalar(end) == ":"
    }

    /// Whether an underscore of `text` is safe bare: between letters or digits of a word that nothing but a space
    /// precedes. After other characters newer grammars see the start of an italic in it.
    private func isInsideWord(_ index: Int) -> Bool {
        guard dialect != .attachment, let next = scalar(index + 1), next.isLetterOrDigit else { return false }
        guard let previous = scalar(index - 1), previous.isLetterOrDigit else { return false }
        var start = index
        while let scalar = scalar(start - 1), scalar.isWord, !seams.contains(start - 1) { start -= 1 }
        return start == 0 ? source.scalars[0] != "_" : source.scalars[start - 1] == " " && source.scalars[start] != "_"
    }

    private func scalar(_ index: Int) -> Unicode.Scalar? {
        source.scalars.indices.contains(index) ? source.scalars[index] : nil
    }
}

extension EscapeWriter {
    /// Whether the line that begins here would become a heading, quote, list, table, rule or code block.
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

    /// Whether digits, a dot or parenthesis, and a space stand here.
    private func startsNumberedItem(at index: Int) -> Bool {
        var end = index
        while let scalar = scalar(end), scalar.isDigit { end += 1 }
        guard let mark = scalar(end), mark == "." || mark == ")" else { return false }
        guard let next = scalar(end + 1) else { return true }
        return next == " " || next == "\n"
    }
}

extension Unicode.Scalar {
    /// ASCII only.
    var isDigit: Bool { ("0"..."9").contains(self) }
    /// ASCII only.
    var isLetter: Bool { ("a"..."z").contains(self) || ("A"..."Z").contains(self) }
    /// ASCII only.
    var isLetterOrDigit: Bool { isLetter || isDigit }
    fileprivate var isWord: Bool { isLetterOrDigit || self == "_" }
    fileprivate var isShortNameScalar: Bool { isWord || self == "-" || self == "+" || self == "." }
}
