/// The text of push and desktop notifications: Rocket.Chat removes marks of markup from a message's `text`
/// (apps/meteor/app/markdown/lib/parser/filtered/filtered.js). It knows no backslash.
package enum PushText {
    package static func filtered(_ text: String) -> String {
        var units = withoutFences(Array(text.utf16))
        units = withoutCode(units)
        units = withoutLinks(units)
        units = withoutSlackLinks(units)
        units = withoutHeadings(units)
        units = withoutMarks(units, "*", neighbors: "_~`")
        units = withoutMarks(units, "_", neighbors: "*~`")
        units = withoutMarks(units, "~", neighbors: "_*`")
        units = withoutAngleBlocks(units)
        return String(decoding: withoutQuotes(units), as: UTF16.self)
    }

    private static func withoutFences(_ units: [UInt16]) -> [UInt16] {
        replaced(units) { index in
            units[index...].starts(with: "```".utf16) ? (index + 3, index..<index) : nil
        }
    }

    private static func withoutCode(_ units: [UInt16]) -> [UInt16] {
        replaced(units) { index in
            guard units[index] == UInt16(ascii: "`") else { return nil }
            let end = units[(index + 1)...].firstIndex { $0 == UInt16(ascii: "`") || $0.isLineEnd }
            guard let end, end > index + 1, units[end] == UInt16(ascii: "`") else { return nil }
            return (end + 1, (index + 1)..<end)
        }
    }

    /// `[label](url)` and images become their labels.
    private static func withoutLinks(_ units: [UInt16]) -> [UInt16] {
        var closes = [Int](repeating: units.count, count: units.count + 1)
        for index in units.indices.reversed() {
            closes[index] = units[index] == UInt16(ascii: "]") ? index : closes[index + 1]
        }
        return replaced(units) { index in
            let isImage = units[index] == UInt16(ascii: "!")
            let open = isImage ? index + 1 : index
            guard open < units.count, units[open] == UInt16(ascii: "["),
                case let close = closes[open + 1], close > open + 1, close < units.count,
                let address = addressStart(units, close + 1, after: "("),
                let end = units[address...].firstIndex(of: UInt16(ascii: ")")), end > address
            else { return nil }
            return (end + 1, (open + 1)..<close)
        }
    }

    /// `<url|label>` becomes its label.
    private static func withoutSlackLinks(_ units: [UInt16]) -> [UInt16] {
        replaced(units) { index in
            guard let address = addressStart(units, index, after: "<") ?? addressStart(units, index, after: "&lt;"),
                let bar = units[address...].firstIndex(of: UInt16(ascii: "|")), bar > address
            else { return nil }
            var end = bar + 2
            while end < units.count, !units[end - 1].isLineEnd {
                if units[end] == UInt16(ascii: ">") { return (end + 1, (bar + 1)..<end) }
                if units[end...].starts(with: "&gt;".utf16) { return (end + 4, (bar + 1)..<end) }
                end += 1
            }
            return nil
        }
    }

    /// The position behind `after` and a scheme.
    private static func addressStart(_ units: [UInt16], _ index: Int, after: String) -> Int? {
        guard index < units.count else { return nil }
        for scheme in ["http://", "https://"] where units[index...].starts(with: (after + scheme).utf16) {
            return index + (after + scheme).utf16.count
        }
        return nil
    }

    private static func withoutHeadings(_ units: [UInt16]) -> [UInt16] {
        replaced(units) { index in
            guard isLineStart(units, index), units[index] == UInt16(ascii: "#") else { return nil }
            var end = index
            while end < units.count, end < index + 4, units[end] == UInt16(ascii: "#") { end += 1 }
            guard end + 1 < units.count, units[end] == 0x20, !units[end + 1].isHTMLSpace else { return nil }
            return (end + 1, index..<index)
        }
    }

    /// Removes one or two marks around text without them. The start of a line, a blank or another mark precedes them.
    private static func withoutMarks(_ units: [UInt16], _ mark: Unicode.Scalar, neighbors: String) -> [UInt16] {
        let mark = UInt16(ascii: mark)
        let before = Set((">" + " " + neighbors).utf16)
        let after = Set(("<" + neighbors).utf16)
        // The text keeps the character before and the one behind the marks, so they are not looked at again.
        var result: [UInt16] = []
        var index = 0
        while index < units.count {
            let starts = (isLineStart(units, index) ? [index] : []) + (before.contains(units[index]) ? [index + 1] : [])
            guard
                let (start, content, end) = starts.lazy.compactMap({ start in
                    span(units, start, mark).map { (start, $0.content, $0.end) }
                }).first
            else {
                result.append(units[index])
                index += 1
                continue
            }
            result += units[index..<start] + units[content]
            index = end
            if end < units.count, after.contains(units[end]) {
                result.append(units[end])
                index += 1
            }
        }
        return result
    }

    private static func span(_ units: [UInt16], _ start: Int, _ mark: UInt16) -> (content: Range<Int>, end: Int)? {
        guard start < units.count, units[start] == mark else { return nil }
        let open = start + 1 < units.count && units[start + 1] == mark ? start + 2 : start + 1
        let close = units[open...].firstIndex { $0 == mark || $0.isLineEnd }
        guard let close, close > open, units[close] == mark else { return nil }
        let end = close + 1 < units.count && units[close + 1] == mark ? close + 2 : close + 1
        return (open..<close, end)
    }

    /// `>>>`, lines and `<<<` become the lines.
    private static func withoutAngleBlocks(_ units: [UInt16]) -> [UInt16] {
        guard let last = units.lastIndex(of: UInt16(ascii: "<")) else { return units }
        return replaced(units) { index in
            guard index < last, units[index...].starts(with: ">>>\n".utf16) else { return nil }
            let start = units[(index + 3)...].firstIndex { $0 != 0x0A } ?? units.count
            var close = start
            while close < last, !(units[close] == 0x0A && closesBlock(units, close)) { close += 1 }
            guard close < last else { return nil }
            let end = units[close...].firstIndex { $0 != 0x0A } ?? units.count
            return (end + 3, start..<close)
        }
    }

    private static func closesBlock(_ units: [UInt16], _ index: Int) -> Bool {
        let end = units[index...].firstIndex { $0 != 0x0A } ?? units.count
        return units[end...].starts(with: "<<<".utf16)
    }

    private static func withoutQuotes(_ units: [UInt16]) -> [UInt16] {
        replaced(units) { index in
            isLineStart(units, index) && units[index] == UInt16(ascii: ">") ? (index + 1, index..<index) : nil
        }
    }

    private static func isLineStart(_ units: [UInt16], _ index: Int) -> Bool {
        index == 0 || units[index - 1].isLineEnd
    }

    /// Replaces each match by a part of the text. `match` returns the end of the match at an index and the part.
    private static func replaced(_ units: [UInt16], _ match: (Int) -> (end: Int, part: Range<Int>)?) -> [UInt16] {
        var result: [UInt16] = []
        var index = 0
        while index < units.count {
            if let (end, part) = match(index) {
                result += units[part]
                index = end
            } else {
                result.append(units[index])
                index += 1
            }
        }
        return result
    }
}
