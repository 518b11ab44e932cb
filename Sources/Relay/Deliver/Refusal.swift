/// What an error text of Rocket.Chat means (contract sections 1.5 and 9). The texts are stable codes or sentences
/// of its source; whatever is not listed is unknown.
enum Refusal: Equatable {
    case rateLimited
    case fixable(Fix)
    case misconfigured(FailureReason)
    /// The driver's own words, under a status of its caller's fault.
    case databaseAway

    init?(error: String) {
        if Self.isDatabases(error) {
            self = .databaseAway
            return
        }
        let code = Self.code(of: error)
        guard let known = Self.known.first(where: { code.hasPrefix($0.prefix) }) else { return nil }
        self = known.meaning
    }

    /// MongoDB's driver and server while a node restarts or an election is under way.
    private static func isDatabases(_ error: String) -> Bool {
        if error.hasPrefix("connection "), error.hasSuffix(" closed") || error.hasSuffix(" timed out") { return true }
        return databases.contains { error.hasPrefix($0) }
    }

    private static let databases = [
        "Server selection timed out", "not primary", "not master", "node is recovering", "interrupted at shutdown",
        "Topology is closed", "Client must be connected", "Connection pool for", "Attempted to check out a connection",
        "connect ECONNREFUSED", "connect ETIMEDOUT", "read ECONNRESET", "getaddrinfo ", "MongoNetworkError",
        "MongoServerSelectionError", "The server is in quiesce mode",
    ]

    /// Some errors are a sentence with the code behind it in brackets.
    private static func code(of error: String) -> Substring {
        guard error.hasSuffix("]"), let bracket = error.lastIndex(of: "[") else { return error[...] }
        return error[error.index(after: bracket)...].dropLast()
    }

    private static let known: [(prefix: String, meaning: Refusal)] = [
        ("error-too-many-requests", .rateLimited),
        ("error-message-size-exceeded", .fixable(.resplit)),
        ("error-action-not-allowed", .fixable(.neutraliseMentions)),
        ("Invalid href value provided", .fixable(.plainText)),
        ("Invalid attachment field", .fixable(.plainText)),
        ("Match error", .fixable(.plainText)),
        ("Not enough permission", .fixable(.plainText)),
        ("invalid-channel", .misconfigured(.clientError)),
        ("error-invalid-room", .misconfigured(.clientError)),
        ("error-not-allowed", .misconfigured(.clientError)),
        ("room_is_", .misconfigured(.clientError)),
        ("You can't send messages because the room is readonly", .misconfigured(.clientError)),
        ("You_have_been_muted", .misconfigured(.clientError)),
        ("overriding destination channel is disabled", .misconfigured(.clientError)),
        ("error-user-lacks-message-impersonate-permission", .misconfigured(.authError)),
        ("error-running-script", .misconfigured(.clientError)),
        ("error-evaluating-script", .misconfigured(.clientError)),
        ("class-script-not-found", .misconfigured(.clientError)),
        ("Invalid integration id or token provided", .misconfigured(.authError)),
        ("You must be logged in to do this", .misconfigured(.authError)),
        // Rocket.Chat 7.4 to 7.6 with a wrong id or token.
        ("Cannot read properties of null (reading 'name')", .misconfigured(.authError)),
    ]
}
