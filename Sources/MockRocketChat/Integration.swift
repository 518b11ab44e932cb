/// The administrator's configuration of an integration, its user and its rooms.
struct Integration: Equatable, Sendable {
    /// What becomes of a message to a room (docs/rocketchat.md section 1.5).
    enum Room: String, Sendable, CaseIterable {
        case open
        case unknown
        case notMember
        case archived
        case readOnly
        case muted
        case blocked

        var error: String? {
            switch self {
            case .open: nil
            case .unknown: "invalid-channel"
            case .notMember: "error-not-allowed"
            case .archived: "room_is_archived"
            case .readOnly: "You can't send messages because the room is readonly."
            case .muted: "You_have_been_muted"
            case .blocked: "room_is_blocked"
            }
        }
    }

    /// The result of the integration's script.
    enum Script: Equatable, Sendable {
        /// The unchanged body.
        case none
        /// Nothing: the response is success and no message is posted.
        case noContent
        case error(String)
        case fails
        /// Members of the response, before `success`.
        case response([JSONValue.Member])
    }

    var isKnown = true
    var isEnabled = true
    var hasUser = true
    /// message-impersonate, which bots have by default.
    var mayImpersonate = true
    /// "Allow to overwrite destination channel", off for new integrations since 6.3.
    var mayOverrideChannel = false
    /// mention-all and mention-here, which bots do not have by default.
    var mayMentionAll = false
    /// The integration's own room. Messages to it are recorded under the hook's id.
    var room = Room.open
    /// Rooms named in `channel` or `roomId`; others are open.
    var rooms: [String: Room] = [:]
    var script = Script.none
}
