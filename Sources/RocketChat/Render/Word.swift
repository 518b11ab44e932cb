import ChatMarkup
import Support

/// A word of a text, which some client could format, link or replace.
///
/// The rules are the union over all clients and versions (docs/rocketchat.md section 3.7), so a word can be judged live
/// that most clients show unchanged.
struct Word {
    let scalars: ArraySlice<Unicode.Scalar>
    let part: MarkupPart
    /// Whether it is the first word of its line, and whether the last.
    let startsLine: Bool
    let endsLine: Bool

    init(_ scalars: ArraySlice<Unicode.Scalar>, in part: MarkupPart, startsLine: Bool, endsLine: Bool) {
        self.scalars = scalars
        self.part = part
        self.startsLine = startsLine
        self.endsLine = endsLine
    }

    /// The marker of a list's item, which a bullet replaces.
    var isBullet: Bool { startsLine && !endsLine && scalars.count == 1 && scalars.first?.isOne(of: "-+*") == true }

    /// The number of a list's item, `1.`, before the item.
    var isListNumber: Bool { startsLine && !endsLine && scalars.last == "." && endsWithListMark }

    /// Whether the word has neither letters nor digits.
    var isPunctuation: Bool { !isLive && !scalars.contains(where: \.isLetterOrDigit) }

    /// Whether some client would show anything else than the word's characters, except for a link to the word itself.
    var isLive: Bool {
        if startsLine && startsBlock { return true }
        if scalars.hasEmoticon || scalars.isPhoneNumber { return true }
        if scalars.hasScheme { return !scalars.isPlainURL || scalars.indices.contains { scalars.endsEmoji(at: $0) } }
        return scalars.indices.contains { isLive(at: $0) }
    }

    /// Whether the line would become a quote, table, rule, heading or list.
    private var startsBlock: Bool {
        guard let first = scalars.first else { return false }
        if first == ">" || first == "|" || scalars.allSatisfy({ $0.isOne(of: "-=_*+|:") }) { return true }
        return endsWithListMark && !isListNumber
    }

    private var endsWithListMark: Bool {
        guard let mark = scalars.last, mark == "." || mark == ")", scalars.count > 1 else { return false }
        return scalars.dropLast().allSatisfy(\.isDigit)
    }

    private func isLive(at index: Int) -> Bool {
        let next = scalar(index + 1)
        switch scalars[index] {
        case "*", "~", "`", "\\", "[", "]", "#": return true
        case "_": return !isInsideName(index)
        case "@":
            let isInAddress = scalar(index - 1)?.isLetterOrDigit == true && next?.isLetterOrDigit == true
            // Behind an address, a second one would be a mention.
            return scalars.count > 1 && !(isInAddress && scalars.count { $0 == "@" } == 1)
        case "|", "$": return next == scalars[index]
        case "<": return next == "t" && scalar(index + 2) == ":" || scalars.contains("|")
        case ":": return scalars.endsEmoji(at: index)
        default: return false
        }
    }

    /// Whether an underscore is between ASCII letters or digits of a name that begins where the word does. Newer parsers
    /// start italics at an underscore after other characters.
    private func isInsideName(_ index: Int) -> Bool {
        guard scalar(index + 1)?.isLetterOrDigit == true, scalar(index - 1)?.isLetterOrDigit == true else {
            return false
        }
        let start = scalars.first?.isOne(of: "(\"'") == true ? scalars.startIndex + 1 : scalars.startIndex
        return scalars[start] != "_" && scalars[start..<index].allSatisfy { $0.isLetterOrDigit || $0 == "_" }
    }

    private func scalar(_ index: Int) -> Unicode.Scalar? {
        scalars.indices.contains(index) ? scalars[index] : nil
    }
}

// MARK: Inline code

