/// Paces the posts to one hook.
///
/// Rocket.Chat counts in fixed windows whose edges nobody outside knows, so the exact limit holds in every window,
/// wherever it begins. A post counts from its end: one that was slow may have been counted any time before.
///
/// A token bucket inside the limit keeps a storm from spending the window at once: three tenths of the posts may
/// leave in a burst, the others are spread evenly. For 10 in 60 s: 3 posts 1 s apart, then one in 8.6 s.
struct PostLimiter: Sendable {
    private(set) var limit: PostLimit?
    /// When the last posts ended, the oldest first. While one is under way, the last is its start.
    private(set) var posts: [Instant] = []
    private(set) var pausedUntil = Instant.distantPast
    private var isPosting = false
    private var lastStart = Instant.distantPast
    /// The bucket is full from then on.
    private var fullAt = Instant.distantPast
    private var fullAtBefore = Instant.distantPast

    init(limit: PostLimit?) { self.limit = limit }

    /// Continues where another process left off. Times after `now` are taken for now: a record's clock may be ahead.
    init(limit: PostLimit?, posts: [Instant], pausedUntil: Instant?, now: Instant) {
        self.limit = limit
        let known = posts.suffix(Self.memory(limit)).map { min($0, now) }
        for post in known {
            start(at: post)
            finish(at: post, reachedServer: true)
        }
        if let pausedUntil { self.pausedUntil = pausedUntil }
    }

    /// The earliest moment at which a post may leave; it may be past.
    var nextSlot: Instant {
        guard let limit else { return pausedUntil }
        var slot = max(pausedUntil, lastStart + limit.window / 60)
        // The margin is for clocks that drift and servers that round.
        if posts.count >= limit.posts {
            slot = max(slot, posts[posts.count - limit.posts] + limit.window + limit.window / 500)
        }
        let lead = Self.refill(limit) * (Self.burst(limit) - 1)
        return fullAt == .distantPast ? slot : max(slot, fullAt + Interval(nanoseconds: -lead.nanoseconds))
    }

    /// How many posts the bucket and the exact limit would let out now.
    func tokens(at now: Instant) -> Int {
        guard let limit else { return .max }
        guard pausedUntil <= now else { return 0 }
        var free = limit.posts
        for post in posts where post + limit.window + limit.window / 500 > now { free -= 1 }
        guard fullAt > now else { return max(0, min(free, Self.burst(limit))) }
        let refill = max(Self.refill(limit).nanoseconds, 1)
        let missing = ((fullAt - now).nanoseconds - 1) / refill + 1
        return max(0, min(free, Self.burst(limit) - Int(min(missing, 10_000))))
    }

    mutating func start(at now: Instant) {
        isPosting = true
        lastStart = now
        refill(after: now)
        posts.append(now)
        forgetOldPosts()
    }

    /// - Parameter reachedServer: false costs nothing of the budget.
    mutating func finish(at now: Instant, reachedServer: Bool) {
        guard isPosting else { return }
        isPosting = false
        posts.removeLast()
        if reachedServer { posts.append(now) } else { fullAt = fullAtBefore }
    }

    /// The last post may be counted as late as that.
    mutating func extendLast(to instant: Instant) {
        guard let last = posts.last, last < instant else { return }
        posts[posts.count - 1] = instant
    }

    /// Holds all posts until then; a pause is only ever made longer.
    mutating func pause(until instant: Instant) { pausedUntil = max(pausedUntil, instant) }

    /// Keeps to another limit from now on; past posts still count.
    mutating func change(to limit: PostLimit?) {
        guard limit != self.limit else { return }
        self.limit = limit
        fullAt = .distantPast
        for post in posts { refill(after: post) }
        forgetOldPosts()
    }

    /// The bucket as these posts leave it. Posts made under a larger limit empty it, but put it into no debt.
    private mutating func refill(after post: Instant) {
        fullAtBefore = fullAt
        guard let limit else { return }
        fullAt = min(max(fullAt, post) + Self.refill(limit), post + Self.refill(limit) * Self.burst(limit))
    }

    private mutating func forgetOldPosts() {
        // One more than the limit counts: the one under way may turn out not to count.
        let excess = posts.count - Self.memory(limit) - 1
        if excess > 0 { posts.removeFirst(excess) }
    }

    /// How many posts are remembered: enough for a larger limit after the next reload.
    private static func memory(_ limit: PostLimit?) -> Int { max(limit?.posts ?? 1, 32) }

    private static func burst(_ limit: PostLimit) -> Int { max(1, limit.posts * 3 / 10) }

    private static func refill(_ limit: PostLimit) -> Interval {
        limit.window / max(1, limit.posts - burst(limit))
    }
}
