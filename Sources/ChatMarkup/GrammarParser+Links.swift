/// Links, images, addresses and telephone numbers.
extension GrammarParser {
    // MARK: Written links

    /// `[label](url)` and `<url|label>`.
    mutating func reference(_ position: Int, _ skipped: Skipped) -> Match? {
        guard !skipped.contains(.references) else { return nil }
        switch scan[position] {
        case UInt16(ascii: "["):
            guard scan.nextLabelEnds[position + 1] < scan.end else { return nil }
            return remembered(.reference, position, skipped) { $0.labeledLink(position, skipped.union(.references)) }
        case UInt16(ascii: "<"): return angleLink(position)
        default: return nil
        }
    }

    /// The label begins at the bracket and may span lines and contain brackets.
    private mutating func labeledLink(_ position: Int, _ skipped: Skipped) -> Match? {
        guard let middle = labelEnd(position + 1, skipped),
            let target = labeledTarget(middle + 2),
            scan[target.end] == UInt16(ascii: ")")
        else { return nil }
        var pieces: [Piece] = []
        var index = position + 1
        while index < middle {
            let match = labelItem(index, skipped)
            pieces += match.pieces
            index = match.end
        }
        let label = pieces.isEmpty ? [.text(url(target))] : Self.inlines(pieces)
        return Match(pieces: [.node(.link(label: label, url: url(target)))], end: target.end + 1)
    }

    /// The position of the `](` that ends a label which begins at `start`.
    private mutating func labelEnd(_ start: Int, _ skipped: Skipped) -> Int? {
        var path: [Key] = []
        var index = start
        var found = -1
        while index < scan.end {
            steps += 1
            let key = Key(rule: .labelEnd, position: index, skipped: skipped)
            if let known = positions[key] {
                found = known
                break
            }
            path.append(key)
            if isBlankOrEmphasis(index, skipped) {
                index = labelItem(index, skipped).end
            } else if scan.matches("](", at: index), index + 2 < scan.end {
                found = index
                break
            } else if rules.endsLabelAtNextLink, beginsNextLink(index) {
                break
            } else {
                index += 1
            }
        }
        for key in path { positions[key] = found }
        return found < 0 ? nil : found
    }

    private mutating func isBlankOrEmphasis(_ position: Int, _ skipped: Skipped) -> Bool {
        scan[position].isBlank || emphasis(position, skipped) != nil
    }

    private mutating func labelItem(_ position: Int, _ skipped: Skipped) -> Match {
        blanks(position) ?? emphasis(position, skipped)
            ?? Match(pieces: [.text(scan.units[position..<(position + 1)])], end: position + 1)
    }

    /// Whether `] [other](` is at the position.
    private func beginsNextLink(_ position: Int) -> Bool {
        guard scan.matches("] [", at: position) else { return false }
        let end = scan.run(from: position + 3) { $0 != UInt16(ascii: "]") }
        return scan.matches("](", at: end)
    }

    private func angleLink(_ position: Int) -> Match? {
        guard let target = target(position + 1), scan[target.end] == UInt16(ascii: "|") else { return nil }
        let start = target.end + 1
        let end = scan.run(from: start) {
            $0 >= 0x20 && $0 != UInt16(ascii: "<") && $0 != UInt16(ascii: ">") && $0 != UInt16(ascii: "|")
        }
        guard end > start, scan[end] == UInt16(ascii: ">") else { return nil }
        let label: [MarkupInline] = [.text(scan.string(start..<end))]
        return Match(pieces: [.node(.link(label: label, url: url(target)))], end: end + 1)
    }

    func image(_ position: Int) -> Match? {
        guard scan.matches("![", at: position) else { return nil }
        let start = scan.blanksEnd(position + 2)
        let text = scan.run(from: start) { $0.isAnyText }
        let middle = text > start ? scan.blanksEnd(text) : position + 2
        guard scan.matches("](", at: middle),
            let target = labeledTarget(middle + 2),
            scan[target.end] == UInt16(ascii: ")")
        else { return nil }
        let label = scan.string((position + 2)..<middle)
        return Match(pieces: [.node(.image(label: label, url: url(target)))], end: target.end + 1)
    }

    // MARK: URLs

    /// Where a link leads, and the position behind it. The URL is made only if the link is complete.
    private struct Target {
        let range: Range<Int>
        var number: String?
        var end: Int { range.upperBound }
    }

    private func url(_ target: Target) -> String {
        target.number.map { "tel:" + $0 } ?? scan.string(target.range)
    }

    private func target(_ position: Int) -> Target? {
        target(position, scan.urlBodyEnd)
    }

    /// The target of `[label](url)`.
    private func labeledTarget(_ position: Int) -> Target? {
        target(position, rules.balancesParentheses ? scan.markdownURLBodyEnd : scan.urlBodyEnd)
    }

    /// A URL with a host, a scheme with anything behind it, or a telephone number.
    private func target(_ position: Int, _ bodyEnd: (Int) -> Int) -> Target? {
        guard position < scan.end else { return nil }
        if let head = headEnd(position) { return Target(range: position..<bodyEnd(head)) }
        if let scheme = schemeEnd(position), bodyEnd(scheme) > scheme {
            return Target(range: position..<bodyEnd(scheme))
        }
        return phone(position).map { Target(range: position..<$0.end, number: $0.number) }
    }

