import ChatMarkup

/// A generation of Rocket.Chat servers, as far as its incoming webhooks behave differently
/// (docs/rocketchat.md sections 1 to 6; the marks below name its sections).
enum ServerProfile: String, CaseIterable, Sendable {
    /// 5.x to 6.1: the Restivus router; the rate limiter is enforced.
    case legacy
    /// 6.2 to 7.3: Restivus; the rate limiter has no effect.
    case r62
    /// 7.7: the Hono router.
    case h77
    /// 7.8 and 7.9: the text limit, `separateResponse`.
    case h79
    /// 8.0 to 8.5: empty attachment fields are refused.
    case h80
    /// 8.6 and 8.7: the integration's user needs message-impersonate.
    case h86
    /// 9.0, as planned: another grammar of `text`.
    case h90

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    private func isAtLeast(_ other: ServerProfile) -> Bool { rank >= other.rank }

    /// The Hono router; before it, Restivus.
    var isHono: Bool { isAtLeast(.h77) }

    // MARK: Reading bodies

    /// Text of an unknown content type is spread into `{0:…}`, which posts an empty message.
    var spreadsPlainText: Bool { self == .h77 }
    /// A form without `payload` is read as JSON.
    var readsFormAsJSON: Bool { self == .h77 }
    /// A form is recognised only by a content type without parameters.
    var wantsFormTypeBare: Bool { self == .h77 }
    /// A `payload` that is not an object is refused with a message; one that is not JSON posts an empty message.
    var checksFormPayload: Bool { isAtLeast(.h79) }

    // MARK: Messages

    var limitsTextSize: Bool { isAtLeast(.h79) }
    var offersSeparateResponse: Bool { isAtLeast(.h79) }
    /// Every channel is checked before the first message is posted.
    var checksAllChannelsFirst: Bool { isAtLeast(.h79) }
    var refusesEmptyFields: Bool { isAtLeast(.h80) }
    var demandsImpersonation: Bool { isAtLeast(.h86) }
    /// A channel in the body needs the integration's override switch.
    var checksChannelOverride: Bool { self != .legacy }
    /// Mentions are found in the parsed message without code; earlier versions search the raw text.
    var parsesMentions: Bool { isAtLeast(.h80) }

    // MARK: Markup

    /// The grammar of `text`.
    var grammar: TextGrammar {
        switch self {
        case .legacy, .r62: .v613
        case .h77, .h79: .v77
        case .h80, .h86: .v83
        case .h90: .v90
        }
    }

    // MARK: The rate limiter

    var limiterMode: RateLimiter.Mode {
        switch self {
        case .legacy: .enforced
        case .r62: .off
        case .h77, .h79, .h80, .h86, .h90: .infinite
        }
    }
}
