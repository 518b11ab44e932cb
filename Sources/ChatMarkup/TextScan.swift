/// A text with tables of where runs of characters end, so that each rule of the grammar looks ahead in constant time.
///
/// Without them a long word or a row of brackets needs quadratic time, as it does in Rocket.Chat.
struct TextScan {
    let units: [UInt16]
    let rules: GrammarRules

    /// The end of the run of characters that equal the one at the position.
    private(set) var sameRunEnds: [Int32]
    private var extraRunEnds: [Int32]
    private var linkExtraRunEnds: [Int32]
    private(set) var alphanumericRunEnds: [Int32]
    /// The end of a label of a domain's name.
    private var labelEnds: [Int32]
    /// The end of the local part of a mail address, if one begins at the position.
    private(set) var addressEnds: [Int32]
    private var urlBodyEnds: [Int32]
    private var parenthesisRunEnds: [Int32]
    private var markdownURLBodyEnds: [Int32]
    private(set) var autoLinkBodyEnds: [Int32]
    /// The start of the next `](`, `\)` and `\]` from the position.
    private(set) var nextLabelEnds: [Int32]
    private(set) var nextInlineMathEnds: [Int32]
    private(set) var nextMathEnds: [Int32]

    init(_ text: String, rules: GrammarRules) {
        units = Array(text.utf16)
        self.rules = rules
        let none = [Int32](repeating: Int32(units.count), count: units.count + 3)
        (sameRunEnds, extraRunEnds, linkExtraRunEnds, alphanumericRunEnds) = (none, none, none, none)
        (labelEnds, addressEnds) = (none, none)
        (urlBodyEnds, parenthesisRunEnds, markdownURLBodyEnds, autoLinkBodyEnds) = (none, none, none, none)
        (nextLabelEnds, nextInlineMathEnds, nextMathEnds) = (none, none, none)
        for position in units.indices.reversed() { fill(position) }
    }

    var end: Int { units.count }

    /// The code unit at the position; 0 behind the end. Message texts have no U+0000.
    subscript(position: Int) -> UInt16 {
        position < units.count ? units[position] : 0
    }

    func matches(_ text: String, at position: Int) -> Bool {
        var index = position
        for unit in text.utf16 {
            if index >= units.count || units[index] != unit { return false }
            index += 1
        }
        return true
    }

    func string(_ range: Range<Int>) -> String {
        String(decoding: units[range], as: UTF16.self)
    }

    /// The position behind a line end at the position, which may have two characters; nil if there is none.
    func lineEnd(at position: Int) -> Int? {
        guard position < end, units[position].isLineEnd else { return nil }
        return units[position] == 0x0D && self[position + 1] == 0x0A ? position + 2 : position + 1
    }

    func blanksEnd(_ position: Int) -> Int {
        var index = position
        while index < end, units[index].isBlank { index += 1 }
        return index
    }

    func run(from position: Int, while accepts: (UInt16) -> Bool) -> Int {
        var index = position
        while index < end, accepts(units[index]) { index += 1 }
        return index
    }

    // MARK: Domains and URLs

    /// The end of a URL behind its host.
    func urlBodyEnd(_ position: Int) -> Int { Int(urlBodyEnds[position]) }

    /// The end of a URL within `[label](url)` behind its host.
    func markdownURLBodyEnd(_ position: Int) -> Int { Int(markdownURLBodyEnds[position]) }

    /// The position behind one character of a domain's name; nil if the name ends. `_` and `-` include the character
    /// behind them, of any kind.
    func domainStep(_ position: Int) -> Int? {
        let unit = self[position]
        guard position < end, !unit.isExtra else { return nil }
        if unit == UInt16(ascii: "_") || unit == UInt16(ascii: "-") {
            guard position + 1 < end, !units[position + 1].endsDomain else { return nil }
            return position + 2
        }
        return unit.isSafe || unit.endsDomain ? nil : position + 1
    }

