/// Text from outside, made harmless for one place of a message.
struct Escaped: Sendable, Equatable {
    var string: String
    /// Whether it ends in an ellipsis because the limit cut it.
    var isShortened: Bool
}

/// Makes label and annotation values harmless for the places of a message that treat them differently
/// (`contracts/rocketchat.md` sections 3.4, 3.7 and 9).
///
/// Every function bounds its result to `limit` UTF-16 units and works on no more of the input than that needs. The
/// result is safe between a space or a line break before it and a space, a comma or a line break behind it.
enum Escape {
    /// For a message's `text` (dialect A), on one line: it is parsed for mentions and shown raw in notifications, so
    /// invisible U+200B is preferred to a backslash wherever it works.
    static func text(_ raw: String, limit: Int) -> Escaped {
        escape(raw, as: .text, limit: limit)
    }

    /// For an attachment's `text` and field values (dialect B), line breaks kept: the web client reads them with
    /// `marked`, mobile with the parser of `text`, so only what both understand is used.
    static func attachment(_ raw: String, limit: Int) -> Escaped {
        escape(raw, as: .attachment, limit: limit)
    }

    /// For titles of attachments and fields, on one line: plain text on the web, where a backslash would show, parsed
    /// by some mobile versions; what U+200B cannot defuse becomes its look-alike.
    static func title(_ raw: String, limit: Int) -> Escaped {
        escape(raw, as: .title, limit: limit)
    }

    /// Whether nothing of it would be visible.
    static func isBlank(_ raw: String) -> Bool {
        CleanText(raw, keepsLines: false, limit: 0).scalars.isEmpty
    }

    private static func escape(_ raw: String, as dialect: EscapeWriter.Dialect, limit: Int) -> Escaped {
        let clean = CleanText(raw, keepsLines: dialect == .attachment, limit: limit)
        var writer = EscapeWriter(dialect: dialect, source: clean, limit: limit)
        return writer.write()
    }
}
