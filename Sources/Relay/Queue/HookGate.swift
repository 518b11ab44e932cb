import Libevent

/// Lets one post at a time through to a hook, within its budget and while it works, the most urgent first.
///
/// Queues with hooks of their own never meet here; those that share a hook share its budget, its turn and its
/// circuit breaker.
final class HookGate: Sendable {
    typealias Instant = PostLimiter.Instant

    enum Permission: Sendable, Equatable {
        /// Post now, then call `finish`.
        case granted(Grant)
        /// Ask again then.
        case notBefore(Instant)
        /// Another queue posts, or waits with something more urgent; `wake` is called when it has its answer.
        case taken
    }

    struct Grant: Sendable, Equatable {
        /// The hook has failed, and this post finds out whether it works again.
        var isProbe = false
        /// How many more posts the budget would let out at once.
        var spare = Int.max
    }

    private struct State {
        var limiter: PostLimiter
        var breaker: CircuitBreaker
        var isPosting = false
        /// Those that were told to come again.
        var waiting: [Destination: @Sendable () -> Void] = [:]
    }

    private let state: Locked<State>

    init(limiter: PostLimiter, breaker: CircuitBreaker = CircuitBreaker()) {
        state = Locked(State(limiter: limiter, breaker: breaker))
    }

    /// Asks to post one message of a queue.
    func ask(_ destination: Destination, now: Instant, wake: @escaping @Sendable () -> Void) -> Permission {
        state.withLock { state in
            state.waiting[destination] = wake
            guard !state.isPosting, state.waiting.keys.min() == destination else { return .taken }
            let slot = max(state.limiter.nextSlot(now: now), state.breaker.nextSlot(now: now) ?? now)
            guard slot <= now else { return .notBefore(slot) }
            state.waiting[destination] = nil
            state.isPosting = true
            state.limiter.start(at: now)
            state.breaker.start(at: now)
            return .granted(Grant(isProbe: state.breaker.isProbing, spare: state.limiter.spare(now: now)))
        }
    }

    /// The post that was granted has ended.
    ///
    /// - Parameters:
    ///   - reachedServer: whether it may have been counted there.
    ///   - pause: how long the server wants nothing more; nil for no pause.
    func finish(_ outcome: DeliveryOutcome, at now: Instant, reachedServer: Bool, pause: Duration?) {
        end { state in
            state.limiter.finish(at: now, reachedServer: reachedServer)
            state.breaker.finish(outcome, at: now)
            if let pause { state.limiter.pause(until: now + pause) }
        }
    }

    /// Nothing was posted after all.
    func giveBack(at now: Instant) {
        end { state in
            state.limiter.finish(at: now, reachedServer: false)
            state.breaker.giveBack(at: now)
        }
    }

    /// Keeps to other limits from now on; what was posted still counts.
    func keep(to limits: [PostLimit]) {
        state.withLock { $0.limiter.keep(to: limits) }
    }

    /// A queue has nothing to post here after all.
    func withdraw(_ destination: Destination) {
        state.withLock { $0.waiting[destination] = nil }
    }

    /// Whether the hook is taken for working, for metrics.
    var breakerState: CircuitBreaker.State {
        state.withLock { $0.breaker.state }
    }

    private func end(_ change: (inout State) -> Void) {
        let waiting = state.withLock { state in
            state.isPosting = false
            change(&state)
            return state.waiting.sorted { $0.key < $1.key }.map(\.value)
        }
        for wake in waiting { wake() }
    }
}
