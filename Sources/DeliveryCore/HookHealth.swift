/// Whether a hook works, by the results of its posts, and when it may be tried again.
struct HookHealth: Sendable {
    enum State: Sendable, Equatable {
        case working
        case throttled(since: Instant)
        case failing(since: Instant)
        /// An operator must repair it; it will not get better by itself.
        case broken(since: Instant)
    }

    private(set) var state = State.working
    /// No post before then, unless a search goes on here.
    private(set) var retryAt = Instant.distantPast
    /// Changes when the hook starts or stops working. A verdict of another epoch is void.
    private(set) var epoch: UInt32 = 0
    /// Changes with every failure and recovery. A search that began before is void.
    private(set) var setbacks: UInt32 = 0

    private var failures = 0
    private var suspicious = 0
    private var probes = 0

    private static let failuresBeforeProbes = 5
    private static let suspiciousBeforeBroken = 5

    /// Posts are not probes: nothing says that the next one will fail.
    var isWorking: Bool {
        switch state {
        case .working, .throttled: true
        case .failing, .broken: false
        }
    }

    /// It is posted to by probes alone.
    var isLeftAlone: Bool {
        if case .broken = state { return true }
        return !isWorking && failures >= Self.failuresBeforeProbes
    }

    /// Since when it takes no messages; nil while it does.
    var troubledSince: Instant? {
        switch state {
        case .working: nil
        case .throttled(let since), .failing(let since), .broken(let since): since
        }
    }

    /// It works, or has not been in trouble for long enough to leave it.
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
    ///   - start: when the post left.
    mutating func throttled(from start: Instant, until end: Instant) {
        suspicious = 0
        switch state {
        case .working: state = .throttled(since: start)
        case .throttled: break
        case .failing, .broken: retryAt = max(retryAt, end)
        }
    }

    /// A refusal says nothing about the hook; others wait for the next probe while the search goes on.
    mutating func refused(at now: Instant) {
        suspicious = 0
        if isWorking {
            // It throttles no more.
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
        let since = troubledSince ?? start
        let needsRepair = isBroken || suspicious >= Self.suspiciousBeforeBroken
        if case .broken = state {
            state = .broken(since: since)
        } else {
            state = needsRepair ? .broken(since: since) : .failing(since: since)
        }
        retryAt = now + pause(using: &random)
    }

    /// The next probe is due now; settings that mend a hook need not wait for it.
    mutating func makeProbeDue(at now: Instant) { retryAt = min(retryAt, now) }

    /// Continues where another process left off.
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
