/// Parses the inline elements of an attachment as `marked` does. The text is escaped HTML.
struct WebInlineParser {
    let units: [UInt16]
    let definitions: [String: String]
    var steps = 0
    /// Whether a link surrounds the text. Links do not nest.
    private let isInLink: Bool

    private var position = 0
    private var nodes: [MarkupInline] = []
    /// Text that is not a node yet, as code units.
    private var text: [UInt16] = []
    /// The last character of the text before the position; nil after an element.
    private var previous: UInt16?
    private var runs: MarkRuns
    private let closes: WebLinkTarget.Closes
    private let depth: Int

    /// Elements in elements that are deeper are text, so that they do not exhaust the stack.
    private static let depthLimit = 16

    init(_ text: String, definitions: [String: String], isInLink: Bool = false, depth: Int = 0) {
        units = Array(text.utf16)
        self.definitions = definitions
        self.isInLink = isInLink
        self.depth = depth
        runs = MarkRuns(units)
        closes = WebLinkTarget.Closes(units)
    }

    mutating func parse() -> [MarkupInline] {
        while position < units.count {
            steps += 1
            if depth >= Self.depthLimit {
                text += units[position...]
                break
            }
            if !element() { plain() }
        }
        steps += runs.steps
        flush()
        return WebEmoji.replaced(in: nodes, isNested: depth > 0)
    }

    /// Parses the element at the position. Returns false if none begins there.
    private mutating func element() -> Bool {
        escape() || link() || emphasis() || code() || lineBreak() || strike() || autoLink()
    }

    // MARK: Text

    /// Takes a character, or a run of backticks or tildes, and what follows up to the next possible element.
    private mutating func plain() {
        let start = position
        let first = units[position]
        position = first == UInt16(ascii: "`") || first == UInt16(ascii: "~") ? runs.end(of: position) : position + 1
        while position < units.count, !mayBegin(position) { position += 1 }
        text += units[start..<position]
        // An underscore at the end does not count as the character before emphasis.
        if units[position - 1] != UInt16(ascii: "_") { previous = units[position - 1] }
    }

    private func mayBegin(_ index: Int) -> Bool {
        switch units[index] {
        case UInt16(ascii: "\\"), UInt16(ascii: "<"), UInt16(ascii: "!"), UInt16(ascii: "["), UInt16(ascii: "`"),
            UInt16(ascii: "*"), UInt16(ascii: "~"), UInt16(ascii: "_"),
            0x0A:
            true
        case UInt16(ascii: "h"): matches("http://", index) || matches("https://", index)
        case UInt16(ascii: "f"): matches("ftp://", index)
        case UInt16(ascii: "w"): matches("www.", index)
        case 0x20: isBeforeLineEnd(index)
        default: !isMailPart(units[index - 1]) && mailEnd(index) != nil
        }
    }

    private mutating func flush() {
        guard !text.isEmpty else { return }
        nodes.append(.text(WebText.unescaped(String(decoding: text, as: UTF16.self))))
        text = []
    }

    private mutating func append(_ node: MarkupInline, end: Int) -> Bool {
        flush()
        nodes.append(node)
        position = end
        previous = nil
        return true
    }

    private mutating func inner(_ range: Range<Int>, isInLink: Bool) -> [MarkupInline] {
        var parser = WebInlineParser(
            String(decoding: units[range], as: UTF16.self), definitions: definitions, isInLink: isInLink,
            depth: depth + 1)
        let nodes = parser.parse()
        steps += parser.steps
        return nodes
    }

    private func matches(_ prefix: String, _ index: Int) -> Bool {
        units[index...].starts(with: prefix.utf16)
    }

    private func string(_ range: Range<Int>) -> String {
        WebText.unescaped(String(decoding: units[range], as: UTF16.self))
    }

    private func run(from start: Int, while accepts: (UInt16) -> Bool) -> Int {
        units[start...].firstIndex { !accepts($0) } ?? units.count
    }

    // MARK: Elements

    private mutating func escape() -> Bool {
        guard units[position] == UInt16(ascii: "\\"), position + 1 < units.count, units[position + 1].isASCIIPunctuation
        else {
            return false
        }
        flush()
        // Flushed on its own, because the character does not begin an entity.
        nodes.append(.text(String(decoding: units[(position + 1)..<(position + 2)], as: UTF16.self)))
        position += 2
        previous = nil
        return true
    }

    private func isBeforeLineEnd(_ index: Int) -> Bool {
        let end = run(from: index) { $0 == 0x20 }
        return end < units.count && units[end] == 0x0A
    }

    private mutating func lineBreak() -> Bool {
        // A backslash at the end of a line is part of the line break.
        let isBackslash = units[position] == UInt16(ascii: "\\")
        let start = isBackslash ? position + 1 : position
        guard start < units.count,
            units[start] == 0x0A || (units[start] == 0x20 && !isBackslash && isBeforeLineEnd(start))
        else { return false }
        let end = run(from: start) { $0 == 0x20 } + 1
        return append(.lineBreak, end: end)
    }

