/// Parses a `text` as Rocket.Chat's message parser does: rule by rule in its order, with its precedence.
///
/// The original is a parsing expression grammar (PEG), packages/message-parser/src/grammar.pegjs. It tries alternatives
/// in order and never returns to one that matched. This parser remembers the result of emphasis and links at each
/// position, and looks ahead with `TextScan`. The original needs quadratic or exponential time for both.
struct GrammarParser {
    let scan: TextScan
    let rules: GrammarRules
    /// The number of rules tried.
    var steps = 0

    /// Constructs that must not begin again within themselves.
    struct Skipped: OptionSet, Hashable {
        let rawValue: UInt8
        static let bold = Skipped(rawValue: 1)
        static let italic = Skipped(rawValue: 2)
        static let strike = Skipped(rawValue: 4)
        static let references = Skipped(rawValue: 8)
    }

    /// Text that is not joined yet. Code units may be halves of a surrogate pair.
    enum Piece {
        case text(ArraySlice<UInt16>)
        case node(MarkupInline)
    }

    struct Match {
        var pieces: [Piece]
        var end: Int
    }

    /// A rule at a position. A rule's result also depends on the constructs around it.
    struct Key: Hashable {
        enum Rule: UInt8 { case bold, italic, strike, reference, labelEnd, inlineFollows, boldFollows, italicFollows }
        let rule: Rule
        let position: Int
        let skipped: Skipped
    }

    private var matches: [Key: Match?] = [:]
    var positions: [Key: Int] = [:]

    init(_ text: String, rules: GrammarRules) {
        scan = TextScan(text, rules: rules)
        self.rules = rules
    }

    /// Returns the remembered result of a rule, or evaluates it.
    mutating func remembered(
        _ rule: Key.Rule, _ position: Int, _ skipped: Skipped, _ evaluate: (inout GrammarParser) -> Match?
    ) -> Match? {
        let key = Key(rule: rule, position: position, skipped: skipped)
        if let match = matches[key] { return match }
        let match = evaluate(&self)
        matches[key] = .some(match)
        return match
    }

    // MARK: Lines

    /// Parses inline elements up to the end of the line or of an element that spans lines. Consumes the line end.
    mutating func inline(from start: Int) -> (inlines: [MarkupInline], end: Int)? {
        var pieces: [Piece] = []
        var position = start
        var isAfterFallback = false
        while position < scan.end, !scan[position].isLineEnd {
            if let match = item(position, [], isAfterFallback) {
                pieces += match.pieces
                position = match.end
                isAfterFallback = false
            } else {
                let match = fallback(position)
                pieces += match.pieces
                position = match.end
                isAfterFallback = true
            }
        }
        guard position > start else { return nil }
        return (Self.inlines(pieces), scan.lineEnd(at: position) ?? position)
    }

    /// A character that begins no element, with a telephone number and a URL directly behind it.
    mutating func fallback(_ position: Int) -> Match {
        steps += 1
        var end = position + 1
        if let phone = phone(end) { end = phone.end }
        if let url = urlEnd(end) { end = url }
        return Match(pieces: [.text(scan.units[position..<end])], end: end)
    }

    /// One inline element.
    mutating func item(_ position: Int, _ skipped: Skipped, _ isAfterFallback: Bool) -> Match? {
        if let match = itemBeforeEmoticons(position, skipped, isAfterFallback) { return match }
        if let end = emoticonEnd(position, isAfterFallback), followsEmoticon(.inlineFollows, end, skipped) {
            return Match(pieces: [.node(.emoji(scan.string(position..<end)))], end: end)
        }
        return itemBehindEmoticons(position, skipped, isAfterFallback)
    }

