import Libevent

/// Lets one post at a time through to a hook, within its budget, the most urgent severity first.
///
/// Severities with hooks of their own never meet here; those that share a hook share its budget and its turn.
final class HookGate: Sendable {
    typealias Instant = PostLimiter.Instant

    enum Permission: Sendable, Equatable {
        /// Post now, then call `finish`.
        case granted
        /// Ask again then.
        case notBefore(Instant)
        /// Another queue posts, or waits with something more urgent; `wake` is called when it has its answer.
        case taken
    }

    private struct State {
        var limiter: PostLimiter
        var isPosting = false
        /// Those that were told to come again.
        var waiting: [Severity: @Sendable () -> Void] = [:]
    }

    private let state: Locked<State>

    init(limiter: PostLimiter) {
        state = Locked(State(limiter: limiter))
    }

    /// Asks to post one message of a severity.
    func ask(_ severity: Severity, now: Instant, wake: @escaping @Sendable () -> Void) -> Permission {
        state.withLock { state in
            state.waiting[severity] = wake
            let mostUrgent = Severity.allCases.first { state.waiting[$0] != nil }
            guard !state.isPosting, mostUrgent == severity else { return .taken }
            let slot = state.limiter.nextSlot(now: now)
            guard slot <= now else { return .notBefore(slot) }
            state.waiting[severity] = nil
            state.isPosting = true
            state.limiter.start(at: now)
            return .granted
        }
    }

    /// The post that was granted has ended.
    ///
    /// - Parameters:
    ///   - reachedServer: whether it may have been counted there.
    ///   - pause: how long the server wants nothing more; nil for no pause.
    func finish(at now: Instant, reachedServer: Bool, pause: Duration?) {
        let waiting = state.withLock { state in
            state.isPosting = false
            state.limiter.finish(at: now, reachedServer: reachedServer)
            if let pause { state.limiter.pause(until: now + pause) }
            return Severity.allCases.compactMap { state.waiting[$0] }
        }
        for wake in waiting { wake() }
    }

    /// A severity has nothing to post after all.
    func withdraw(_ severity: Severity) {
        state.withLock { $0.waiting[severity] = nil }
    }
}