extension Word {
    /// The word as inline code, with a parenthesis, quotation marks and one punctuation mark around it outside.
    var asCode: [Unicode.Scalar] {
        var inner = scalars
        var after: [Unicode.Scalar] = []
        if inner.count > 1, let last = inner.last, last.isOne(of: ",.;:!?") {
            after = [last]
            inner = inner.dropLast()
        }
        var before: [Unicode.Scalar] = []
        if inner.count > 2, let first = inner.first, let last = inner.last,
            first == "(" && last == ")" || first.isOne(of: "\"'") && first == last
        {
            before = [first]
            after.insert(last, at: 0)
            inner = inner.dropFirst().dropLast()
        }
        return before + InlineCode(part: part).escaped(inner, startsLine: startsLine && before.isEmpty) + after
    }
}

/// Writes raw text as inline code. Nothing is parsed in it, except what a client does outside the parser.
struct InlineCode {
    let part: MarkupPart

    /// Whether one span of code can hold the text: no client would change a part of it.
    func isOnePiece(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
        guard !text.contains("\n") else { return false }
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        // Spaces at an end disappear, and a client could collapse two.
        if words.count > 1 && words.contains(where: \.isEmpty) { return false }
        if words.count == 1 { return true }
        return words.allSatisfy { word in
            word.first != "@" && word.first != "#" && !word.hasEmoticon
                && !word.indices.contains { isBreak(word, $0) }
        }
    }

    /// Spans of code, with plain characters between them that a client would change in code.
    func escaped(_ text: ArraySlice<Unicode.Scalar>, startsLine: Bool = true) -> [Unicode.Scalar] {
        var output: [Unicode.Scalar] = []
        var isOpen = false
        for index in text.indices {
            if isBreak(text, index) {
                if isOpen { output.append("`") }
                isOpen = false
                // There it would begin a quote.
                let isQuote = startsLine && index == text.startIndex && text[index] == ">"
                output.append(isQuote ? "\u{203A}" : text[index])
                continue
            }
            if !isOpen { output.append("`") }
            isOpen = true
            output.append(inCode(text, index))
        }
        return isOpen ? output + ["`"] : output
    }

    private func inCode(_ text: ArraySlice<Unicode.Scalar>, _ index: Int) -> Unicode.Scalar {
        switch text[index] {
        case "`": "\u{02CB}"
        // Servers up to 7.7 find mentions in the raw text, after a space or this mark.
        case "@" where index > text.startIndex && text[index - 1] == ">": "\u{FF20}"
        case "#" where index > text.startIndex && text[index - 1] == ">": "\u{FF03}"
        default: text[index]
        }
    }

    /// Whether the character must be outside of code. Web clients up to 7.7 show `<`, `>` and `&` in an attachment's code
    /// as HTML entities, and replace emoji names in it.
    private func isBreak(_ text: ArraySlice<Unicode.Scalar>, _ index: Int) -> Bool {
        guard part == .attachment else { return false }
        switch text[index] {
        case "<", ">", "&": return true
        case ":": return text.endsEmoji(at: index)
        default: return false
        }
    }
}

// MARK: Shapes of words

extension Unicode.Scalar {
    fileprivate var lowercased: Unicode.Scalar {
        guard isASCII else { return properties.lowercaseMapping.unicodeScalars.first ?? self }
        return ("A"..."Z").contains(self) ? Unicode.Scalar(UInt8(ascii: self) | 0x20) : self
    }
    fileprivate func isOne(of marks: String) -> Bool { marks.unicodeScalars.contains(self) }
}

extension ArraySlice<Unicode.Scalar> {
    /// Whether the colon at an index ends a short name, `:name:`. Names of hexadecimal digits are parts of addresses,
    /// except those of emojis.
    func endsEmoji(at index: Int) -> Bool {
        guard self[index] == ":" else { return false }
        let before = self[..<index]
        let length = before.reversed().prefix { $0.isLetterOrDigit || $0.isOne(of: "_-+.") }.count
        let name = before.suffix(length)
        guard !name.isEmpty, name.startIndex > startIndex, self[name.startIndex - 1] == ":" else { return false }
        return !name.allSatisfy(\.properties.isASCIIHexDigit)
            || Self.hexadecimalEmojis.contains(String(String.UnicodeScalarView(name)).lowercased())
    }

    private static let hexadecimalEmojis: Set<String> = [
        "a", "ab", "abc", "abcd", "b", "bed", "bee", "cd", "100", "1234",
    ]

