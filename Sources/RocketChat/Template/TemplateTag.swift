import Support

/// A tag of a template, as the engine reads it. Templates cannot change the delimiters, so a scan finds every tag.
struct TemplateTag: Equatable {
    enum Kind: Equatable {
        /// `{{name}}`.
        case value
        /// `{{{name}}}` or `{{&name}}`.
        case raw
        /// `{{#name}}`.
        case section
        /// `{{^name}}`.
        case inverted
        /// `{{/name}}`.
        case end
        /// `{{! text }}`.
        case comment
        /// `{{>name}}`.
        case partial
        /// `{{=<% %>=}}`.
        case delimiters
    }

    var kind: Kind
    var name: String
    /// The position of the first brace, in bytes.
    var offset: Int

    /// The tags up to the first one that is not closed.
    static func scan(_ text: String) -> [TemplateTag] {
        let bytes = Array(text.utf8)
        var tags: [TemplateTag] = []
        var position = 0
        while let start = opening(in: bytes, from: position) {
            let isTriple = start + 2 < bytes.count && bytes[start + 2] == UInt8(ascii: "{")
            let (from, braces) = (start + (isTriple ? 3 : 2), isTriple ? 3 : 2)
            guard let end = closing(in: bytes, from: from, braces: braces) else { break }
            let content = String(decoding: bytes[from..<end], as: UTF8.self).trimmed
            tags.append(TemplateTag(content, isTriple: isTriple, offset: start))
            position = end + braces
        }
        return tags
    }

    private init(_ content: String, isTriple: Bool, offset: Int) {
        let kinds: [Character: Kind] = [
            "#": .section, "^": .inverted, "/": .end, "!": .comment, ">": .partial, "&": .raw, "=": .delimiters,
        ]
        self.offset = offset
        if !isTriple, let kind = content.first.flatMap({ kinds[$0] }) {
            (self.kind, name) = (kind, content.dropFirst().trimmed)
        } else {
            (kind, name) = (isTriple ? .raw : .value, content)
        }
    }

    private static func opening(in bytes: [UInt8], from start: Int) -> Int? {
        (start..<max(start, bytes.count - 1)).first {
            bytes[$0] == UInt8(ascii: "{") && bytes[$0 + 1] == UInt8(ascii: "{")
        }
    }

    private static func closing(in bytes: [UInt8], from start: Int, braces: Int) -> Int? {
        guard start + braces <= bytes.count else { return nil }
        return (start...(bytes.count - braces)).first { position in
            bytes[position..<(position + braces)].allSatisfy { $0 == UInt8(ascii: "}") }
        }
    }

    /// The number of double braces before a position. YAML keeps braces as they are, so it identifies a tag in the file.
    static func braces(in text: String, before offset: Int) -> Int {
        let bytes = Array(text.utf8.prefix(offset))
        var (count, position) = (0, 0)
        while let next = opening(in: bytes, from: position) { (count, position) = (count + 1, next + 2) }
        return count
    }
}
