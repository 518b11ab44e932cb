/// A hook's health by the results of its posts, and the time of the next attempt.
struct HookHealth: Sendable {
    enum State: Sendable, Equatable {
        case working
        case throttled(since: Instant)
        case failing(since: Instant)
        /// An operator must repair it.
        case broken(since: Instant)
    }

    private(set) var state = State.working
    /// No post starts before then, except for a search at this hook.
    private(set) var retryAt = Instant.distantPast
    /// Changes when the hook starts or stops working. A verdict of another epoch is void.
    private(set) var epoch: UInt32 = 0
    /// Changes with every failure and recovery. A search that began earlier is void.
    private(set) var setbacks: UInt32 = 0

    private var failures = 0
    private var suspicious = 0
    private var probes = 0

    private static let failuresBeforeProbes = 5
    private static let suspiciousBeforeBroken = 5

    /// Whether the next post is expected to succeed or to be throttled, so that it is not a probe.
    var isWorking: Bool {
        switch state {
        case .working, .throttled: true
        case .failing, .broken: false
        }
    }

    /// Only probes are posted to the hook.
    var isSuspended: Bool {
        if case .broken = state { return true }
        return !isWorking && failures >= Self.failuresBeforeProbes
    }

    /// When the hook stopped accepting messages; nil while it accepts them.
    var unhealthySince: Instant? {
        switch state {
        case .working: nil
        case .throttled(let since), .failing(let since), .broken(let since): since
        }
    }

    /// Whether the hook works or has been in trouble for less than the failover delay.
    func isUsable(within delay: Interval, at now: Instant) -> Bool {
        switch state {
        case .working: true
        case .throttled(let since), .failing(let since): now - since < delay
        case .broken: false
        }
    }

    mutating func delivered() {
        if !isWorking {
            epoch &+= 1
            setbacks &+= 1
        }
        state = .working
        retryAt = .distantPast
        failures = 0
        suspicious = 0
        probes = 0
    }

    /// - Parameters:
    ///   - start: when the post started.
    mutating func throttled(from start: Instant, until end: Instant) {
        suspicious = 0
        switch state {
        case .working: state = .throttled(since: start)
        case .throttled: break
        case .failing, .broken: retryAt = max(retryAt, end)
        }
    }

    /// A refusal does not change the hook's state, except that it ends throttling. Other queues wait for the next probe
    /// while the search continues.
    mutating func refused(at now: Instant) {
        suspicious = 0
        if isWorking {
            // The throttling has ended.
            state = .working
            return
        }
        retryAt = now + probePause(probes)
    }

    mutating func failed(
        from start: Instant, at now: Instant, isBroken: Bool, isSuspicious: Bool, using random: inout SeededRandom
    ) {
        suspicious = isSuspicious ? suspicious + 1 : 0
        failures = min(failures + 1, 1_000)
        if isWorking { epoch &+= 1 }
        setbacks &+= 1
        let since = unhealthySince ?? start
        let needsRepair = isBroken || suspicious >= Self.suspiciousBeforeBroken
        if case .broken = state {
            state = .broken(since: since)
        } else {
            state = needsRepair ? .broken(since: since) : .failing(since: since)
        }
        retryAt = now + pause(using: &random)
    }

    /// Makes the next probe due now, so that a hook that new settings repair is used at once.
    mutating func makeProbeDue(at now: Instant) { retryAt = min(retryAt, now) }

    /// Restores the state that another process recorded.
    mutating func restore(failingSince: Instant?, at now: Instant) {
        let (epoch, setbacks) = (epoch &+ 1, setbacks &+ 1)
        self = HookHealth()
        (self.epoch, self.setbacks) = (epoch, setbacks)
        if let failingSince { state = .failing(since: min(failingSince, now)) }
    }

    private mutating func pause(using random: inout SeededRandom) -> Interval {
        var isProbing = failures >= Self.failuresBeforeProbes
        if case .broken = state { isProbing = true }
        guard isProbing else { return random.interval(upTo: .milliseconds(500) * (1 << min(failures - 1, 10))) }
        defer { probes += 1 }
        return probePause(probes)
    }

    private func probePause(_ probes: Int) -> Interval {
        min(.seconds(60), .seconds(5) * (1 << min(probes, 10)))
    }
}