    /// Whether the word is an emoticon, or begins with one before punctuation or before an address.
    var hasEmoticon: Bool {
        guard let first, let candidates = Self.emoticons[first.lowercased] else { return false }
        return candidates.contains { emoticon in
            guard count >= emoticon.count, zip(self, emoticon).allSatisfy({ $0.lowercased == $1 }) else { return false }
            let rest = dropFirst(emoticon.count)
            guard let next = rest.first else { return true }
            return next.isOne(of: ",.!?*_~`") || rest.contains { $0.isOne(of: ".@:/") } || rest.hasEmoticon
        }
    }

    /// By the first character, all in lower case: the web client compares without case.
    private static let emoticons: [Unicode.Scalar: [[Unicode.Scalar]]] = Dictionary(
        grouping: Emoticon.all.map { $0.unicodeScalars.map(\.lowercased) }, by: { $0[0] })

    /// Whether the word is a telephone number with a country code, which clients link.
    var isPhoneNumber: Bool {
        let digits = reduce(0) { $0 + ($1.isDigit ? 1 : 0) }
        guard digits >= 5 else { return false }
        return indices.dropLast().contains { self[$0] == "+" && (self[$0 + 1].isDigit || self[$0 + 1] == "(") }
    }

    /// Whether the word contains `://`.
    var hasScheme: Bool {
        indices.dropLast(2).contains { self[$0] == ":" && self[$0 + 1] == "/" && self[$0 + 2] == "/" }
    }

    /// Whether the word is an http or https URL without a character that could end its link or start another construct.
    var isPlainURL: Bool {
        let text = String(String.UnicodeScalarView(self.prefix(8))).lowercased()
        guard text.hasPrefix("http://") || text.hasPrefix("https://") else { return false }
        return allSatisfy { $0.isLetterOrDigit || $0.isOne(of: ":/?#&=%+,;._-") }
    }

    /// Whether the web client would link the word, or a part of it, in a field's title.
    var isWebAddress: Bool {
        hasScheme || contains("@") || String(String.UnicodeScalarView(self)).lowercased().contains("www.")
    }
}

extension ArraySlice<Unicode.Scalar> {
    /// The character at an index of a live word, or a similar one without a meaning, for the title of a field.
    func lookAlike(at index: Int) -> Unicode.Scalar {
        switch self[index] {
        case "*": "\u{2217}"
        case "~": "\u{223C}"
        case "_": "\u{FF3F}"
        case "`": "\u{02CB}"
        case "[": "\u{FF3B}"
        case "]": "\u{FF3D}"
        case "(": "\u{FF08}"
        case ")": "\u{FF09}"
        case "@": "\u{FF20}"
        case "#": "\u{FF03}"
        case "\\": "\u{FF3C}"
        case ":": "\u{A789}"
        case ";": "\u{FF1B}"
        case "=": "\u{FF1D}"
        case "<": "\u{FF1C}"
        case ">": "\u{FF1E}"
        case "|": "\u{FF5C}"
        case "$": "\u{FF04}"
        case ".": "\u{2024}"
        case "+": "\u{FF0B}"
        default: self[index]
        }
    }

    /// The same for the title of an attachment, which only old mobile versions parse: host names and addresses stay.
    func lookAlikeInTitle(at index: Int) -> Unicode.Scalar {
        let (previous, next) = (
            index > startIndex ? self[index - 1] : nil, index + 1 < endIndex ? self[index + 1] : nil
        )
        switch self[index] {
        case "*", "~", "`": return lookAlike(at: index)
        case "_":
            let isInside = previous?.isLetterOrDigit == true && next?.isLetterOrDigit == true
            return isInside ? "_" : lookAlike(at: index)
        case "]": return next == "(" ? lookAlike(at: index) : "]"
        case "|", "$": return previous == self[index] || next == self[index] ? lookAlike(at: index) : self[index]
        case ":": return endsEmoji(at: index) ? lookAlike(at: index) : ":"
        case "\\": return next == "(" || next == "[" ? lookAlike(at: index) : "\\"
        default: return self[index]
        }
    }
}