    mutating func itemBeforeEmoticons(_ position: Int, _ skipped: Skipped, _ isAfterFallback: Bool) -> Match? {
        steps += 1
        if let match = blanks(position) ?? timestamp(position) { return match }
        if let match = reference(position, skipped) { return match }
        if let match = autoLink(position) { return match }
        if let match = spacedMarks(position) { return match }
        if let match = emphasis(position, skipped) { return match }
        if let match = userMention(position) ?? channelMention(position) { return match }
        if !isAfterFallback || !rules.wantsEmoticonNeighbor, let match = emoji(position) { return match }
        return code(position) ?? image(position)
    }

    mutating func itemBehindEmoticons(_ position: Int, _ skipped: Skipped, _ isAfterFallback: Bool) -> Match? {
        if let match = color(position) ?? math(position) ?? escape(position) { return match }
        return spoiler(position, skipped, isAfterFallback)
    }

    // MARK: Emoticons

    func emoticonEnd(_ position: Int, _ isAfterFallback: Bool) -> Int? {
        guard rules.hasEmoticons, !(rules.wantsEmoticonNeighbor && isAfterFallback) else { return nil }
        guard let candidates = Emoticons.byStart[scan[position]] else { return nil }
        for candidate in candidates where scan.units[position...].starts(with: candidate.text) {
            return position + candidate.text.count
        }
        return nil
    }

    /// Whether what is at the position may follow an emoticon: a blank, an asterisk, the end or another element.
    ///
    /// A chain of emoticons is followed in a loop, because recursion could exhaust the stack.
    mutating func followsEmoticon(_ rule: Key.Rule, _ start: Int, _ skipped: Skipped) -> Bool {
        guard rules.wantsEmoticonNeighbor else { return true }
        var chain: [Key] = []
        var position = start
        var isFollowed = false
        while true {
            steps += 1
            let key = Key(rule: rule, position: position, skipped: skipped)
            if let known = positions[key] {
                isFollowed = known == 1
                break
            }
            chain.append(key)
            let unit = scan[position]
            if position >= scan.end || unit.isBlank || unit.isLineEnd || unit == UInt16(ascii: "*")
                || (rule == .italicFollows && unit == UInt16(ascii: "_")) || isElement(rule, position, skipped)
            {
                isFollowed = true
                break
            }
            guard let next = emoticonEnd(position, false) else { break }
            position = next
        }
        for key in chain { positions[key] = isFollowed ? 1 : 0 }
        return isFollowed
    }

    private mutating func isElement(_ rule: Key.Rule, _ position: Int, _ skipped: Skipped) -> Bool {
        switch rule {
        case .boldFollows: contentItem(.bold, position, skipped, false) != nil
        case .italicFollows: contentItem(.italic, position, skipped, false) != nil
        default:
            itemBeforeEmoticons(position, skipped, false) != nil || itemBehindEmoticons(position, skipped, false) != nil
        }
    }

    // MARK: Joining

    /// Joins text. An emoji beside other text or another emoji is text, too.
    static func joined(_ pieces: [Piece]) -> [Piece] {
        var result: [Piece] = []
        var text: [UInt16] = []
        func flush() {
            if !text.isEmpty { result.append(.text(text[...])) }
            text = []
        }
        for (index, piece) in pieces.enumerated() {
            let previous = index > 0 ? pieces[index - 1] : nil
            let next = index + 1 < pieces.count ? pieces[index + 1] : nil
            switch piece {
            case .text(let units): text += units
            case .node(.emoji(let source)) where previous.map(touches) == true || next.map(touches) == true:
                text += source.utf16
            case .node:
                flush()
                result.append(piece)
            }
        }
        flush()
        return result
    }

    /// Whether an emoji beside the piece is shown as text.
    private static func touches(_ piece: Piece) -> Bool {
        switch piece {
        case .text(let units): !units.allSatisfy { Unicode.Scalar($0)?.properties.isWhitespace ?? false }
        case .node(.emoji), .node(.unicodeEmoji): true
        case .node: false
        }
    }

    static func inlines(_ pieces: [Piece]) -> [MarkupInline] {
        joined(pieces).map { piece in
            switch piece {
            case .text(let units): .text(String(decoding: units, as: UTF16.self))
            case .node(let node): node
            }
        }
    }
}
