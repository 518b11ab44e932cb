/// Paces the posts to one hook.
///
/// Servers count in fixed windows whose start is unknown to clients, so the limit is kept in every window of that
/// length. A post counts from its end, because the server may count a slow post at any time before.
///
/// A token bucket keeps a storm from using the whole window at once. Three tenths of the posts may form a burst; the
/// others are spread evenly. With 10 posts in 60 s: 3 posts 1 s apart, then one every 8.6 s.
struct PostLimiter: Sendable {
    private(set) var limit: PostLimit?
    /// The ends of the last posts, oldest first. During a post, the last element is its start.
    private(set) var posts: [Instant] = []
    private(set) var pausedUntil = Instant.distantPast
    private var isPosting = false
    private var lastStart = Instant.distantPast
    /// When the bucket will be full.
    private var fullAt = Instant.distantPast
    private var fullAtBefore = Instant.distantPast

    init(limit: PostLimit?) { self.limit = limit }

    /// Restores the state that another process recorded. Times after `now` become `now`, because its clock may be
    /// ahead.
    init(limit: PostLimit?, posts: [Instant], pausedUntil: Instant?, now: Instant) {
        self.limit = limit
        let known = posts.suffix(Self.historySize(limit)).map { min($0, now) }
        for post in known {
            start(at: post)
            finish(at: post, reachedServer: true)
        }
        if let pausedUntil { self.pausedUntil = pausedUntil }
    }

    /// The earliest time at which a post may start; it may be in the past.
    var nextSlot: Instant {
        guard let limit else { return pausedUntil }
        var slot = max(pausedUntil, lastStart + limit.window / 60)
        // The margin allows for clock drift and for rounding by the server.
        if posts.count >= limit.posts {
            slot = max(slot, posts[posts.count - limit.posts] + limit.window + limit.window / 500)
        }
        let lead = Self.refill(limit) * (Self.burst(limit) - 1)
        return fullAt == .distantPast ? slot : max(slot, fullAt + Interval(nanoseconds: -lead.nanoseconds))
    }

    /// How many posts the bucket and the exact limit allow now.
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

    /// - Parameter reachedServer: whether the post counts against the budget.
    mutating func finish(at now: Instant, reachedServer: Bool) {
        guard isPosting else { return }
        isPosting = false
        posts.removeLast()
        if reachedServer { posts.append(now) } else { fullAt = fullAtBefore }
    }

    /// Moves the last post to a later time, until which the server may count it.
    mutating func extendLast(to instant: Instant) {
        guard let last = posts.last, last < instant else { return }
        posts[posts.count - 1] = instant
    }

    /// Pauses all posts. Never shortens an earlier pause.
    mutating func pause(until instant: Instant) { pausedUntil = max(pausedUntil, instant) }

    /// Changes the limit. Past posts still count.
    mutating func change(to limit: PostLimit?) {
        guard limit != self.limit else { return }
        self.limit = limit
        fullAt = .distantPast
        for post in posts { refill(after: post) }
        forgetOldPosts()
    }

    /// Updates the bucket after a post. Posts under an earlier, larger limit empty the bucket but leave no debt.
    private mutating func refill(after post: Instant) {
        fullAtBefore = fullAt
        guard let limit else { return }
        fullAt = min(max(fullAt, post) + Self.refill(limit), post + Self.refill(limit) * Self.burst(limit))
    }

    private mutating func forgetOldPosts() {
        // Keep one more than the limit needs, because the current post may turn out not to count.
        let excess = posts.count - Self.historySize(limit) - 1
        if excess > 0 { posts.removeFirst(excess) }
    }

    /// How many posts are remembered: enough for a larger limit after the next reload.
    private static func historySize(_ limit: PostLimit?) -> Int { max(limit?.posts ?? 1, 32) }

    private static func burst(_ limit: PostLimit) -> Int { max(1, limit.posts * 3 / 10) }

    private static func refill(_ limit: PostLimit) -> Interval {
        limit.window / max(1, limit.posts - burst(limit))
    }
}
