import Alerts

// The formats of people and rooms that Rocket.Chat addresses by name.

extension SettingFormat where Value == [String] {
    /// Users, groups, `@here` and `@all`; `none` for nobody.
    static var mentions: Self {
        Self(.list, text: { $0.isEmpty ? nil : $0.joined(separator: ",") }) { value, notes in
            let items = value.items.filter { !$0.isEmpty }
            if items == ["none"] { return [] }
            let problems = items.compactMap(ChatName.problem(ofMention:))
            notes.problems += problems
            if items.count > ChatName.mentionLimit || items.reduce(0, { $0 + $1.utf16.count }) > ChatName.mentionUnits {
                notes.problems.append(
                    "has too many names; there may be \(ChatName.mentionLimit) of \(ChatName.mentionUnits) characters "
                        + "in all, so use a group")
                return nil
            }
            return problems.isEmpty ? items : nil
        }
    }
}

extension SettingFormat where Value == String {
    /// A room as `#name`, or a user as `@name`.
    static var channel: Self {
        .single("a channel as in #alerts-db, or a user as in @oncall") { ChatName.isChannel($0) ? $0 : nil }
    }

    /// The name of a label.
    static var labelName: Self {
        .single("the name of a label") { $0.utf8.count <= 200 && !$0.contains(where: \.isNewline) ? $0 : nil }
    }
}

extension SettingFormat where Value == [ChannelPattern] {
    static var channelPatterns: Self {
        Self(.list, text: { $0.isEmpty ? nil : $0.map(\.text).joined(separator: ",") }) { value, notes in
            var patterns: [ChannelPattern] = []
            for item in value.items where !item.isEmpty {
                if let pattern = ChannelPattern(item) {
                    patterns.append(pattern)
                } else {
                    let form = "begin with # or @, then letters, digits and . _ - with * and ?"
                    notes.problems.append("\(SettingNotes.quoted(item)) is not a pattern of channels; \(form)")
                }
            }
            if patterns.count > ChannelPattern.limit {
                notes.problems.append("has more than \(ChannelPattern.limit) patterns")
            }
            return patterns
        }
    }
}

/// Names as Rocket.Chat accepts them by default (`UTF8_User_Names_Validation`).
enum ChatName {
    static let mentionLimit = 10
    /// So that mentions fit before the shortest text.
    static let mentionUnits = 200

    /// Nil if it mentions somebody.
    static func problem(ofMention text: String) -> String? {
        if text.hasPrefix("@"), isName(text.dropFirst()) { return nil }
        let found = "\(SettingNotes.quoted(text)) is not a mention"
        if isName(text[...]) { return "\(found), did you mean \"@\(text)\"?" }
        return "\(found) of a user or group, @here or @all: write @ and letters, digits and . _ -"
    }

    static func isChannel(_ text: String) -> Bool {
        (text.hasPrefix("#") || text.hasPrefix("@")) && isName(text.dropFirst())
    }

    static func isName(_ name: Substring) -> Bool {
        (1...100).contains(name.utf8.count) && name.utf8.allSatisfy(isNameByte) && name.utf8.contains(where: isWord)
    }

    static func isNameByte(_ byte: UInt8) -> Bool { isWord(byte) || "._-".utf8.contains(byte) }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
