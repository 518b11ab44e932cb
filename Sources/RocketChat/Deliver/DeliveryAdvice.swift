import Posting

/// What an operator can do about a failed post (docs/rocketchat.md section 1.5).
enum DeliveryAdvice {
    /// The advice for the first known text in the detail, else for the kind of outcome.
    static func sentence(for outcome: DeliveryOutcome) -> String {
        let detail = outcome.detail ?? ""
        return advice.first { detail.contains($0.words) }?.sentence ?? general(outcome)
    }

    private static let advice: [(words: String, sentence: String)] = [
        (
            "the proxy cannot be reached",
            "The proxy was not reached: check RELAY_PROXY or https_proxy, and list hosts to reach without it in "
                + "RELAY_NO_PROXY."
        ),
        (
            "the proxy refuses the connection",
            "The proxy was reached and refuses: check the user and password in RELAY_PROXY, and whether the proxy may "
                + "connect to this server."
        ),
        ("resolve proxy", "The proxy's name is unknown: check RELAY_PROXY or https_proxy."),
        ("does not use TLS", "The port takes plain HTTP: write http:// in the hook, or the port of https."),
        ("does not use plain HTTP", "The port takes TLS: write https:// in the hook."),
        ("plain HTTP request", "The port takes TLS: write https:// in the hook."),
        (
            "Invalid integration id or token",
            "The URL's id or token is wrong: copy it again from the integration's page."
        ),
        (
            "overriding destination channel",
            "The integration may not post to another channel: allow it, or leave it out."
        ),
        ("invalid-channel", "The integration or the setting `channel` names a channel that does not exist."),
        (
            "error-action-not-allowed",
            "The integration's user may not mention: give its role mention-all and mention-here, or take the mention out."
        ),
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
        ("logged in", "The user of the integration no longer exists."),
        ("Service Unavailable", "The integration is disabled: enable it on its page."),
        ("error-running-script", "The integration's script failed: the relay needs none, so switch it off."),
        ("error-message-size-exceeded", "The room accepts shorter messages only: lower RELAY_TEXT_LIMIT to its limit."),
        ("too many requests", "Rocket.Chat limits the rate of posts: try again in a minute."),
        (
            "HTTP 500",
            "Since version 7.7 a wrong id or token causes this: copy the URL again. Otherwise see the server's log."
        ),
        ("HTTP 404", "There is no such hook: copy the URL again from the integration's page."),
        ("HTTP 405", "That is not the address of a hook: copy the URL again from the integration's page."),
        ("HTTP 3", "The server redirects: use the address that it redirects to, most likely with https."),
    ]

    private static func general(_ outcome: DeliveryOutcome) -> String {
        switch outcome {
        case .delivered: "The message was delivered."
        case .rateLimited: "Rocket.Chat limits the rate of posts: try again in a minute."
        case .retry(.network, _, _): "The server was not reached: check the address, DNS, the firewall and the proxy."
        case .retry(.timeout, _, _): "The server was too slow; the message may have been posted."
        case .retry, .suspicious: "The server has trouble; serve would retry."
        case .misconfigured(.network, _): "The certificate is not trusted: check the name and the authority."
        case .misconfigured, .unknown: "The response does not look like Rocket.Chat: check the address."
        case .fixable: "Rocket.Chat refused this form; serve would send a plainer one."
        }
    }
}
