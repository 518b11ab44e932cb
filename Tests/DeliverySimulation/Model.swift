import DeliveryCore

/// An independent implementation of the rules for pace and health, against which the machine is checked. Times are in
/// milliseconds.
struct Model {
    enum Health: Equatable {
        case working
        case throttled
        case failing
        case broken
    }

    fileprivate struct Hook {
        var health = Health.working
        var since = 0
        var failures = 0
        var suspicious = 0
        var limit: (posts: Int, window: Double)?
        var limitSince = Int.min / 2
        var pausedUntil = 0.0
        /// Ends of posts that count.
        var ends: [Double] = []
        var lastStart = -1e9
        var tokens = 1e9
        var tokensAt = 0.0
        var before: (tokens: Double, at: Double) = (0, 0)
        var isPosting = false
        var freeSince = 0
        var heldUntil = 0
        /// How long the last delivered post took.
        var took = 0
        /// Changes when the hook starts or stops working.
        var epoch = 0
    }

    private var hooks: [Hook] = []

    init(_ topology: Topology) {
        hooks = topology.limits.map { limit in
            var hook = Hook()
            hook.limit = limit.map { ($0.posts, Double($0.window.nanoseconds) / 1e6) }
            return hook
        }
    }

    func health(_ hook: Int) -> Health { hooks[hook].health }
    func isPosting(_ hook: Int) -> Bool { hooks[hook].isPosting }
    func since(_ hook: Int) -> Int { hooks[hook].since }

    func failingSince(_ hook: Int) -> Instant? {
        hooks[hook].health == .failing || hooks[hook].health == .broken
            ? Instant(nanoseconds: Int64(hooks[hook].since) * 1_000_000) : nil
    }

    func epoch(_ hook: Int) -> Int { hooks[hook].epoch }

    /// Whether only probes are posted to the hook.
    func isSuspended(_ hook: Int) -> Bool {
        hooks[hook].health == .broken || hooks[hook].health == .failing && hooks[hook].failures >= 5
    }

    /// The expected record when a post to this hook starts.
    func record(of hook: Int, at now: Int) -> HookRecord {
        let posts = (hooks[hook].ends.suffix(31) + [Double(now)]).map { Instant(nanoseconds: Int64($0) * 1_000_000) }
        return HookRecord(
            hook: HookID(hook), posts: posts, pausedUntil: pausedUntil(hook), failingSince: failingSince(hook))
    }

    func pausedUntil(_ hook: Int) -> Instant? {
        hooks[hook].pausedUntil > 0 ? Instant(nanoseconds: Int64(hooks[hook].pausedUntil) * 1_000_000) : nil
    }

    /// The hook's limit if it has been unchanged for an entire window.
    func settledLimit(_ hook: Int, at now: Int) -> (posts: Int, window: Int)? {
        guard let limit = hooks[hook].limit, Double(now - hooks[hook].limitSince) > limit.window * 1.1 else {
            return nil
        }
        return (limit.posts, Int(limit.window))
    }

    // MARK: Changes

    mutating func change(_ hook: Int, _ limit: PostLimit?, at now: Int) {
        let new = limit.map { (posts: $0.posts, window: Double($0.window.nanoseconds) / 1e6) }
        guard new?.posts != hooks[hook].limit?.posts else { return }
        hooks[hook].limit = new
        hooks[hook].limitSince = now
        hooks[hook].replay(at: Double(now))
    }

    mutating func restore(_ records: [HookRecord], _ topology: Topology, at now: Int) {
        for record in records {
            let old = hooks[record.hook.index]
            var hook = Hook()
            hook.limit = old.limit
            hook.limitSince = old.limitSince
            hook.health = record.failingSince == nil ? .working : .failing
            hook.since = record.failingSince.map { Int($0.nanoseconds / 1_000_000) } ?? 0
            hook.pausedUntil = record.pausedUntil.map { Double($0.nanoseconds) / 1e6 } ?? 0
            for post in record.posts {
                let at = min(Double(post.nanoseconds) / 1e6, Double(now))
                hook.start(at)
                hook.finish(at, counts: true)
            }
            hook.freeSince = now
            if let unfinished = record.unfinished {
                hook.heldUntil = Int(unfinished.until.nanoseconds / 1_000_000)
                if !hook.ends.isEmpty { hook.ends[hook.ends.count - 1] = Double(hook.heldUntil) }
            }
            hooks[record.hook.index] = hook
        }
    }

