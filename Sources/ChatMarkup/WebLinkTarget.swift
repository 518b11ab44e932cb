/// Where a link in an attachment leads, as `marked` reads it.
struct WebLinkTarget {
    let url: String
    /// The position behind the closing parenthesis.
    let end: Int

    /// Reads `(url "title")` at the position.
    init?(_ units: [UInt16], _ start: Int, _ closes: Closes) {
        guard start < units.count, units[start] == UInt16(ascii: "(") else { return nil }
        let first = Self.spacesEnd(units, start + 1)
        if let close = closes.closing(first) {
            url = WebText.unescaped(String(decoding: units[first..<close], as: UTF16.self))
            end = close + 1
            return
        }
        // The URL may be followed by a title.
        let last = closes.spaceOrEnd(first)
        let title = Self.spacesEnd(units, last)
        guard let titleEnd = Self.titleEnd(units, title) else { return nil }
        let close = Self.spacesEnd(units, titleEnd)
        guard close < units.count, units[close] == UInt16(ascii: ")") else { return nil }
        url = WebText.unescaped(String(decoding: units[first..<last], as: UTF16.self))
        end = close + 1
    }

    private static func spacesEnd(_ units: [UInt16], _ start: Int) -> Int {
        units[start...].firstIndex { !$0.isHTMLSpace } ?? units.count
    }

    /// For each position, the parenthesis that closes a URL which begins there.
    struct Closes {
        /// The first parenthesis that none before it opens, up to white space; the count of units if there is none.
        private var balanced: [Int32]
        /// The last parenthesis before white space.
        private var last: [Int32]
        /// The next white space.
        private var spaces: [Int32]

        init(_ units: [UInt16]) {
            let none = Int32(units.count)
            balanced = [Int32](repeating: none, count: units.count + 2)
            last = balanced
            spaces = balanced
            for index in units.indices.reversed() {
                if units[index].isHTMLSpace || units[index] < 0x20 {
                    spaces[index] = Int32(index)
                    continue
                }
                spaces[index] = spaces[index + 1]
                let isClose = units[index] == UInt16(ascii: ")")
                last[index] = isClose && last[index + 1] == none ? Int32(index) : last[index + 1]
                switch units[index] {
                case UInt16(ascii: ")"): balanced[index] = Int32(index)
                case UInt16(ascii: "\\"): balanced[index] = balanced[index + 2]
                case UInt16(ascii: "("):
                    let close = Int(balanced[index + 1])
                    balanced[index] = close < units.count ? balanced[close + 1] : none
                default: balanced[index] = balanced[index + 1]
                }
            }
        }

        func spaceOrEnd(_ start: Int) -> Int { Int(spaces[start]) }

        /// Parentheses in the URL are balanced, if they can be.
        func closing(_ start: Int) -> Int? {
            let count = balanced.count - 2
            guard start < count else { return nil }
            if balanced[start] < count { return Int(balanced[start]) }
            return last[start] < count ? Int(last[start]) : nil
        }
    }

    /// The position behind a title in quotes or parentheses; the position itself if there is none.
    private static func titleEnd(_ units: [UInt16], _ start: Int) -> Int? {
        guard start < units.count else { return nil }
        let close: UInt16
        switch units[start] {
        case UInt16(ascii: "\""), UInt16(ascii: "'"): close = units[start]
        case UInt16(ascii: "("): close = UInt16(ascii: ")")
        case UInt16(ascii: ")"): return start
        default: return nil
        }
        var index = start + 1
        while index < units.count, units[index] != close { index += units[index] == UInt16(ascii: "\\") ? 2 : 1 }
        return index < units.count ? index + 1 : nil
    }

    // MARK: Automatic links

    /// The end of a URL in the text; nil if none begins at the position.
    static func autoLinkEnd(_ units: [UInt16], _ start: Int) -> Int? {
        let prefixes = ["http://", "https://", "ftp://", "www."]
        guard let prefix = prefixes.first(where: { units[start...].starts(with: $0.utf16) }) else { return nil }
        // Labels with a dot each between them. Anything but white space and `<` follows.
        let host = start + prefix.utf16.count
        guard host < units.count, units[host].isASCIIAlphanumeric || units[host] == UInt16(ascii: "-") else {
            return nil
        }
        let end = units[host...].firstIndex { $0.isHTMLSpace || $0 == UInt16(ascii: "<") } ?? units.count
        return trimmedEnd(units, start..<end)
    }

    /// The end without punctuation, unbalanced parentheses and entities.
    private static func trimmedEnd(_ units: [UInt16], _ range: Range<Int>) -> Int {
        var end = range.upperBound
        while true {
            let next = acceptedEnd(units, range.lowerBound..<end)
            if next == end { return end }
            end = next
        }
    }

    private static func acceptedEnd(_ units: [UInt16], _ range: Range<Int>) -> Int {
        var index = range.lowerBound
        var lastKept = range.lowerBound
        while index < range.upperBound {
            switch units[index] {
            case UInt16(ascii: "("):
                guard let close = units[index..<range.upperBound].firstIndex(of: UInt16(ascii: ")")) else {
                    return lastKept
                }
                index = close + 1
                lastKept = index
            case UInt16(ascii: "&"):
                if isEntity(units[index..<range.upperBound]) { return lastKept }
                index += 1
                lastKept = index
            case let unit where "?!.,:;*_'\"~)".utf16.contains(unit):
                if lastKept == index, unit == UInt16(ascii: ";"),
                    let start = entityStart(units, index, range.lowerBound),
                    units[(index + 1)..<range.upperBound].allSatisfy({ "?!.,:;*_'\"~)".utf16.contains($0) })
                {
                    return start
                }
                index += 1
            default:
                index += 1
                lastKept = index
            }
        }
        return lastKept
    }

    /// The start of the entity whose name ends before the semicolon.
    private static func entityStart(_ units: [UInt16], _ semicolon: Int, _ lowerBound: Int) -> Int? {
        var start = semicolon
        while start > lowerBound, units[start - 1].isASCIIAlphanumeric { start -= 1 }
        return start < semicolon && start > lowerBound && units[start - 1] == UInt16(ascii: "&") ? start - 1 : nil
    }

    /// Whether an entity such as `&gt;` is all that is left.
    private static func isEntity(_ units: ArraySlice<UInt16>) -> Bool {
        units.count > 2 && units.last == UInt16(ascii: ";")
            && units.dropFirst().dropLast().allSatisfy(\.isASCIIAlphanumeric)
    }
}
