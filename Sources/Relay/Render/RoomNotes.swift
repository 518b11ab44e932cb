/// Messages of the relay's own, about what it could not put into a room. Nothing in them can offend a server.
enum RoomNotes {
    /// Finds out whether a room refuses one notification or everything.
    static func refused(_ id: String, severity: Severity) -> Message {
        Message(
            text: "\(severity.icon(isFiring: true, isTruncated: false)) \(severity.word) this room refuses "
                + "notification \(id) in the form in which the relay sends it; if it does not follow, look into "
                + "the dead letters: relay dead-letters show \(id)")
    }

    /// - Parameters:
    ///   - subjects: of the groups that are resolved, as far as they are known.
    ///   - count: how many there are.
    static func resolvedElsewhere(_ subjects: [String], of count: Int, limit: Int) -> Message {
        var lines = ["✅ Resolved meanwhile, as another room was told:"]
        var room = limit - lines[0].utf16.count - 40
        for subject in subjects where room > subject.utf16.count + 3 {
            lines.append("- " + subject)
            room -= subject.utf16.count + 3
        }
        let left = count - lines.count + 1
        let groups = left == 1 ? "group" : "groups"
        if left > 0 { lines.append(lines.count == 1 ? "- \(left) \(groups) of alerts" : "and \(left) more") }
        return Message(text: lines.joined(separator: "\n"))
    }
}
