/// A text as a client of Rocket.Chat reads it.
package struct MarkupDocument: Equatable, Sendable {
    package let dialect: MarkupDialect
    package let blocks: [MarkupBlock]
    /// The number of rules that the parser tried. Tests use it to prove that parsing is linear.
    package let steps: Int

    /// Parses `text`. Every text is valid: what is no markup is text.
    package init(_ text: String, as dialect: MarkupDialect) {
        self.dialect = dialect
        switch dialect {
        case .text(let grammar):
            (blocks, steps) = GrammarParser.parse(text, rules: grammar.rules)
        case .mobileAttachment:
            (blocks, steps) = GrammarParser.parse(text, rules: .mobile)
        case .webAttachment:
            (blocks, steps) = WebBlockParser.parse(text)
        case .webInline:
            (blocks, steps) = WebBlockParser.parseInline(text)
        }
    }

    /// The visible text.
    package var shown: String {
        var text = MarkupText(dialect: dialect).string(blocks)
        while let last = text.unicodeScalars.last, last.properties.isWhitespace { text.unicodeScalars.removeLast() }
        return text
    }

    /// Every construct in order. An outer construct precedes the ones in it, which have a greater depth.
    package var constructs: [LiveConstruct] {
        var list = ConstructList(text: MarkupText(dialect: dialect))
        list.add(blocks)
        return list.constructs
    }

    /// The names that a text mentions, in order.
    package var mentions: [String] {
        constructs.filter { $0.kind == .mention }.map { String($0.text.dropFirst()) }
    }
}

/// The visible text of nodes.
struct MarkupText {
    let dialect: MarkupDialect

    /// The blocks' texts. A block that does not end its line is followed by a line break.
    func string(_ blocks: [MarkupBlock]) -> String {
        var text = ""
        var needsLineBreak = false
        for block in blocks {
            if needsLineBreak, block != .lineBreak { text += "\n" }
            text += string(block)
            needsLineBreak = Self.leavesLine(block)
        }
        return text
    }

    private static func leavesLine(_ block: MarkupBlock) -> Bool {
        switch block {
        case .heading, .rule: true
        default: false
        }
    }

    private func string(_ block: MarkupBlock) -> String {
        switch block {
        case .paragraph(let inlines): string(inlines) + "\n"
        case .heading(_, let inlines), .bigEmoji(let inlines): string(inlines)
        case .quote(let blocks), .spoiler(let blocks): string(blocks)
        case .code(let text), .math(let text): text
        case .list(let kind, let items): items.map { string($0, in: kind) }.joined()
        case .table(let header, let rows):
            ([header] + rows).map { $0.map(string).joined(separator: " | ") + "\n" }.joined()
        case .rule: ""
        case .lineBreak: "\n"
        }
    }

    func string(_ item: MarkupList.Item, in kind: MarkupList.Kind) -> String {
        let text = string(item.blocks)
        if dialect.isWeb, item.isDone != nil { return " " + text }
        // Clients number the items of a `text` by what was written, and the browser those of an attachment.
        return kind == .numbers && !dialect.isWeb ? "\(item.number ?? 1). " + text : text
    }

    func string(_ inlines: [MarkupInline]) -> String {
        inlines.map(string).joined()
    }

    func string(_ inline: MarkupInline) -> String {
        switch inline {
        case .text(let text), .code(let text), .math(let text), .unicodeEmoji(let text): text
        case .bold(let inner), .italic(let inner), .strike(let inner), .spoiler(let inner): string(inner)
        case .link(let label, _): string(label)
        case .image: dialect.isWeb ? "" : "[image]"
        case .mention(let name): "@" + name
        case .channel(let name): "#" + name
        case .emoji(let source): dialect.isWeb ? EmojiTable.character(for: source) ?? source : source
        case .color: "[color]"
        case .timestamp(let value, let format): "<t:\(value):\(format)>"
        case .lineBreak: "\n"
        }
    }
}

/// Collects the constructs of nodes.
private struct ConstructList {
    let text: MarkupText
    var constructs: [LiveConstruct] = []
    private var depth = 0

    init(text: MarkupText) {
        self.text = text
    }

    mutating func add(_ blocks: [MarkupBlock]) {
        for block in blocks { add(block) }
    }

    private mutating func add(_ block: MarkupBlock) {
        switch block {
        case .paragraph(let inlines): add(inlines)
        case .heading(_, let inlines): add(.heading, text.string(inlines)) { $0.add(inlines) }
        case .quote(let blocks): add(.quote, text.string(blocks)) { $0.add(blocks) }
        case .spoiler(let blocks): add(.spoilerBlock, text.string(blocks)) { $0.add(blocks) }
        case .code(let code): add(.fence, code)
        case .math(let formula): add(.math, formula)
        case .rule: add(.rule, "")
        case .bigEmoji(let inlines):
            // Characters are shown as they are written, only larger.
            if inlines.contains(where: \.isWrittenEmoji) { add(.bigEmoji, text.string(inlines)) }
        case .table(let header, let rows):
            add(.table, text.string([block])) { list in
                for cell in ([header] + rows).joined() { list.add(cell) }
            }
        case .list(let kind, let items): add(kind, items, text.string([block]))
        case .lineBreak: break
        }
    }

    private mutating func add(_ kind: MarkupList.Kind, _ items: [MarkupList.Item], _ shown: String) {
        let names: [MarkupList.Kind: LiveConstruct.Kind] = [
            .bullets: .bulletList, .numbers: .numberedList, .tasks: .tasks,
        ]
        add(names[kind] ?? .bulletList, shown) { list in
            for item in items {
                list.add(.listItem, list.text.string(item, in: .bullets)) { list in
                    if item.isDone != nil { list.add(.checkbox, "") }
                    list.add(item.blocks)
                }
            }
        }
    }

    private mutating func add(_ inlines: [MarkupInline]) {
        for inline in inlines { add(inline) }
    }

    private mutating func add(_ inline: MarkupInline) {
        let shown = text.string(inline)
        switch inline {
        case .text, .unicodeEmoji, .lineBreak: break
        case .code: add(.code, shown)
        case .bold(let inner): add(.bold, shown) { $0.add(inner) }
        case .italic(let inner): add(.italic, shown) { $0.add(inner) }
        case .strike(let inner): add(.strike, shown) { $0.add(inner) }
        case .spoiler(let inner): add(.spoiler, shown) { $0.add(inner) }
        case .link(let label, let url): add(.link, shown, url: url) { $0.add(label) }
        case .image(_, let url): add(.image, shown, url: url)
        case .mention: add(.mention, shown)
        case .channel: add(.channel, shown)
        case .emoji(let source): add(.emoji, source)
        case .color: add(.color, shown)
        case .timestamp: add(.timestamp, shown)
        case .math: add(.inlineMath, shown)
        }
    }

    private mutating func add(
        _ kind: LiveConstruct.Kind, _ shown: String, url: String? = nil,
        _ inner: (inout ConstructList) -> Void = { _ in }
    ) {
        constructs.append(LiveConstruct(kind: kind, text: shown, url: url, depth: depth))
        depth += 1
        inner(&self)
        depth -= 1
    }
}
