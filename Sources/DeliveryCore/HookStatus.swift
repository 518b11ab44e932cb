/// The state of one hook, for operators. The machine does not use it.
public struct HookStatus: Sendable, Hashable {
    public enum Health: Sendable, Hashable {
        case working
        /// The server refuses posts because of their rate.
        case throttled
        case failing
        /// An operator must repair it.
        case broken
    }

    public var condition: HookCondition
    public var health: Health
    /// When the hook stopped accepting messages; nil while it accepts them.
    public var unhealthySince: Instant?
    /// How many posts the budget allows now; nil without a limit.
    public var postsLeft: Int?
    public var limit: PostLimit?
    /// When the next post may start by budget, pauses and health; it may be in the past.
    public var nextPost: Instant
    /// A post is in progress.
    public var isPosting: Bool
    /// Resolves that were delivered to other rooms and that this room will be notified of.
    public var followUps: Int
}

extension DeliveryMachine {
    /// Returns nil if there is no such hook.
    public func status(of hook: HookID, at now: Instant) -> HookStatus? {
        guard hooks.indices.contains(hook.index) else { return nil }
        let state = hooks[hook.index]
        return HookStatus(
            condition: condition(of: hook), health: HookStatus.Health(state.health.state),
            unhealthySince: state.health.unhealthySince,
            postsLeft: state.limiter.limit == nil ? nil : state.limiter.tokens(at: now), limit: state.limiter.limit,
            nextPost: state.readyAt(isSearching: false), isPosting: state.turn != .free,
            followUps: state.followUps.waiting.count)
    }

    /// The hook that the queue posts to instead of its first one; nil if it posts to the first one.
    public func substitute(of queue: QueueID) -> HookID? {
        queues.indices.contains(queue.index) ? queues[queue.index].reroutedTo : nil
    }
}

extension HookStatus.Health {
    fileprivate init(_ state: HookHealth.State) {
        switch state {
        case .working: self = .working
        case .throttled: self = .throttled
        case .failing: self = .failing
        case .broken: self = .broken
        }
    }
}
