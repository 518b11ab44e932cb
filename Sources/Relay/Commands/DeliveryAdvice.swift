/// What a person can do about an answer of Rocket.Chat (contract section 1.5).
enum DeliveryAdvice {
    static func sentence(for outcome: DeliveryOutcome) -> String {
        let detail = outcome.detail ?? ""
        return advice.first { detail.contains($0.words) }?.sentence ?? general(outcome)
    }

    private static let advice: [(words: String, sentence: String)] = [
        (
            "Invalid integration id or token",
            "The URL's id or token is wrong: copy it again from the integration's page."
        ),
        (
            "overriding destination channel",
            "The integration may not post to another channel: allow it, or leave it out."
        ),
        ("invalid-channel", "The integration names a channel that does not exist."),
        ("error-not-allowed", "The integration's user may not post in the room: make it a member."),
        ("message-impersonate", "The integration's user needs the permission message-impersonate (Rocket.Chat 8.6)."),
        (
            "Not enough permission",
            "The integration sets an alias or avatar, for which its user lacks message-impersonate."
        ),
        ("archived", "The room is archived."),
        ("readonly", "The room is read-only for the integration's user."),
        ("muted", "The integration's user is muted in the room."),
        ("blocked", "The room is blocked."),
        ("logged in", "The user that the integration posts as does not exist any more."),
        ("Service Unavailable", "The integration is disabled: enable it on its page."),
        ("error-running-script", "The integration's script failed: the relay needs none, so switch it off."),
        ("error-message-size-exceeded", "The room takes shorter messages: lower RELAY_TEXT_LIMIT to its limit."),
        ("too many requests", "Rocket.Chat takes no more posts for now: try again in a minute."),
        ("HTTP 500", "Since version 7.7 this is what a wrong id or token gets: copy the URL again. Else see its log."),
        ("HTTP 404", "There is no such hook: copy the URL again from the integration's page."),
        ("HTTP 405", "That is not the address of a hook: copy the URL again from the integration's page."),
        ("HTTP 3", "The server redirects: use the address that it redirects to, most likely with https."),
    ]

    private static func general(_ outcome: DeliveryOutcome) -> String {
        switch outcome {
        case .delivered: "Nothing is to be done."
        case .rateLimited: "Rocket.Chat takes no more posts for now: try again in a minute."
        case .retry(.network, _, _): "The server was not reached: check the address, DNS, the firewall and the proxy."
        case .retry(.timeout, _, _): "The server was too slow; the message may have been posted all the same."
        case .retry, .suspicious: "The server has trouble; serve would try again by itself."
        case .misconfigured(.network, _): "The certificate is not trusted: check the name and the authority."
        case .misconfigured, .unknown: "What answers does not look like Rocket.Chat: check the address."
        case .fixable: "Rocket.Chat did not take this form; serve would send it in a plainer one."
        }
    }
}
