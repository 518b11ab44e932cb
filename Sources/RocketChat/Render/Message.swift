import Alerts
import Support

/// One post to a Rocket.Chat incoming webhook (docs/rocketchat.md section 3).
package struct Message: Sendable, Equatable {
    /// What the room's line and a phone's notification show; the only part that can ping or exceed the size limit.
    package var text: String
    package var attachments: [Attachment] = []
    /// The avatar as a short name, `:fire:`; the room's own when nil.
    package var emoji: String?
    /// The name that it is shown under; the hook's own when nil.
    package var alias: String?
    /// The message whose thread it goes to, and nowhere else (docs/rocketchat.md section 4).
    package var threadID: String?
    /// Asks for the id of the message; servers before 7.9 pass it over.
    package var wantsID = false

    /// A coloured block below the text. Nested because the testing library has an `Attachment` too.
    package struct Attachment: Sendable, Equatable {
        /// `#RRGGBB`.
        package var color: String
        package var title: String
        /// A URL that begins with lower-case `http://` or `https://`: any other has the whole message refused.
        var titleLink: String?
        /// Never empty, since mobile clients parse the title in place of an empty text.
        package var text: String
        package var fields: [Field] = []
    }

    /// A label and its value, shown in an attachment's table.
    package struct Field: Sendable, Equatable {
        /// Never empty: Rocket.Chat 8.0 refuses the whole message otherwise.
        package var title: String
        /// Never empty, as for `title`.
        package var value: String
        /// Two short fields stand side by side.
        var isShort: Bool
    }
}

extension Message {
    /// The request body. What is not set has no key: Rocket.Chat refuses empty URLs and field values.
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
            if let threadID {
                writer.key("tmid")
                writer.string(threadID)
            }
            if wantsID {
                writer.key("separateResponse")
                writer.bool(true)
            }
            // docs/rocketchat.md section 3.6: else the server fetches every link it finds.
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
    /// How many bytes the attachment adds to a message's JSON, its comma included.
    var jsonSize: Int {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes.count + 1
    }

    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("color")
            writer.string(color)
            writer.key("title")
            writer.string(title)
            if let titleLink {
                writer.key("title_link")
                writer.string(titleLink)
            }
            writer.key("text")
            writer.string(text)
            if !fields.isEmpty {
                writer.key("fields")
                writer.array(fields) { $1.write(to: &$0) }
            }
            writer.key("collapsed")
            writer.bool(false)
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
