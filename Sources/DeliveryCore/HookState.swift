/// One hook: its current turn, budget, health and follow-ups.
struct HookState: Sendable {
    enum Turn: Sendable, Equatable {
        case free
        case queue(QueueID)
        case followUp
    }

    var turn = Turn.free
    var limiter: PostLimiter
    var health = HookHealth()
    /// No post starts before then: another process's post may still arrive, or there was no permit.
    var heldUntil = Instant.distantPast
    var followUps = FollowUpList()
    var postedAt = Instant.distantPast
    /// How long the last delivered post took.
    var lastDuration = Interval.zero

    init(limit: PostLimit?) { limiter = PostLimiter(limit: limit) }

    /// When the next post may start. A search at this hook does not wait for the next probe.
    func readyAt(isSearching: Bool) -> Instant {
        let slot = max(limiter.nextSlot, heldUntil)
        return isSearching ? slot : max(slot, health.retryAt)
    }

    /// How many posts, one after the other, the hook accepts within this time if each takes as long as the last one.
    func capacity(within time: Interval) -> Int {
        lastDuration > .zero ? Int(time.nanoseconds / lastDuration.nanoseconds) : .max
    }
}

/// Resolves that were delivered to other rooms while this room may show the group as firing.
struct FollowUpList: Sendable {
    private(set) var waiting: [FollowUp] = []
    private(set) var underWay: [FollowUp] = []
    private(set) var waitingSince = Instant.distantFuture

    var isEmpty: Bool { waiting.isEmpty }

    /// Adds a follow-up. Returns the one that was dropped at the limit, if any.
    mutating func add(_ followUp: FollowUp, limit: Int, at now: Instant) -> FollowUp? {
        if waiting.isEmpty { waitingSince = now }
        waiting.append(followUp)
        return waiting.count > limit ? waiting.removeFirst() : nil
    }

    mutating func begin() -> [FollowUp] {
        underWay = waiting
        waiting = []
        return underWay
    }

    /// Ends the post and returns its follow-ups that were not cancelled meanwhile.
    mutating func end() -> [FollowUp] {
        defer { underWay = [] }
        return underWay
    }

    mutating func putBack(_ followUps: [FollowUp], at now: Instant) {
        waiting.insert(contentsOf: followUps, at: 0)
        waitingSince = waiting.isEmpty ? .distantFuture : now
    }

    /// Cancels the group's follow-ups, because it fires again or the room shows the resolve. Returns whether there were
    /// any.
    mutating func cancel(queue: QueueID, group: UInt64) -> Bool {
        guard !waiting.isEmpty || !underWay.isEmpty else { return false }
        let count = waiting.count + underWay.count
        waiting.removeAll { $0.queue == queue && $0.group == group }
        underWay.removeAll { $0.queue == queue && $0.group == group }
        return waiting.count + underWay.count < count
    }

    mutating func removeAll() {
        waiting = []
        underWay = []
    }
}

/// Whether a hook receives posts, for metrics.
public enum HookCondition: Sendable, Hashable {
    case working
    /// A probe is in progress.
    case probing
    case suspended
}

extension DeliveryMachine {
    /// Whether neither the queue's own hook nor the next one of its routes accepts messages.
    public func isCutOff(_ queue: QueueID) -> Bool {
        guard queues.indices.contains(queue.index) else { return false }
        let routes = queues[queue.index].plan.routes.prefix(2)
        return !routes.isEmpty && routes.allSatisfy { hooks[$0.index].health.unhealthySince != nil }
    }

    public func condition(of hook: HookID) -> HookCondition {
        guard hooks.indices.contains(hook.index), hooks[hook.index].health.isSuspended else { return .working }
        return hooks[hook.index].turn == .free ? .suspended : .probing
    }
}
