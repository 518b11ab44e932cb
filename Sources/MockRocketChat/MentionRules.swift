import ChatMarkup

/// Who a message's text notifies (docs/rocketchat.md section 3.4). Attachments never notify anyone.
enum MentionRules {
    /// The names after `@`, in order, without `@`. From 8.0 those of the parsed text, before those of the raw text.
    static func mentions(in text: String, profile: ServerProfile) -> [String] {
        guard text.utf8.contains(UInt8(ascii: "@")) else { return [] }
        return profile.parsesMentions
            ? MarkupDocument(text, as: .text(profile.grammar)).mentions : mentions(inRawText: text)
    }

    private static func mentions(inRawText text: String) -> [String] {
        let scalars = Array(text.unicodeScalars)
        var names: [String] = []
        for (index, scalar) in scalars.enumerated() where scalar == "@" {
            guard index == 0 || mayPrecede(scalars[index - 1]) else { continue }
            let name = scalars[(index + 1)...].prefix(while: isNameScalar)
            if !name.isEmpty { names.append(String(String.UnicodeScalarView(name))) }
        }
        return names
    }

    static func notifiesEveryone(_ mentions: [String]) -> Bool {
        mentions.contains { ["all", "here"].contains(withoutPunctuation($0)) }
    }

    /// The name without trailing full stops and dashes, which belong to the sentence.
    private static func withoutPunctuation(_ name: String) -> Substring {
        name[...(name.lastIndex { !".-".contains($0) } ?? name.startIndex)]
    }

    /// Whether a mention may follow `scalar` in raw text.
    private static func mayPrecede(_ scalar: Unicode.Scalar) -> Bool {
        scalar == ">" || scalar.properties.isWhitespace
    }

    private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII
            && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "-_.".unicodeScalars.contains(scalar))
    }
}