    /// The end of a domain's name: labels with a dot between them, or `localhost`.
    func domainEnd(_ position: Int) -> Int? {
        if matches("localhost", at: position) { return position + 9 }
        var index = Int(labelEnds[position])
        guard index > position, position < end else { return nil }
        var hasDot = false
        while self[index] == UInt16(ascii: "."), let next = domainStep(index + 1) {
            hasDot = true
            index = Int(labelEnds[next])
        }
        return hasDot ? index : nil
    }

    // MARK: Tables

    private mutating func fill(_ position: Int) {
        let unit = units[position]
        let next = position + 1
        let following = self[next]
        sameRunEnds[position] = following == unit && next < end ? sameRunEnds[next] : Int32(next)
        extraRunEnds[position] = unit.isExtra ? extraRunEnds[next] : Int32(position)
        linkExtraRunEnds[position] = unit.isLinkExtra ? linkExtraRunEnds[next] : Int32(position)
        alphanumericRunEnds[position] = unit.isASCIIAlphanumeric ? alphanumericRunEnds[next] : Int32(position)
        labelEnds[position] = domainStep(position).map { labelEnds[$0] } ?? Int32(position)
        addressEnds[position] = addressEnd(position)
        fillURLs(position)
        nextLabelEnds[position] =
            unit == UInt16(ascii: "]") && following == UInt16(ascii: "(") ? Int32(position) : nextLabelEnds[next]
        let isBackslash = unit == UInt16(ascii: "\\")
        nextInlineMathEnds[position] =
            isBackslash && following == UInt16(ascii: ")") ? Int32(position) : nextInlineMathEnds[next]
        nextMathEnds[position] = isBackslash && following == UInt16(ascii: "]") ? Int32(position) : nextMathEnds[next]
    }

    /// The end of a local part that continues at the position; the position itself if it does not.
    private func addressEnd(_ position: Int) -> Int32 {
        let unit = units[position]
        guard unit.isAddressStart || unit.isAddressMark else { return Int32(position) }
        let next = position + 1
        guard next < end else { return Int32(next) }
        if units[next].isAddressStart || units[next].isAddressMark { return addressEnds[next] }
        return units[next] == UInt16(ascii: ".") && self[next + 1].isAddressStart && next + 1 < end
            ? addressEnds[next + 1] : Int32(next)
    }

    private mutating func fillURLs(_ position: Int) {
        let unit = units[position]
        let next = position + 1
        let behindExtra = Int(extraRunEnds[position])
        let isBeforeBlank = self[behindExtra].isBlank || self[behindExtra].isLineEnd
        let isBeforeEnd = rules.trimsAtEnd && behindExtra == end
        let endsBody = unit.isBlank || (behindExtra > position && (isBeforeBlank || isBeforeEnd))
        urlBodyEnds[position] = endsBody || !unit.isURLBody ? Int32(position) : urlBodyEnds[next]
        let endsLink = unit.isBlank || unit.isLineEnd || (behindExtra > position && (isBeforeBlank || isBeforeEnd))
        autoLinkBodyEnds[position] = endsLink ? Int32(position) : autoLinkBodyEnds[next]
        let isInner = !unit.isBlank && !unit.isLineEnd && unit != UInt16(ascii: ")") && unit.isURLBody
        parenthesisRunEnds[position] = isInner ? parenthesisRunEnds[next] : Int32(position)
        markdownURLBodyEnds[position] = markdownURLEnd(position)
    }

    /// The end of a URL in `[label](url)`. Parentheses in it are balanced.
    private func markdownURLEnd(_ position: Int) -> Int32 {
        let unit = units[position]
        let behind = Int(linkExtraRunEnds[position])
        if unit.isBlank || (behind > position && (self[behind].isBlank || self[behind].isLineEnd)) {
            return Int32(position)
        }
        if unit == UInt16(ascii: "(") {
            let close = Int(parenthesisRunEnds[position + 1])
            return close < end && units[close] == UInt16(ascii: ")") ? markdownURLBodyEnds[close + 1] : Int32(position)
        }
        return unit.isURLBody ? markdownURLBodyEnds[position + 1] : Int32(position)
    }
}