    /// Records a requested pause, which lasts at least a second.
    mutating func paused(_ hook: Int, _ pause: Int, at now: Int) {
        hooks[hook].pausedUntil = max(hooks[hook].pausedUntil, Double(now + max(1_000, pause)))
    }

    mutating func postBegins(_ hook: Int, at now: Int) {
        hooks[hook].isPosting = true
        hooks[hook].start(Double(now))
    }

    mutating func postEnded(_ index: Int, _ result: PostResult, from start: Int, at now: Int, isCopy: Bool) {
        var hook = hooks[index]
        hook.isPosting = false
        hook.freeSince = now
        var counts = true
        if case .failed(_, false) = result { counts = false }
        if result == .notSent { counts = false }
        hook.finish(Double(now), counts: counts)
        if !isCopy { hook.note(result, from: start, at: now) }
        hooks[index] = hook
    }

    /// The earliest time of the next post to a working hook.
    func readyAt(_ hook: Int) -> Double {
        max(hooks[hook].paceAllows(), Double(max(hooks[hook].heldUntil, hooks[hook].freeSince)))
    }

    /// How long the hook's last delivered post took.
    func took(_ hook: Int) -> Int { hooks[hook].took }

    func freeSince(_ hook: Int) -> Int { hooks[hook].freeSince }

    func heldUntil(_ hook: Int) -> Int { hooks[hook].heldUntil }

    func paceAllows(_ hook: Int) -> Double { hooks[hook].paceAllows() }
}

extension Model.Hook {
    private var burst: Double { limit.map { Double(max(1, $0.posts * 3 / 10)) } ?? 1e9 }

    private func refill(_ limit: (posts: Int, window: Double)) -> Double {
        limit.window / max(1, Double(limit.posts) - burst)
    }

    private func tokens(at time: Double) -> Double {
        guard let limit else { return 1e9 }
        return min(burst, tokens + max(0, time - tokensAt) / refill(limit))
    }

    fileprivate mutating func start(_ time: Double) {
        before = (tokens, tokensAt)
        let left = tokens(at: time)
        (tokens, tokensAt, lastStart) = (max(0, left - 1), time, time)
    }

    fileprivate mutating func finish(_ time: Double, counts: Bool) {
        if counts {
            ends.append(time)
            if ends.count > 64 { ends.removeFirst() }
        } else {
            (tokens, tokensAt) = before
        }
    }

    /// Recomputes the bucket from the known posts under the current limit.
    fileprivate mutating func replay(at now: Double) {
        let (known, start) = (ends, lastStart)
        (tokens, tokensAt, ends) = (1e9, 0, [])
        for end in known {
            self.start(end)
            finish(end, counts: true)
        }
        if isPosting { self.start(start) }
        lastStart = start
    }

    fileprivate func paceAllows() -> Double {
        guard let limit else { return pausedUntil }
        var time = max(pausedUntil, lastStart + limit.window / 60)
        let left = min(tokens, burst)
        if left < 1 { time = max(time, tokensAt + (1 - left) * refill(limit)) }
        if ends.count >= limit.posts { time = max(time, ends[ends.count - limit.posts] + limit.window * 1.002) }
        return time
    }

    fileprivate mutating func note(_ result: PostResult, from start: Int, at now: Int) {
        let wasWorking = health == .working || health == .throttled
        defer { if wasWorking != (health == .working || health == .throttled) { epoch += 1 } }
        switch result {
        case .delivered:
            (health, failures, suspicious) = (.working, 0, 0)
            took = now - start
        case .refused:
            suspicious = 0
            if health == .throttled { health = .working }
        case .notSent: heldUntil = max(heldUntil, now + 1_000)
        case .throttled(let wait):
            suspicious = 0
            if health == .working { (health, since) = (.throttled, start) }
            pausedUntil = max(pausedUntil, Double(now) + max(1_000, Double(wait.nanoseconds) / 1e6))
        case .failed, .suspicious, .hookBroken:
            suspicious = result == .suspicious ? suspicious + 1 : 0
            failures += 1
            if health == .working { since = start }
            let isBroken = health == .broken || result == .hookBroken || suspicious >= 5
            health = isBroken ? .broken : .failing
        }
    }
}
