/// Stops trying a hook that keeps failing, and finds out with single probes whether it works again.
struct CircuitBreaker: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum State: Sendable, Equatable {
        /// Posts go out; so many in a row have failed.
        case closed(failures: Int)
        /// Nothing goes out before then; so many probes in a row have failed.
        case open(until: Instant, probes: Int)
        /// One probe is under way.
        case halfOpen(probes: Int)
    }

    struct Settings: Sendable, Equatable {
        /// How many failures in a row open it.
        var threshold = 5
        /// From opening to the first probe; doubles with every probe that fails.
        var firstPause: Duration = .seconds(5)
        var longestPause: Duration = .seconds(60)
    }

    let settings: Settings
    private(set) var state = State.closed(failures: 0)

    init(settings: Settings = Settings()) {
        self.settings = settings
    }

    /// The earliest moment, not before `now`, at which a post may leave; nil while a probe is under way.
    func nextSlot(now: Instant) -> Instant? {
        switch state {
        case .closed: now
        case .open(let until, _): max(now, until)
        case .halfOpen: nil
        }
    }

    /// A post leaves; when open, it is the probe.
    mutating func start(at now: Instant) {
        precondition(nextSlot(now: now) == now, "a post through an open breaker")
        if case .open(_, let probes) = state { state = .halfOpen(probes: probes) }
    }

    /// The post that is under way finds out whether the hook works again.
    var isProbing: Bool {
        if case .halfOpen = state { true } else { false }
    }

    /// The post that was to leave did not: a probe is still to be made.
    mutating func giveBack(at now: Instant) {
        if case .halfOpen(let probes) = state { state = .open(until: now, probes: probes) }
    }

    /// The post that left came to this.
    ///
    /// Whatever proves that Rocket.Chat works counts as a success, refusals and rate limits included.
    mutating func finish(_ outcome: DeliveryOutcome, at now: Instant) {
        switch outcome {
        case .delivered, .rateLimited, .fixable, .unknown: state = .closed(failures: 0)
        case .misconfigured: open(at: now)
        case .retry, .suspicious: failed(at: now)
        }
    }

    private mutating func failed(at now: Instant) {
        guard case .closed(let failures) = state, failures + 1 < settings.threshold else { return open(at: now) }
        state = .closed(failures: failures + 1)
    }

    private mutating func open(at now: Instant) {
        var probes = 0
        if case .halfOpen(let before) = state { probes = before + 1 }
        // Shifting further would overflow, and the longest pause is reached by then.
        let pause = min(settings.longestPause, settings.firstPause * (1 << min(probes, 20)))
        state = .open(until: now + pause, probes: probes)
    }
}