    private mutating func code() -> Bool {
        guard units[position] == UInt16(ascii: "`"), let close = runs.nextRun(like: position) else { return false }
        let open = runs.end(of: position)
        var content = units[open..<close].map { $0 == 0x0A ? 0x20 : $0 }
        // One blank at both ends belongs to the marks.
        if content.count > 2, content.first == 0x20, content.last == 0x20, content.contains(where: { $0 != 0x20 }) {
            content = Array(content.dropFirst().dropLast())
        }
        return append(
            .code(WebText.unescaped(String(decoding: content, as: UTF16.self))), end: runs.end(of: close))
    }

    private mutating func strike() -> Bool {
        guard units[position] == UInt16(ascii: "~") else { return false }
        let open = runs.end(of: position)
        guard open - position <= 2, open < units.count, !units[open].isHTMLSpace,
            let close = runs.nextRun(like: position, where: { !$0.isHTMLSpace })
        else { return false }
        let content = inner(open..<close, isInLink: isInLink)
        return append(.strike(content), end: runs.end(of: close))
    }

    private mutating func emphasis() -> Bool {
        let mark = units[position]
        guard mark == UInt16(ascii: "*") || mark == UInt16(ascii: "_"),
            let span = runs.emphasis(at: position, previous: previous)
        else { return false }
        let content = inner((position + span.marks)..<(span.end - span.marks), isInLink: isInLink)
        // The web client shows `*x*` bold and `__x__` italic.
        let hasInnerMark = units[(position + span.marks)..<(span.end - span.marks)].contains(mark)
        let isBold =
            span.marks == 2
            ? mark == UInt16(ascii: "*") || units[position + 2].isHTMLSpace
            : mark == UInt16(ascii: "*") && !hasInnerMark
        return append(isBold ? .bold(content) : .italic(content), end: span.end)
    }

    // MARK: Links

    private mutating func link() -> Bool {
        let isImage = units[position] == UInt16(ascii: "!")
        let start = isImage ? position + 1 : position
        guard start < units.count, units[start] == UInt16(ascii: "["), let close = runs.labelEnd(start) else {
            return false
        }
        if let target = WebLinkTarget(units, close + 1, closes) {
            return append(link(target.url, (start + 1)..<close, isImage), end: target.end)
        }
        // A reference: `[label][name]`, `[name][]` or `[name]`.
        guard !definitions.isEmpty else { return false }
        var end = close + 1
        var name = (start + 1)..<close
        if end < units.count, units[end] == UInt16(ascii: "["), let last = runs.labelEnd(end) {
            if last > end + 1 { name = (end + 1)..<last }
            end = last + 1
        }
        guard let url = definitions[String(decoding: units[name], as: UTF16.self).lowercased()] else { return false }
        return append(link(WebText.unescaped(url), (start + 1)..<close, isImage), end: end)
    }

    private mutating func link(_ url: String, _ label: Range<Int>, _ isImage: Bool) -> MarkupInline {
        isImage ? .image(label: string(label), url: url) : .link(label: inner(label, isInLink: true), url: url)
    }

    private mutating func autoLink() -> Bool {
        guard !isInLink else { return false }
        if let end = mailEnd(position) {
            let address = string(position..<end)
            return append(.link(label: [.text(address)], url: "mailto:" + address), end: end)
        }
        guard let end = WebLinkTarget.autoLinkEnd(units, position) else { return false }
        let address = string(position..<end)
        let url = matches("www.", position) ? "http://" + address : address
        return append(.link(label: [.text(address)], url: url), end: end)
    }

    private func isMailPart(_ unit: UInt16) -> Bool {
        unit.isASCIIAlphanumeric || ".!#$%&'*+/=?_`{|}~-".utf16.contains(unit)
    }

    /// The end of a mail address at the position.
    private func mailEnd(_ start: Int) -> Int? {
        guard runs.atPositions.next(from: start) != nil else { return nil }
        let at = run(from: start) { $0.isASCIIAlphanumeric || "._+-".utf16.contains($0) }
        guard at > start, at < units.count, units[at] == UInt16(ascii: "@") else { return nil }
        let isHost = { (unit: UInt16) in
            unit.isASCIIAlphanumeric || unit == UInt16(ascii: "-") || unit == UInt16(ascii: "_")
        }
        var end = run(from: at + 1, while: isHost)
        guard end > at + 1 else { return nil }
        var last: Int?
        while end < units.count, units[end] == UInt16(ascii: ".") {
            let label = run(from: end + 1, while: isHost)
            // A label ends in a letter or a digit.
            var trimmed = label
            while trimmed > end + 1, !units[trimmed - 1].isASCIIAlphanumeric { trimmed -= 1 }
            guard trimmed > end + 1, trimmed == label else { break }
            last = label
            end = label
        }
        return last
    }
}

extension UInt16 {
    var isASCIIPunctuation: Bool {
        switch self {
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
        default: false
        }
    }

    /// White space of a JavaScript expression.
    var isHTMLSpace: Bool {
        self < 0x80
            ? self == 0x20 || (0x09...0x0D).contains(self) : Unicode.Scalar(self)?.properties.isWhitespace ?? false
    }
}
