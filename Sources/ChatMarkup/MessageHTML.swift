/// Draws messages as HTML, similar to Rocket.Chat's web client. `ChatStyle` has the style sheet.
package enum MessageHTML {
    /// One message. All text is escaped, and links lead to `http` and `https` only.
    package static func article(_ message: ChatMessage, grammar: TextGrammar = .v83) -> String {
        let emoji = message.emoji.flatMap { EmojiTable.character(for: $0) }
        let letter = message.sender.first.map { String($0).uppercased() } ?? "?"
        let details = message.details.map { " title=\"\(HTMLText.escaped($0))\"" } ?? ""
        let time = message.time.map { "<time\(details)>\(HTMLText.escaped($0))</time>" } ?? ""
        let isEmpty = message.text.isEmpty && message.attachments.isEmpty
        let text = message.text.isEmpty ? "" : box("text", HTMLText.blocks(message.text, as: .text(grammar)))
        return """
            <article class="message\(message.isHidden ? " hidden" : "")">\
            <div class="avatar\(emoji == nil ? "" : " emoji")">\(HTMLText.escaped(emoji ?? letter))</div>\
            <div class="content"><div class="head"><span class="alias">\(HTMLText.escaped(message.sender))</span>\
            <span class="bot">Bot</span>\(time)</div>\(text)\
            \(message.attachments.map(attachment).joined())\
            \(isEmpty ? box("empty", "(an empty message)") : "")</div></article>

            """
    }

    private static func box(_ name: String, _ content: String) -> String {
        "<div class=\"\(name)\">\(content)</div>"
    }

    // MARK: Attachments

    private static func attachment(_ attachment: ChatMessage.Attachment) -> String {
        let pretext = text(attachment.pretext).map { box("text", $0) } ?? ""
        let author = attachment.author.map { box("author", HTMLText.escaped($0)) } ?? ""
        let content =
            (text(attachment.text).map { box("text", $0) } ?? "") + image(attachment.imageURL)
            + fields(attachment.fields) + buttons(attachment.buttons)
        // A shape and not a style, because a page's Content-Security-Policy can forbid style attributes.
        let edge = color(attachment.color).map { HTMLText.shape("edge", color: $0) } ?? ""
        let title = title(attachment)
        let body =
            title.isEmpty && !attachment.isCollapsed
            ? content
            : "<details\(attachment.isCollapsed ? "" : " open")><summary class=\"title\">"
                + "\(title.isEmpty ? "…" : title)</summary>\(content)</details>"
        return "\(pretext)<div class=\"attachment\">\(edge)\(author)\(body)</div>"
    }

    /// A title is plain text on one line.
    private static func title(_ attachment: ChatMessage.Attachment) -> String {
        guard let title = attachment.title, !title.isEmpty else { return "" }
        let label = HTMLText.escaped(title)
        return attachment.titleLink.map { HTMLText.link($0, label: label) } ?? label
    }

    private static func text(_ text: String?) -> String? {
        text.flatMap { $0.isEmpty ? nil : HTMLText.blocks($0, as: .webAttachment) }
    }

    /// A link: a drawing loads nothing from elsewhere.
    private static func image(_ url: String?) -> String {
        url.map { box("text", HTMLText.link($0, label: "Image")) } ?? ""
    }

    private static func fields(_ fields: [ChatMessage.Field]) -> String {
        guard !fields.isEmpty else { return "" }
        let cells = fields.map { field in
            "<div class=\"field\(field.isShort ? " short" : "")\"><b>\(HTMLText.line(field.title, as: .webInline))</b>"
                + "<div>\(HTMLText.line(field.value, as: .webInline))</div></div>"
        }
        return box("fields", cells.joined())
    }

    private static func buttons(_ buttons: [ChatMessage.Button]) -> String {
        guard !buttons.isEmpty else { return "" }
        return box("buttons", buttons.map(button).joined())
    }

    /// A page that knows how to post finds the command in `data-command`.
    private static func button(_ button: ChatMessage.Button) -> String {
        let label = HTMLText.escaped(button.text)
        guard button.url.isEmpty, let command = button.command.map(HTMLText.escaped) else {
            return HTMLText.link(button.url, label: label)
        }
        return "<button type=\"button\" data-command=\"\(command)\" title=\"posts \(command)\">\(label)</button>"
    }

    /// The color, if it is hexadecimal or a name. Any other text might be more than a color.
    private static func color(_ color: String?) -> String? {
        guard let color, (2...30).contains(color.utf8.count) else { return nil }
        let isHex = color.hasPrefix("#") && color.utf16.dropFirst().allSatisfy(\.isHexDigit)
        return isHex || color.utf16.allSatisfy(\.isASCIILetter) ? color : nil
    }
}

/// A page with messages and nothing from elsewhere.
package enum ChatPage {
    /// - Parameter sections: the rooms' names with the HTML of their messages.
    package static func html(title: String, sections: [(room: String, articles: String)]) -> String {
        let rooms = sections.map { section in
            "<section><h2># \(HTMLText.escaped(section.room))</h2>\n\(section.articles)</section>\n"
        }
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(HTMLText.escaped(title))</title>
            <style>
            \(ChatStyle.css)
            \(ChatStyle.document)
            </style>
            </head>
            <body>
            <main>
            \(rooms.joined())</main>
            </body>
            </html>

            """
    }
}
