extension Message {
    /// The request body. What is not set has no key: Rocket.Chat refuses empty URLs and field values.
    func json() -> [UInt8] {
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
            // Section 3.6: else the server fetches every link it finds.
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
