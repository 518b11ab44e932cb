import Support

/// One post to a Rocket.Chat incoming webhook (docs/rocketchat.md section 3).
package struct Message: Sendable, Equatable {
    /// The text in the room and in notifications. Only this part can mention users or exceed the size limit.
    package var text: String
    package var attachments: [Attachment] = []
    /// The avatar as a short name, `:fire:`; nil uses that of the integration.
    package var emoji: String?
    /// The sender's name; nil uses that of the integration.
    package var alias: String?
    /// `#room` or `@user`; nil for the hook's own room. The integration must allow another one.
    package var channel: String?
    /// The ID of the message whose thread shows this message; the room does not (docs/rocketchat.md section 4).
    package var threadID: String?
    /// Requests the message's ID; servers before 7.9 ignore it.
    package var wantsID = false

    /// A colored block below the text. Nested because the testing library has an `Attachment` too.
    package struct Attachment: Sendable, Equatable {
        /// `#RRGGBB`.
        package var color: String
        /// Empty for none.
        package var title: String
        /// A URL with lower-case `http://` or `https://`; the server refuses a message with any other.
        var titleLink: String?
        /// Never empty, because mobile clients parse the title instead of an empty text.
        package var text: String
        /// A picture below the text; a URL as for the title.
        var imageURL: String?
        package var fields: [Field] = []
        /// Buttons for links that no client's markup supports, and for commands.
        package var buttons: [Button] = []
        /// Folded to its title. Phones show other attachments above the text.
        package var isCollapsed = false
    }

    /// A button below an attachment. It opens a URL, or posts a command as the person who presses it.
    package struct Button: Sendable, Equatable {
        package var text: String
        /// Empty if there is a command.
        package var url = ""
        package var command: String?
    }

    /// A label and its value, shown in an attachment's table.
    package struct Field: Sendable, Equatable {
        /// Never empty: Rocket.Chat 8.0 refuses the message otherwise.
        package var title: String
        /// Never empty, as for `title`.
        package var value: String
        /// The client shows two short fields in one row.
        var isShort: Bool
    }
}

extension Message {
    /// The request body. Unset values have no key, because Rocket.Chat refuses empty URLs and field values.
    package func json() -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("text")
            writer.string(text)
            if let emoji {
                writer.key("emoji")
                writer.string(emoji)
            }
            if let alias {
                writer.key("alias")
                writer.string(alias)
            }
            if let channel {
                writer.key("channel")
                writer.string(channel)
            }
            if let threadID {
                writer.key("tmid")
                writer.string(threadID)
            }
            if wantsID {
                writer.key("separateResponse")
                writer.bool(true)
            }
            // Otherwise the server fetches every link (docs/rocketchat.md section 3.6).
            writer.key("parseUrls")
            writer.bool(false)
            if !attachments.isEmpty {
                writer.key("attachments")
                writer.array(attachments) { $1.write(to: &$0) }
            }
        }
        return writer.bytes
    }
}

extension Message.Attachment {
    /// The bytes that the attachment adds to the request body, including a comma.
    var jsonSize: Int {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes.count + 1
    }

    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("color")
            writer.string(color)
            if !title.isEmpty {
                writer.key("title")
                writer.string(title)
            }
            if let titleLink {
                writer.key("title_link")
                writer.string(titleLink)
            }
            writer.key("text")
            writer.string(text)
            if let imageURL {
                writer.key("image_url")
                writer.string(imageURL)
            }
            if !fields.isEmpty {
                writer.key("fields")
                writer.array(fields) { $1.write(to: &$0) }
            }
            if !buttons.isEmpty {
                writer.key("actions")
                writer.array(buttons) { $1.write(to: &$0) }
            }
            writer.key("collapsed")
            writer.bool(isCollapsed)
        }
    }
}

extension Message.Button {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("type")
            writer.string("button")
            writer.key("text")
            writer.string(text)
            if let command {
                writer.key("msg")
                writer.string(command)
                writer.key("msg_in_chat_window")
                writer.bool(true)
            } else {
                writer.key("url")
                writer.string(url)
            }
        }
    }
}

extension Message.Field {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("short")
            writer.bool(isShort)
            writer.key("title")
            writer.string(title)
            writer.key("value")
            writer.string(value)
        }
    }
}
