/// One hook, and all that posting to it takes. Severities that share a hook share its gate.
struct OutboundRoute: Sendable {
    var hook: HookURL
    var gate: HookGate
    var renderer: MessageRenderer
    /// Called on the queue that posts, and used there only.
    var makeDeliverer: @Sendable () -> any Deliverer
}

/// The two ways that a severity's messages can take.
enum Way: Sendable, Hashable, CaseIterable {
    /// Its own hook.
    case own
    /// The fallback's hook, while its own cannot take messages.
    case fallback
}
