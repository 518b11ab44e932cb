/// One hook: whose turn it is, its budget, its health, and what is to be said there late.
struct HookState: Sendable {
    enum Turn: Sendable, Equatable {
        case free
        case queue(QueueID)
        case followUp
    }

    var turn = Turn.free
    var limiter: PostLimiter
    var health = HookHealth()
    /// Another process's post may still arrive, or there was no permit.
    var heldUntil = Instant.distantPast
    var followUps = FollowUpList()
    var postedAt = Instant.distantPast

    init(limit: PostLimit?) { limiter = PostLimiter(limit: limit) }

    /// When the next post may leave; a search that goes on here does not wait for the next probe.
    func readyAt(isSearching: Bool) -> Instant {
        let slot = max(limiter.nextSlot, heldUntil)
        return isSearching ? slot : max(slot, health.retryAt)
    }
}

/// Resolves that were delivered elsewhere while this room may show the group as firing.
struct FollowUpList: Sendable {
    private(set) var waiting: [FollowUp] = []
    private(set) var underWay: [FollowUp] = []
    private(set) var waitingSince = Instant.distantFuture

    var isEmpty: Bool { waiting.isEmpty }

    /// Returns the one that had to make way.
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

    /// The post has ended; returns what was not cancelled in the meantime.
    mutating func end() -> [FollowUp] {
        defer { underWay = [] }
        return underWay
    }

    mutating func putBack(_ followUps: [FollowUp], at now: Instant) {
        waiting.insert(contentsOf: followUps, at: 0)
        waitingSince = waiting.isEmpty ? .distantFuture : now
    }

    /// The group fires again, or the room was told; returns whether something waited.
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
    case works
    /// A post finds out whether it works again.
    case isProbed
    case isLeftAlone
}

extension DeliveryMachine {
    public func condition(of hook: HookID) -> HookCondition {
        guard hooks.indices.contains(hook.index), hooks[hook.index].health.isLeftAlone else { return .works }
        return hooks[hook.index].turn == .free ? .isLeftAlone : .isProbed
    }
}
