/// Decides when a severity's messages go to the fallback's room instead of their own, and when back again.
///
/// Told of every post to the severity's own hook: at once when a person must repair the hook, else once it has failed
/// for longer than the severity can wait.
struct Reroute: Sendable, Equatable {
    typealias Instant = ContinuousClock.Instant

    enum State: Sendable, Equatable {
        case working
        case failing(since: Instant)
        /// By configuration: it will not get better by itself.
        case broken
    }

    /// How long a hook may fail before the fallback takes over.
    let patience: Duration
    private(set) var state = State.working

    init(patience: Duration) {
        self.patience = patience
    }

    func isDue(at now: Instant) -> Bool {
        switch state {
        case .working: false
        case .failing(let since): now - since >= patience
        case .broken: true
        }
    }

    /// When rerouting becomes due if nothing changes; nil while the hook works, and once it is due by configuration.
    var dueAt: Instant? {
        if case .failing(let since) = state { since + patience } else { nil }
    }

    /// A post to the severity's own hook has ended.
    ///
    /// - Parameter needsRepair: the outcome, or the row of them, says that a person must change something.
    mutating func take(_ outcome: DeliveryOutcome, needsRepair: Bool, startedAt: Instant) {
        switch outcome {
        // Whatever proves that Rocket.Chat answers through this hook; what it thinks of the message is another matter.
        case .delivered, .rateLimited, .fixable, .unknown: state = .working
        case .retry, .suspicious, .misconfigured:
            if needsRepair {
                state = .broken
            } else if state == .working {
                state = .failing(since: startedAt)
            }
        }
    }
}
