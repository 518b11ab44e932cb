import Support

/// Selects the channel of each alert, for a hook whose integration may post to several.
struct ChannelRule: Sendable, Equatable {
    /// The channel of all alerts, or of those without a valid label; nil for the hook's own room.
    var channel: String?
    /// The label that names the channel; nil if it is the same for all.
    var label: String?
    /// What a label may name.
    var allowed: [ChannelPattern] = []

    /// The channel that a label's value names.
    enum Choice: Equatable {
        /// The alert has no such label.
        case none
        case channel(String)
        case refused(String)
    }

    /// - Parameter value: untrusted. Without a prefix it is the name of a room.
    func choice(for value: String?) -> Choice {
        guard let value = value?.trimmed, !value.isEmpty else { return .none }
        let channel = value.hasPrefix("#") || value.hasPrefix("@") ? value : "#" + value
        let isAllowed = ChatName.isChannel(channel) && allowed.contains { $0.matches(channel) }
        return isAllowed ? .channel(channel) : .refused(value)
    }
}

/// A pattern of channels: `#alerts-*`, `@oncall-?`.
struct ChannelPattern: Sendable, Equatable {
    static let limit = 100

    let text: String
    private let bytes: [UInt8]

    /// Nil if no channel can match, or if rooms and users could.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, first == UInt8(ascii: "#") || first == UInt8(ascii: "@"),
            (2...100).contains(bytes.count),
            bytes.dropFirst().allSatisfy({ ChatName.isNameByte($0) || $0 == Self.star || $0 == Self.mark })
        else { return nil }
        (self.text, self.bytes) = (text, bytes)
    }

    /// `*` is any number of characters, `?` is one. Case matters.
    func matches(_ channel: String) -> Bool {
        let name = Array(channel.utf8)
        var (at, place) = (0, 0)
        // The last star, and how far it reaches.
        var star: (at: Int, place: Int)?
        while place < name.count {
            if at < bytes.count, bytes[at] == Self.star {
                star = (at, place)
                at += 1
            } else if at < bytes.count, bytes[at] == name[place] || bytes[at] == Self.mark {
                (at, place) = (at + 1, place + 1)
            } else if let last = star {
                star = (last.at, last.place + 1)
                (at, place) = (last.at + 1, last.place + 1)
            } else {
                return false
            }
        }
        return bytes[at...].allSatisfy { $0 == Self.star }
    }

    private static let star = UInt8(ascii: "*")
    private static let mark = UInt8(ascii: "?")
}