    /// The end of a URL with a host that is not followed by a link's end.
    func urlEnd(_ position: Int) -> Int? {
        position < scan.end ? headEnd(position).map(scan.urlBodyEnd) : nil
    }

    /// The end of a scheme and a host, or of a host.
    private func headEnd(_ position: Int) -> Int? {
        if let scheme = schemeEnd(position), let end = authorityEnd(scheme) { return end }
        return hostEnd(position)
    }

    private func schemeEnd(_ position: Int) -> Int? {
        var index = position
        while index < position + 32, scan[index].isASCIIAlphanumeric || "+-".utf16.contains(scan[index]) { index += 1 }
        return index > position && scan[index] == UInt16(ascii: ":") ? index + 1 : nil
    }

    private func authorityEnd(_ position: Int) -> Int? {
        guard scan.matches("//", at: position) else { return nil }
        return hostEnd(userEnd(position + 2) ?? position + 2)
    }

    /// The end of a user's name and password with the `@` behind them.
    private func userEnd(_ position: Int) -> Int? {
        let isPart = { (unit: UInt16) in unit.isASCIIAlphanumeric || (unit.isSafe && unit != UInt16(ascii: "@")) }
        var end = scan.run(from: position, while: isPart)
        guard end > position else { return nil }
        if scan[end] == UInt16(ascii: ":") {
            let password = scan.run(from: end + 1, while: isPart)
            if password > end + 1 { end = password }
        }
        return scan[end] == UInt16(ascii: "@") ? end + 1 : nil
    }

    private func hostEnd(_ position: Int) -> Int? {
        guard position < scan.end, let end = scan.domainEnd(position) ?? fourNumbersEnd(position) else { return nil }
        guard scan[end] == UInt16(ascii: ":") else { return end }
        let port = scan.run(from: end + 1) { $0.isASCIIDigit }
        return port > end + 1 ? port : end
    }

    private func fourNumbersEnd(_ position: Int) -> Int? {
        var index = position
        for number in 0..<4 {
            if number > 0 {
                guard scan[index] == UInt16(ascii: ".") else { return nil }
                index += 1
            }
            let end = scan.run(from: index) { $0.isASCIIDigit }
            guard end > index else { return nil }
            index = end
        }
        return index
    }

    // MARK: Automatic links

    /// A telephone number, a mail address or a URL. A candidate that is not linked is plain as a whole.
    func autoLink(_ position: Int) -> Match? {
        guard position < scan.end else { return nil }
        if let phone = phone(position) {
            let text = scan.string(position..<phone.end)
            let link = MarkupInline.link(label: [.text(text)], url: "tel:" + phone.number)
            let isLinked = phone.number.utf16.count >= 5
            return Match(
                pieces: [isLinked ? .node(link) : .text(scan.units[position..<phone.end])], end: phone.end)
        }
        if let address = mailAddress(position) {
            let text = scan.string(address)
            let link = MarkupInline.link(label: [.text(text)], url: "mailto:" + text)
            return Match(
                pieces: [LinkTarget.isMailAddress(text) ? .node(link) : .text(scan.units[address])],
                end: address.upperBound)
        }
        guard let head = headEnd(position) else { return nil }
        let end = Int(scan.autoLinkBodyEnds[head])
        let text = scan.string(position..<end)
        guard let url = LinkTarget.address(of: text, linksIPAddresses: rules.linksIPAddresses) else {
            return Match(pieces: [.text(scan.units[position..<end])], end: end)
        }
        return Match(pieces: [.node(.link(label: [.text(text)], url: url))], end: end)
    }

    private func mailAddress(_ position: Int) -> Range<Int>? {
        let start = scan.matches("mailto:", at: position) ? position + 7 : position
        guard start < scan.end, scan[start].isAddressStart else { return nil }
        let at = Int(scan.addressEnds[start])
        guard scan[at] == UInt16(ascii: "@"), at + 1 < scan.end else { return nil }
        return scan.domainEnd(at + 1).map { start..<$0 }
    }

    /// A number behind a plus sign: digits, with one group in parentheses or before a dash.
    func phone(_ position: Int) -> (number: String, end: Int)? {
        guard scan[position] == UInt16(ascii: "+") else { return nil }
        let isDigit = { (unit: UInt16) in unit.isASCIIDigit }
        let start = position + 1
        if scan[start] == UInt16(ascii: "(") {
            let close = scan.run(from: start + 1, while: isDigit)
            guard close > start + 1, scan[close] == UInt16(ascii: ")") else { return nil }
            let prefix = scan.string((start + 1)..<close)
            let first = scan.run(from: close + 1, while: isDigit)
            let second = scan[first] == UInt16(ascii: "-") ? scan.run(from: first + 1, while: isDigit) : first
            if second > first + 1 {
                return (prefix + scan.string((close + 1)..<first) + scan.string((first + 1)..<second), second)
            }
            return first > close + 1 ? (prefix + scan.string((close + 1)..<first), first) : nil
        }
        let first = scan.run(from: start, while: isDigit)
        guard first > start else { return nil }
        let second = scan[first] == UInt16(ascii: "-") ? scan.run(from: first + 1, while: isDigit) : first
        if second > first + 1 {
            return (scan.string(start..<first) + scan.string((first + 1)..<second), second)
        }
        return (scan.string(start..<first), first)
    }
}
