/// Who a message's text notifies (docs/rocketchat.md section 3.4). Attachments never notify anyone.
enum MentionRules {
    /// The names after `@`, in order, without `@`.
    static func mentions(in text: String, profile: ServerProfile) -> [String] {
        let scalars = Array((profile.parsesMentions ? withoutCode(text) : text).unicodeScalars)
        var names: [String] = []
        for (index, scalar) in scalars.enumerated() where scalar == "@" {
            let before = index == 0 ? nil : scalars[index - 1]
            guard mayPrecede(before, profile) else { continue }
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

    /// Whether a mention may follow `scalar`. In raw text only the start, white space or `>` may precede `@`; in parsed
    /// text any character that is not part of a name.
    private static func mayPrecede(_ scalar: Unicode.Scalar?, _ profile: ServerProfile) -> Bool {
        guard let scalar else { return true }
        if profile.parsesMentions { return !isNameScalar(scalar) }
        return scalar == ">" || scalar.properties.isWhitespace
    }

    private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII
            && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "-_.".unicodeScalars.contains(scalar))
    }

    /// The text with white space in place of fences and inline code.
    private static func withoutCode(_ text: String) -> String {
        var kept = ""
        var isInFence = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isInFence.toggle()
            } else if !isInFence {
                kept += withoutInlineCode(line)
            }
            kept += "\n"
        }
        return kept
    }

    /// The line with spaces in place of inline code. An unpaired last backtick is an ordinary character.
    private static func withoutInlineCode(_ line: Substring) -> String {
        let parts = line.split(separator: "`", omittingEmptySubsequences: false)
        return parts.enumerated().map { index, part in
            index % 2 == 1 && index < parts.count - 1 ? " " : String(part)
        }.joined()
    }
}
