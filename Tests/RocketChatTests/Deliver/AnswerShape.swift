@testable import Posting

/// A body as Rocket.Chat or a proxy sends it, with the class that docs/rocketchat.md section 9 gives it where the
/// status leaves it to the text.
struct AnswerShape: CustomStringConvertible, Sendable {
    var name: String
    var body: String
    /// The class of the error text under a 400; nil if the text is not known.
    var known: OutcomeClass?
    var description: String { name }

    static let success = AnswerShape(name: "success", body: #"{"success":true}"#)
    static let silent = [
        AnswerShape(name: "empty", body: ""),
        AnswerShape(name: "html", body: "<html><body>Please log in</body></html>"),
        AnswerShape(name: "array", body: #"[{"success":true}]"#),
        AnswerShape(name: "other object", body: #"{"status":"ok"}"#),
        AnswerShape(name: "success as text", body: #"{"success":"true"}"#),
        AnswerShape(name: "success as number", body: #"{"success":1}"#),
        AnswerShape(name: "a firewall's page", body: "<html><h1>Not Acceptable!</h1></html>"),
        AnswerShape(name: "another service's error", body: #"{"error":"unheard of","code":3}"#),
        AnswerShape(name: "success inside", body: #"{"data":{"success":true}}"#),
        AnswerShape(name: "garbage behind", body: #"x{"success":true}"#),
    ]
    static let internalError = AnswerShape(name: "bare internal error", body: "Internal Server Error")
    static let disabledText = AnswerShape(name: "disabled, string", body: #""Service Unavailable""#)
    static let disabledObject = AnswerShape(
        name: "disabled, object", body: #"{"success":false,"error":"Service Unavailable"}"#)
    static let broken = [
        AnswerShape(name: "truncated", body: #"{"success":tr"#),
        AnswerShape(name: "two objects", body: #"{"success":true}{"success":true}"#),
    ]
    static let strange = [
        AnswerShape(name: "bare failure", body: #"{"success":false}"#),
        error("unknown-error"),
        AnswerShape(name: "another form of failure", body: #"{"status":"error","message":"unheard of"}"#),
        error("Cannot read properties of undefined (reading 'starred')"),
        error(#"You must set \"numRequestsAllowed\""#),
    ]
    static let known =
        [
            error("error-message-size-exceeded", .resplit),
            error("error-action-not-allowed", .neutralise),
            error("Invalid href value provided", .plainText),
            error("Invalid attachment field, title and value is required", .plainText),
            error("Match error: Expected string, got number in field color", .plainText),
            error("Match error: Match error: Failed Match.OneOf", .plainText),
            error("Not enough permission", .plainText),
            error(
                "Error, too many requests. Please slow down. You must wait 28 seconds before trying this endpoint"
                    + " again. [error-too-many-requests]", .rateLimited),
            error("error-too-many-requests", .rateLimited),
            error("connection 3 to 10.0.0.5:27017 closed", .transientMaybe),
            error("Server selection timed out after 30000 ms", .transientMaybe),
            error("not primary", .transientMaybe), error("connect ECONNREFUSED 10.0.0.5:27017", .transientMaybe),
            AnswerShape(
                name: "all rooms refused",
                body: ##"{"responses":[{"channel":"#x","error":"error-not-allowed"}],"success":false}"##,
                known: .misconfigured),
            AnswerShape(
                name: "no user",
                body: #"{"status":"error","message":"You must be logged in to do this."}"#, known: .misconfigured),
        ]
        + [
            "invalid-channel", "error-invalid-room", "error-not-allowed", "room_is_archived", "room_is_blocked",
            "You can't send messages because the room is readonly.", "You_have_been_muted",
            "overriding destination channel is disabled for this integration",
            "error-user-lacks-message-impersonate-permission", "error-running-script", "error-evaluating-script",
            "class-script-not-found", "Invalid integration id or token provided.",
            "You must be logged in to do this.", "Cannot read properties of null (reading 'name')",
        ].map { error($0, .misconfigured) }

    static let all: [AnswerShape] = [
        [success, internalError, disabledText, disabledObject], silent, broken, strange, known,
    ].flatMap { $0 }

    private static func error(_ text: String, _ known: OutcomeClass? = nil) -> AnswerShape {
        AnswerShape(name: text, body: "{\"success\":false,\"error\":\"\(text)\"}", known: known)
    }
}

/// An outcome without its details.
enum OutcomeClass: Sendable, Equatable {
    case delivered, rateLimited, transient, transientMaybe, suspicious, resplit, neutralise, plainText, misconfigured
    case unknown, unknownMaybe

    init(_ outcome: DeliveryOutcome) {
        self =
            switch outcome {
            case .delivered: .delivered
            case .rateLimited: .rateLimited
            case .retry(_, let maybe, _): maybe ? .transientMaybe : .transient
            case .suspicious: .suspicious
            case .fixable(.resplit, _): .resplit
            case .fixable(.neutraliseMentions, _): .neutralise
            case .fixable(.plainText, _): .plainText
            case .misconfigured: .misconfigured
            case .unknown(_, let maybe, _): maybe ? .unknownMaybe : .unknown
            }
    }
}
