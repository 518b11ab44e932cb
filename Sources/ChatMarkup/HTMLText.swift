import Support

/// Draws parsed markup as HTML without style attributes. Everything that comes from a message is escaped.
package struct HTMLText {
    /// Draws a text that is parsed first.
    static func blocks(_ text: String, as dialect: MarkupDialect) -> String {
        HTMLText().string(MarkupDocument(text, as: dialect).blocks)
    }

    /// Draws a text on one line.
    static func line(_ text: String, as dialect: MarkupDialect) -> String {
        let blocks = MarkupDocument(text, as: dialect).blocks
        guard case .paragraph(let inlines)? = blocks.first, blocks.count == 1 else {
            return HTMLText().string(blocks)
        }
        return HTMLText().string(inlines)
    }

    /// Escapes characters that mean something in HTML. Control characters become U+FFFD.
    package static func escaped(_ text: some StringProtocol) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            case "\n", "\t": escaped.unicodeScalars.append(scalar)
            case _ where scalar.properties.generalCategory == .control: escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// A link to an `http` or `https` address; the label alone for any other.
    static func link(_ url: String, label: String) -> String {
        guard let address = LinkPolicy.address(url) else { return "<span class=\"link\">\(label)</span>" }
        return "<a href=\"\(escaped(address))\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">\(label)</a>"
    }

    /// A rectangle of a color, which the style sheet places.
    static func shape(_ name: String, color: String) -> String {
        "<svg class=\"\(name)\" viewBox=\"0 0 1 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
            + "<rect width=\"1\" height=\"1\" fill=\"\(escaped(color))\"/></svg>"
    }

    // MARK: Blocks

    private func string(_ blocks: [MarkupBlock]) -> String {
        blocks.map(string).joined()
    }

    private func string(_ block: MarkupBlock) -> String {
        switch block {
        case .paragraph(let inlines): "<p>\(inlines.isEmpty ? "<br>" : string(inlines))</p>"
        case .heading(let level, let inlines):
            "<p class=\"heading h\(level)\" role=\"heading\" aria-level=\"\(level + 2)\">\(string(inlines))</p>"
        case .quote(let blocks): "<blockquote>\(string(blocks))</blockquote>"
        case .code(let code): "<pre><code>\(Self.escaped(code))</code></pre>"
        case .list(let kind, let items): list(kind, items)
        case .math(let formula): "<p class=\"math\">\(Self.escaped(formula))</p>"
        case .spoiler(let blocks): "<div class=\"spoiler\" tabindex=\"0\">\(string(blocks))</div>"
        case .table(let header, let rows): table(header, rows)
        case .rule: "<hr>"
        case .bigEmoji(let inlines): "<p class=\"big\">\(string(inlines))</p>"
        case .lineBreak: "<p><br></p>"
        }
    }

    private func list(_ kind: MarkupList.Kind, _ items: [MarkupList.Item]) -> String {
        let rows = items.map { item in
            let number = item.number.map { " value=\"\(min($0, 999_999_999))\"" } ?? ""
            let box = item.isDone.map { "<input type=\"checkbox\" disabled\($0 ? " checked" : "")> " } ?? ""
            return "<li\(number)\(box.isEmpty ? "" : " class=\"task\"")>\(box)\(content(item))</li>"
        }
        return kind == .numbers ? "<ol>\(rows.joined())</ol>" : "<ul>\(rows.joined())</ul>"
    }

    /// The content of an item. A paragraph beside the marker is not a block of its own.
    private func content(_ item: MarkupList.Item) -> String {
        guard case .paragraph(let inlines)? = item.blocks.first else { return string(item.blocks) }
        return string(inlines) + string(Array(item.blocks.dropFirst()))
    }

    private func table(_ header: [[MarkupInline]], _ rows: [[[MarkupInline]]]) -> String {
        let head = header.map { "<th>\(string($0))</th>" }.joined()
        let body = rows.map { "<tr>" + $0.map { "<td>\(string($0))</td>" }.joined() + "</tr>" }.joined()
        return "<table><thead><tr>\(head)</tr></thead><tbody>\(body)</tbody></table>"
    }

    // MARK: Inline elements

    private func string(_ inlines: [MarkupInline]) -> String {
        inlines.map(string).joined()
    }

    private func string(_ inline: MarkupInline) -> String {
        switch inline {
        case .text(let text), .unicodeEmoji(let text): Self.escaped(text)
        case .code(let code): "<code>\(Self.escaped(code))</code>"
        case .bold(let inner): "<strong>\(string(inner))</strong>"
        case .italic(let inner): "<em>\(string(inner))</em>"
        case .strike(let inner): "<del>\(string(inner))</del>"
        case .spoiler(let inner): "<span class=\"spoiler\" tabindex=\"0\">\(string(inner))</span>"
        case .link(let label, let url): Self.link(url, label: string(label))
        case .image(let label, let url):
            // The image is not loaded, so that a page contacts no other server.
            Self.link(url, label: "🖼 " + Self.escaped(label.isEmpty ? url : label))
        case .mention(let name):
            "<span class=\"mention\(["all", "here"].contains(name) ? " everyone" : "")\">@\(Self.escaped(name))</span>"
        case .channel(let name): "<span class=\"mention\">#\(Self.escaped(name))</span>"
        case .emoji(let source): Self.emoji(source)
        case .color(let digits):
            Self.shape("swatch", color: "#" + digits) + "#\(Self.escaped(digits))"
        case .timestamp(let value, _): "<time>\(Self.escaped(MarkupTime.string(value)))</time>"
        case .math(let formula): "<span class=\"math\">\(Self.escaped(formula))</span>"
        case .lineBreak: "<br>"
        }
    }

    static func emoji(_ source: String) -> String {
        let character = EmojiTable.character(for: source) ?? source
        return "<span class=\"emoji\" title=\"\(escaped(source))\">\(escaped(character))</span>"
    }
}

/// The text of a timestamp. Clients show the reader's time and words such as "an hour ago"; a drawing shows UTC.
enum MarkupTime {
    static func string(_ value: String) -> String {
        guard let seconds = Int(value) else { return value }
        let time = seconds % 86_400
        let parts = [time / 3600, time / 60 % 60, time % 60].map { $0.padded(to: 2) }
        return "\(CalendarDate(daysSince1970: seconds / 86_400)) \(parts.joined(separator: ":")) UTC"
    }
}
