package import Alerts
import Posting

extension MessageBanner {
    /// The text after the severity's word; empty if the banner is.
    func words(zone: DisplayZone) -> String {
        var words = isTest ? " TEST" : ""
        if let rerouted {
            let why = reroute == .hookDoesNotWork ? "whose hook does not work" : "whose room refuses it"
            words += " (rerouted from \(Escape.text(rerouted, limit: 80, startsLine: false).string), \(why))"
        }
        if let replayed {
            let since = isOver ? ", resolved since" : ""
            words += " (replayed, accepted \(zone.moment(replayed))\(since))"
        }
        return words
    }
}

/// Messages about deliveries instead of alerts. They contain nothing that a server could refuse.
package enum RoomNotes {
    /// The notice about a refused notification. The room's response shows whether it refuses that one or everything.
    package static func refused(_ id: String, severity: Severity) -> Message {
        Message(
            text: "\(severity.icon(isFiring: true, isTruncated: false)) \(severity.word) this room refuses "
                + "notification \(id) in the form in which the relay sends it; if it does not follow, look into "
                + "the dead letters: relay dead-letters show \(id)")
    }

    /// The message about groups whose resolves were posted to another room.
    ///
    /// - Parameters:
    ///   - subjects: descriptions of the groups, as far as they are known.
    ///   - count: the number of groups.
    package static func resolvedElsewhere(_ subjects: [String], of count: Int, limit: Int) -> Message {
        var lines = ["✅ Resolved since; the resolve was posted to another room:"]
        var remaining = limit - lines[0].utf16.count - 40
        for subject in subjects where remaining > subject.utf16.count + 3 {
            lines.append("- " + subject)
            remaining -= subject.utf16.count + 3
        }
        let left = count - lines.count + 1
        let groups = left == 1 ? "group" : "groups"
        if left > 0 { lines.append(lines.count == 1 ? "- \(left) \(groups) of alerts" : "and \(left) more") }
        return Message(text: lines.joined(separator: "\n"))
    }
}
