/// Which message of the room told of a group's firing, so that its resolve can be put into that message's thread.
///
/// In memory only: after a restart a resolve goes to the room alone, as it does where the server gives no ids.
struct ThreadTable: Sendable {
    private struct Start: Sendable {
        var messageID: String
        var at: Timestamp
    }

    /// An old parent is far up in the room, and may be deleted: a reply to it would be seen by nobody (section 4).
    private static let longest = Duration.seconds(24 * 3600)
    private static let limit = 4096

    private var starts: [UInt64: Start] = [:]

    mutating func remember(_ messageID: String, of group: UInt64, at now: Timestamp) {
        if starts.count >= Self.limit { starts = starts.filter { now.since($0.value.at) < Self.longest } }
        // Full of young ones: the room is in a storm, where threads are of no use.
        guard starts.count < Self.limit else { return }
        starts[group] = Start(messageID: messageID, at: now)
    }

    /// Takes the group's message out: what fires next begins a thread of its own.
    mutating func take(_ group: UInt64, at now: Timestamp) -> String? {
        guard let start = starts.removeValue(forKey: group), now.since(start.at) < Self.longest else { return nil }
        return start.messageID
    }
}

/// What a delivery has to do with threads.
enum Threading: Sendable, Equatable {
    /// The setting is off, or the cargo is no single notification.
    case none
    /// Its message may become a thread's first.
    case starts
    /// It goes to the room, and once more to this message's thread.
    case replies(to: String)
}
