/// One post to a Rocket.Chat incoming webhook (`contracts/rocketchat.md` section 3).
struct Message: Sendable, Equatable {
    /// What the room's line and a phone's notification show; the only part that can ping or exceed the size limit.
    var text: String
    var attachments: [Attachment] = []
    /// The avatar as a short name, `:fire:`; the room's own when nil.
    var emoji: String?
    /// The name that it is shown under; the hook's own when nil.
    var alias: String?
    /// The message whose thread it goes to, and nowhere else (section 4).
    var threadID: String?
    /// Asks for the id of the message; servers before 7.9 pass it over.
    var wantsID = false

    /// A coloured block below the text. Nested because the testing library has an `Attachment` too.
    struct Attachment: Sendable, Equatable {
        /// `#RRGGBB`.
        var color: String
        var title: String
        /// A URL that begins with lower-case `http://` or `https://`: any other has the whole message refused.
        var titleLink: String?
        /// Never empty, since mobile clients parse the title in place of an empty text.
        var text: String
        var fields: [Field] = []
    }

    /// A label and its value, shown in an attachment's table.
    struct Field: Sendable, Equatable {
        /// Never empty: Rocket.Chat 8.0 refuses the whole message otherwise.
        var title: String
        /// Never empty, as for `title`.
        var value: String
        /// Two short fields stand side by side.
        var isShort: Bool
    }
}

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

/// Writes compact JSON (RFC 8259) as UTF-8; keys and values come out in the order of the calls.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    /// Whether something stands before the next key or element that a comma must part from it.
    private var needsComma = false

    mutating func object(_ members: (inout JSONWriter) -> Void) {
        enclosed(UInt8(ascii: "{"), UInt8(ascii: "}"), members)
    }

    mutating func array<Element>(_ elements: [Element], _ write: (inout JSONWriter, Element) -> Void) {
        enclosed(UInt8(ascii: "["), UInt8(ascii: "]")) { writer in
            for element in elements { write(&writer, element) }
        }
    }

    /// Starts a member of an object; its value must follow.
    mutating func key(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    mutating func string(_ value: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 { append(byte) }
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func bool(_ value: Bool) {
        separate()
        bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
    }

    mutating func integer(_ value: Int) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    private mutating func enclosed(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(open)
        needsComma = false
        body(&self)
        bytes.append(close)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    /// RFC 8259 section 7: only the quote, the backslash and the controls below U+0020 must be escaped.
    private mutating func append(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
        case 0x0A: bytes.append(contentsOf: "\\n".utf8)
        case 0x00..<0x20: bytes.append(contentsOf: [UInt8](("\\u00" + Self.hex(byte)).utf8))
        default: bytes.append(byte)
        }
    }

    private static func hex(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
