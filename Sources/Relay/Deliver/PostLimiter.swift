/// Paces the posts to one hook.
///
/// Rocket.Chat counts in fixed windows whose edges nobody outside knows, so the limiter keeps to its limit in every
/// window, wherever it begins. A post counts from its answer, not from its departure: one that was slow to arrive
/// may have been counted any time before.
///
/// A second, shorter limit (`PostLimit.spread`) spreads what a backlog would send in one burst: without it ten messages
/// would leave in the first seconds of a storm, and nothing for the rest of the minute.
struct PostLimiter: Sendable {
    typealias Instant = ContinuousClock.Instant

    private var limits: [PostLimit]
    /// How many posts are remembered.
    private var memory: Int
    /// When the last posts were answered, or left if they were not, the oldest first.
    private var posts: [Instant] = []
    private var isPosting = false
    private var pausedUntil: Instant?

    /// - Parameter limits: all hold at once; none for no pacing.
    init(limits: [PostLimit] = [.rocketChat]) {
        self.limits = limits
        memory = limits.map(\.posts).max() ?? 0
    }

    /// Keeps to other limits from now on. A limit that counts more posts than the one before learns of them as they
    /// come.
    mutating func keep(to limits: [PostLimit]) {
        self.limits = limits
        memory = limits.map(\.posts).max() ?? 0
        if posts.count > max(memory, 1) { posts.removeFirst(posts.count - max(memory, 1)) }
    }

    /// The earliest moment, not before `now`, at which a post may leave.
    func nextSlot(now: Instant) -> Instant {
        let afterLimits = limits.compactMap { limit in
            posts.count < limit.posts ? nil : posts[posts.count - limit.posts] + limit.window + Self.margin(limit)
        }
        return ([now, pausedUntil].compactMap { $0 } + afterLimits).max() ?? now
    }

    /// How many posts could leave at once now, if each were answered at once; `Int.max` without limits.
    func spare(now: Instant) -> Int {
        if let pausedUntil, pausedUntil > now { return 0 }
        let spares = limits.map { limit in
            limit.posts - posts.count { $0 + limit.window + Self.margin(limit) > now }
        }
        return max(0, spares.min() ?? .max)
    }

    /// A post leaves. One at a time, and not before `nextSlot`.
    mutating func start(at now: Instant) {
        precondition(!isPosting, "two posts to one hook at once")
        precondition(nextSlot(now: now) == now, "a post before its slot")
        isPosting = true
        posts.append(now)
        if posts.count > max(memory, 1) { posts.removeFirst() }
    }

    /// The post that left has its answer, or never will.
    ///
    /// - Parameter reachedServer: false when no request left, which costs nothing of the budget.
    mutating func finish(at now: Instant, reachedServer: Bool = true) {
        precondition(isPosting, "no post has left")
        isPosting = false
        posts.removeLast()
        if reachedServer { posts.append(now) }
    }

    /// Holds all posts until then; a pause is only ever made longer.
    mutating func pause(until instant: Instant) {
        pausedUntil = max(pausedUntil ?? instant, instant)
    }

    /// Clocks of two machines drift, and servers round to their milliseconds: stay clear of the edge.
    private static func margin(_ limit: PostLimit) -> Duration {
        limit.window / 500
    }
}
