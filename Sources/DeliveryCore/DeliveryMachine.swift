/// Delivers all queues through all hooks. Decides what is posted where, when and in which form, and which entries
/// become dead letters.
///
/// A pure value. After each event it computes from its entire state what starts and when the timer must fire, so no
/// wake-up can be lost. `docs/DELIVERY.md` describes the rules.
public struct DeliveryMachine: Sendable {
    let settings: Settings
    var hooks: [HookState] = []
    var queues: [QueueState] = []
    var random: SeededRandom
    var actions: [Action] = []
    /// When the right to post ends; nil without it.
    var tenureEnd: Instant?
    var isStopping = false
    private var hasStopped = false
    private var timer: Instant?

    /// - Parameter seed: of the retries' jitter.
    public init(_ topology: Topology, settings: Settings = Settings(), seed: UInt64) {
        self.settings = settings
        random = SeededRandom(seed: seed)
        adopt(topology, at: .distantPast)
    }

    /// Applies an event and returns the shell's actions in order. `now` must not decrease.
    public mutating func apply(_ event: Event, at now: Instant) -> [Action] {
        // The most frequent event of a storm. The queue knows that rows are waiting; how many changes no decision.
        if case .available(let queue, let id) = event, queues.indices.contains(queue.index),
            queues[queue.index].isBehind
        {
            queues[queue.index].noteCommit(through: id, at: now)
            return []
        }
        actions = []
        handle(event, at: now)
        advance(at: now)
        setTimer(at: now, hasFired: event == .timer)
        if isStopping, !hasStopped, hooks.allSatisfy({ $0.turn == .free }) {
            hasStopped = true
            actions.append(.stopped)
        }
        defer { actions = [] }
        return actions
    }

    /// Whether posts may start.
    func mayPost(at now: Instant) -> Bool {
        guard !isStopping, let tenureEnd else { return false }
        return now < tenureEnd
    }

    mutating func report(_ fact: Fact) { actions.append(.report(fact)) }

    // MARK: Events

    private mutating func handle(_ event: Event, at now: Instant) {
        switch event {
        case .timer: break
        case .stop, .journalFailed: isStopping = true
        case .reconfigured(let topology): adopt(topology, at: now)
        case .tenureGained(let tenure): gain(tenure, at: now)
        case .tenureExtended(let until): if tenureEnd != nil { tenureEnd = until }
        case .tenureLost: loseTenure()
        case .paused(let hook, let pause):
            if hooks.indices.contains(hook.index) { hooks[hook.index].limiter.pause(until: now + Self.clamped(pause)) }
        case .followUpEnded(let hook, let result):
            if hooks.indices.contains(hook.index) { followUpEnded(hook, result, at: now) }
        case .available(let queue, _), .loaded(let queue, _), .loadFailed(let queue),
            .composed(let queue, _, _, _, _, _), .composeFailed(let queue), .ended(let queue, _):
            if queues.indices.contains(queue.index) { handle(event, of: queue, at: now) }
        }
    }

    private mutating func handle(_ event: Event, of queue: QueueID, at now: Instant) {
        switch event {
        case .available(_, let id): queues[queue.index].noteCommit(through: id, at: now)
        case .loaded(_, let page):
            let known = queues[queue.index].cursor
            queues[queue.index].accept(page, at: now)
            mayShow(queue.index, readAfter: known)
        case .loadFailed: queues[queue.index].loadFailed(retryAt: now + settings.retryPause)
        case .composed(_, let parts, let copies, let unreadable, let expired, let over):
            composed(queue, parts: parts, copies: copies, unreadable: unreadable, expired: expired, over: over)
        case .composeFailed: composeFailed(queue, at: now)
        case .ended(_, let result): ended(queue, result, at: now)
        default: break
        }
    }

    /// Limits a pause that a server requests.
    static func clamped(_ pause: Interval) -> Interval { pause.clamped(.seconds(1), .seconds(600)) }

    /// Adopts the topology. Keeps budgets, order and health, and makes every probe due, since the new settings may have
    /// repaired a hook.
    private mutating func adopt(_ topology: Topology, at now: Instant) {
        for (index, limit) in topology.limits.enumerated() {
            if index == hooks.count { hooks.append(HookState(limit: limit)) }
            hooks[index].limiter.change(to: limit)
            hooks[index].health.makeProbeDue(at: now)
        }
        for (index, plan) in topology.queues.enumerated() {
            var plan = plan
            plan.routes.removeAll { !hooks.indices.contains($0.index) }
            if index == queues.count { queues.append(QueueState(plan: plan)) }
            queues[index].plan = plan
        }
    }

    // MARK: Time

    private mutating func setTimer(at now: Instant, hasFired: Bool) {
        let next = mayPost(at: now) ? nextChange(after: now) : nil
        guard next != timer || (hasFired && next != nil) else { return }
        timer = next
        actions.append(.setTimer(next))
    }

    /// The earliest time at which a decision may change without an event; nil if there is none.
    private func nextChange(after now: Instant) -> Instant? {
        var next = Instant.distantFuture
        func consider(_ time: Instant) { if time > now, time < next { next = time } }
        for queue in queues {
            if case .gathering(_, let since) = queue.work { consider(since + settings.gatherTime) }
            guard queue.isIdle, !queue.entries.isEmpty || queue.isBehind else { continue }
            consider(queue.pausedUntil)
            if queue.entries.isEmpty { continue }
            for route in queue.plan.routes {
                let hook = hooks[route.index]
                if let since = hook.health.unhealthySince {
                    consider(since + queue.plan.failoverDelay)
                    consider(since + settings.maxThrottleTime)
                }
                guard hook.turn == .free else { continue }
                consider(hook.readyAt(isSearching: false))
                if queue.search != nil || queue.batch != nil { consider(hook.readyAt(isSearching: true)) }
            }
        }
        for hook in hooks where hook.turn == .free && !hook.followUps.isEmpty {
            consider(hook.readyAt(isSearching: false))
        }
        return next == .distantFuture ? nil : next
    }
}
