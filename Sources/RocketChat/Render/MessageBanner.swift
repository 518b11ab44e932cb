package import Alerts
import Support

/// What a message says of itself, beside its alerts.
package struct MessageBanner: Sendable, Equatable {
    /// Why it is posted to another room than its own.
    package enum Reroute: Sendable, Equatable {
        case hookDoesNotWork
        case roomRefusesIt
    }

    /// The severity or receiver in whose place it stands here.
    package var rerouted: String?
    package var reroute = Reroute.hookDoesNotWork
    /// When it was accepted, of a dead letter that was put back.
    package var replayed: Timestamp?
    /// It was sent by hand to try a hook out.
    package var isTest = false

    package init(
        rerouted: String? = nil, reroute: Reroute = Reroute.hookDoesNotWork, replayed: Timestamp? = nil,
        isTest: Bool = false
    ) {
        self.rerouted = rerouted
        self.reroute = reroute
        self.replayed = replayed
        self.isTest = isTest
    }

    /// What follows the tier's word; empty where there is nothing to say.
    package var words: String {
        var words = isTest ? " TEST" : ""
        if let rerouted {
            let why = reroute == .hookDoesNotWork ? "whose hook does not work" : "whose room refuses it"
            words += " (rerouted from \(rerouted), \(why))"
        }
        if let replayed { words += " (replayed, accepted \(replayed.day) \(replayed.clock) UTC)" }
        return words
    }
}

/// Messages of the relay's own, about what it could not put into a room. Nothing in them can offend a server.
package enum RoomNotes {
    /// Finds out whether a room refuses one notification or everything.
    package static func refused(_ id: String, severity: Severity) -> Message {
        Message(
            text: "\(severity.icon(isFiring: true, isTruncated: false)) \(severity.word) this room refuses "
                + "notification \(id) in the form in which the relay sends it; if it does not follow, look into "
                + "the dead letters: relay dead-letters show \(id)")
    }

    /// - Parameters:
    ///   - subjects: of the groups that are resolved, as far as they are known.
    ///   - count: how many there are.
    package static func resolvedElsewhere(_ subjects: [String], of count: Int, limit: Int) -> Message {
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
