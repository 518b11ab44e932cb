/// Draws messages for a reader at a terminal: markup is resolved, and the addresses of links are listed below.
package enum MessageText {
    /// - Parameter headline: what precedes the message, such as its room.
    package static func string(_ message: ChatMessage, headline: String, grammar: TextGrammar = .v83) -> String {
        var drawing = Drawing()
        drawing.lines = [headline]
        let text = message.text.isEmpty ? ["(no text)"] : drawing.lines(message.text, as: .text(grammar))
        drawing.lines += text.map { "  " + $0 }
        for attachment in message.attachments { drawing.add(attachment) }
        if !drawing.addresses.isEmpty { drawing.lines.append("") }
        drawing.lines += drawing.addresses.enumerated().map { "  [\($0.offset + 1)] \($0.element)" }
        let lines = drawing.lines.map { line in
            var line = line
            while line.last == " " { line.removeLast() }
            return line
        }
        return printable(lines.joined(separator: "\n") + "\n")
    }

    /// Control characters could steer the terminal.
    private static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
            result.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
        }
        return result
    }
}

/// The lines of a message, and the addresses of its links in the order of their numbers.
private struct Drawing {
    var lines: [String] = []
    var addresses: [String] = []

    mutating func add(_ attachment: ChatMessage.Attachment) {
        if let pretext = attachment.pretext, !pretext.isEmpty {
            lines += lines(pretext, as: .webAttachment).map { "  " + $0 }
        }
        let bar = "  ┃ "
        let color = attachment.color.map { ["[\(ColorName.of($0))]"] } ?? []
        let title = attachment.title.map { [$0 + (attachment.titleLink.map { note($0) } ?? "")] } ?? []
        lines.append(bar + (color + title).joined(separator: " ").replacing("\n", with: " "))
        if let author = attachment.author { lines.append(bar + author) }
        if let text = attachment.text, !text.isEmpty {
            lines += lines(text, as: .webAttachment).map { bar + $0 }
        }
        if let url = attachment.imageURL { lines.append(bar + "(Image)" + note(url)) }
        for field in attachment.fields { add(field, bar) }
        if !attachment.buttons.isEmpty {
            lines.append(bar + attachment.buttons.map { button($0) }.joined(separator: " "))
        }
    }

    private mutating func button(_ button: ChatMessage.Button) -> String {
        guard button.url.isEmpty, let command = button.command else { return "(\(button.text))" + note(button.url) }
        return "(\(button.text)) posts \(command)"
    }

    private mutating func add(_ field: ChatMessage.Field, _ bar: String) {
        let title = lines(field.title, as: .webInline).joined(separator: " ")
        let value = lines(field.value, as: .webInline)
        lines +=
            value.count == 1
            ? ["\(bar)  \(title): \(value[0])"] : ["\(bar)  \(title):"] + value.map { "\(bar)    " + $0 }
    }

    /// The lines of a text with resolved markup.
    mutating func lines(_ text: String, as dialect: MarkupDialect) -> [String] {
        var lines = string(MarkupDocument(text, as: dialect).blocks)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while lines.count > 1, lines.last == "" { lines.removeLast() }
        return lines
    }

    /// The number of an address.
    private mutating func note(_ url: String) -> String {
        let address = url.hasPrefix("//") ? "https:" + url : url
        let index = addresses.firstIndex(of: address) ?? addresses.count
        if index == addresses.count { addresses.append(address) }
        return " [\(index + 1)]"
    }

    // MARK: Blocks

    private mutating func string(_ blocks: [MarkupBlock]) -> String {
        var text = ""
        for block in blocks {
            if block == .lineBreak {
                text += "\n"
            } else {
                // A block such as a heading leaves its line to the line break behind it.
                if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
                text += string(block)
            }
        }
        return text
    }

    private mutating func string(_ block: MarkupBlock) -> String {
        switch block {
        case .paragraph(let inlines): return string(inlines) + "\n"
        case .heading(_, let inlines), .bigEmoji(let inlines): return string(inlines)
        case .quote(let blocks): return indented(string(blocks), first: "> ", others: "> ")
        case .code(let code): return indented(code, first: "    ", others: "    ")
        case .math(let formula): return formula
        case .spoiler(let blocks): return string(blocks)
        case .rule: return "────────\n"
        case .list(let kind, let items): return items.map { string($0, kind) }.joined()
        case .table(let header, let rows):
            let table = ([header] + rows).map { row in row.map { string($0) } }
            return table.map { $0.joined(separator: " │ ") + "\n" }.joined()
        case .lineBreak: return "\n"
        }
    }

    private mutating func string(_ item: MarkupList.Item, _ kind: MarkupList.Kind) -> String {
        let mark =
            switch (item.isDone, kind) {
            case (true?, _): "[x] "
            case (false?, _): "[ ] "
            case (nil, .numbers): "\(item.number ?? 1). "
            case (nil, _): "• "
            }
        return indented(string(item.blocks), first: mark, others: String(repeating: " ", count: mark.count))
    }

    /// The lines of a text with a prefix each, and a line break at the end.
    private func indented(_ text: String, first: String, others: String) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        return lines.enumerated().map { ($0.offset == 0 ? first : others) + $0.element + "\n" }.joined()
    }

    // MARK: Inline elements

    private mutating func string(_ inlines: [MarkupInline]) -> String {
        var text = ""
        for inline in inlines { text += string(inline) }
        return text
    }

    private mutating func string(_ inline: MarkupInline) -> String {
        switch inline {
        case .text(let text), .code(let text), .math(let text), .unicodeEmoji(let text): return text
        case .bold(let inner), .italic(let inner), .strike(let inner), .spoiler(let inner): return string(inner)
        case .link(let label, let url):
            let text = string(label)
            // An address that is shown needs no number.
            let isShown = [text, "//" + text, "http://" + text, "mailto:" + text].contains(url)
            return isShown || url.hasPrefix("tel:") ? text : text + note(url)
        case .image(let label, let url): return (label.isEmpty ? "image" : label) + note(url)
        case .mention(let name): return "@" + name
        case .channel(let name): return "#" + name
        case .emoji(let source): return EmojiTable.character(for: source) ?? source
        case .color(let digits): return "#" + digits
        case .timestamp(let value, _): return MarkupTime.string(value)
        case .lineBreak: return "\n"
        }
    }
}
