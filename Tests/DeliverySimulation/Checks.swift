import DeliveryCore

/// The invariants after each step and at each composition and post.
extension World {
    func fail(_ kind: String, _ detail: String) -> Violation { Violation(kind: kind, detail: detail) }

    // MARK: - Each step

    /// A queue with pending entries has a timer or an operation in progress.
    func checkStep(_ replica: Int) throws(Violation) {
        let state = replicas[replica]
        guard state.lease == lease, state.timerAt == nil, state.operations == 0, !state.isStopping,
            replicas.count == 1 || now < lastBeat + 5_000
        else { return }
        for queue in topology.queues.indices {
            guard let oldest = journal.oldest(queue), oldest <= audit.queues[queue].newestKnown else { continue }
            if isSettling(oldest, replica) { continue }
            throw fail("asleep", "queue \(queue), entry \(oldest)")
        }
    }

    private func isSettling(_ entry: Int, _ replica: Int) -> Bool {
        replicas[replica].settlements.contains { $0.ids.contains(EntryID(Int64(entry))) }
    }

    /// A working, free hook gets the next message within 70 ms of the time that the pace allows.
    func checkLateness(_ replica: Int) throws(Violation) {
        guard canPost(replica) else { return }
        if anySuspect { return }
        for queue in topology.queues.indices {
            guard let hook = topology.queues[queue].routes.first?.index,
                let since = waitingSince(queue, at: hook, replica)
            else { continue }
            if now - max(since, audit.composedAt[hook]) > 70 {
                throw fail("late", "queue \(queue) at hook \(hook), free since \(since)")
            }
        }
        try checkFailoverLateness(replica)
    }

    /// Whether an entry was in composition at a crash. Such entries are composed one at a time and delay other queues.
    private var anySuspect: Bool {
        topology.queues.indices.contains { queue in journal.firstPending(queue).map { journal.crashes[$0] > 0 } ?? false
        }
    }

    private func canPost(_ replica: Int) -> Bool {
        let state = replicas[replica]
        return state.lease == lease && !state.isStopping && state.partitionedUntil <= now && state.frozenUntil <= now
            && (replicas.count == 1 || now < lastBeat + 5_000) && now > audit.disturbedUntil
    }

    /// The time from which the queue could post at this working hook; nil if it cannot.
    private func waitingSince(_ queue: Int, at hook: Int, _ replica: Int) -> Int? {
        let state = audit.queues[queue]
        guard model.health(hook) == .working, !isHookBusy(hook, replica), !isQueueBusy(queue, replica),
            let oldest = journal.oldest(queue), oldest <= state.newestKnown, !isSettling(oldest, replica),
            !(state.rejected.entry == oldest && state.rejected.hooks & (1 << UInt32(hook)) != 0)
        else { return nil }
        let hookReady = Int(model.readyAt(hook)) + 1
        let since = max(hookReady, state.freeSince, state.pausedUntil, journal.acceptedAt[oldest] + 2)
        return max(since, model.since(hook), audit.reloadedAt)
    }

    private func isHookBusy(_ hook: Int, _ replica: Int) -> Bool {
        if model.isPosting(hook) || audit.inFlight[hook] > 0 { return true }
        if isComposing(hook, replica) { return true }
        // A gathering queue also holds a hook, but the machine does not expose which.
        return replicas[replica].isLoading.contains(true)
    }

    private func isQueueBusy(_ queue: Int, _ replica: Int) -> Bool {
        audit.queues[queue].isPosting || replicas[replica].isComposing[queue] || replicas[replica].isLoading[queue]
    }

    /// The next route takes over within 5 s after the delay.
    private func checkFailoverLateness(_ replica: Int) throws(Violation) {
        for queue in topology.queues.indices {
            let plan = topology.queues[queue]
            guard plan.routes.count > 1, let oldest = journal.oldest(queue),
                audit.queues[queue].rejected.entry != oldest,
                audit.queues[queue].partial == nil
            else { continue }
            let own = plan.routes[0].index
            let delay = Int(plan.failoverDelay.nanoseconds / 1_000_000)
            guard model.health(own) != .working, !isHookBusy(own, replica),
                let since = waitingSince(queue, at: plan.routes[1].index, replica)
            else { continue }
            let due = max(model.freeSince(own), model.health(own) == .broken ? 0 : model.since(own) + delay)
            // A search at the first hook may take a few more posts and waits for a throttling hook.
            let overtakeDelay = 35_000 + (model.health(own) == .throttled ? 60_000 : 0)
            if now - max(since, due, audit.composedAt[plan.routes[1].index]) > overtakeDelay {
                throw fail("failover late", "queue \(queue)")
            }
        }
    }

    // MARK: - Each composition and post

    func checkComposition(_ composition: Composition, _ replica: Int) throws(Violation) {
        let queue = composition.queue.index
        let entries = composition.ids.map { Int($0.rawValue) }
        if entries.isEmpty { throw fail("composition", "empty") }
        if zip(entries, entries.dropFirst()).contains(where: { $0 >= $1 }) { throw fail("order", "\(entries)") }
        if entries.contains(where: { journal.queue[$0] != queue }) {
            throw fail("composition", "another queue's entry")
        }
        if entries.contains(where: { isSettling($0, replica) }) { throw fail("settled", "composed again: \(entries)") }
        try checkBanner(composition)
        let crashes = entries.map { journal.crashes[$0] }.max() ?? 0
        if crashes >= 3 ? entries.count > 1 : crashes == 2 && entries.count > 50 {
            throw fail("crash guard", "\(entries.count) entries after \(crashes) crashes")
        }
        try checkSuspectIsAlone(composition, replica)
        if let partial = audit.queues[queue].partial, partial.hook != composition.hook.index {
            allowAgain(partial.entries, partial.hook)
            audit.queues[queue].partial = nil
        }
        guard replicas.count == 1, let oldest = journal.all(queue).first(where: { !audit.settled[$0] }) else { return }
        if entries.first != oldest { throw fail("order", "\(entries) before \(oldest)") }
    }

    /// An entry that was in composition at a crash is composed alone. Otherwise another crash would prove nothing.
    private func checkSuspectIsAlone(_ composition: Composition, _ replica: Int) throws(Violation) {
        guard replicas.count == 1 else { return }
        let state = replicas[replica]
        for other in topology.queues.indices where other != composition.queue.index && state.isComposing[other] {
            let ids = composition.ids + (state.compositions[other]?.ids ?? [])
            if ids.contains(where: { journal.crashes[Int($0.rawValue)] > 0 }) {
                throw fail("crash guard", "\(composition.ids) beside queue \(other)")
            }
        }
    }

    func checkPost(_ post: Post) throws(Violation) {
        let (replica, hook) = (post.replica, post.hook)
        if replicas[replica].isStopping { throw fail("stop", "a post begins after stop") }
        if audit.inFlight[hook] > 0 { throw fail("two posts", "at hook \(hook)") }
        if now < model.heldUntil(hook) { throw fail("quarantine", "hook \(hook) until \(model.heldUntil(hook))") }
        if let until = model.pausedUntil(hook), until > instant { throw fail("pause", "hook \(hook) until \(until)") }
        if Double(now) + 1.5 < model.paceAllows(hook) {
            throw fail("pace", "hook \(hook), allowed at \(model.paceAllows(hook))")
        }
        try checkStarvation(post)
        try checkUrgency(post)
        for queue in topology.queues.indices where topology.queues[queue].routes.contains(HookID(hook)) {
            audit.queues[queue].mayBeOvertaken = true
        }
        guard post.queue >= 0 else { return }
        if replica == holder { try checkRoute(post) }
        try checkContent(post)
        audit.queues[post.queue].overtaken = 0
        audit.queues[post.queue].mayBeOvertaken = false
        if post.form != .notice { for entry in post.entries { audit.asked[entry] |= 1 << UInt32(hook) } }
        if let partial = audit.queues[post.queue].partial, partial.hook != hook {
            allowAgain(partial.entries, partial.hook)
            audit.queues[post.queue].partial = nil
        }
    }

    /// The most urgent queue posts first. A queue that has waited for 30 s may overtake each more urgent one once.
    private func checkUrgency(_ post: Post) throws(Violation) {
        if anySuspect { return }
        let urgency = post.queue >= 0 ? topology.queues[post.queue].urgency : Int.max
        for queue in topology.queues.indices where queue != post.queue && topology.queues[queue].urgency < urgency {
            guard canPost(post.replica), topology.queues[queue].routes.first == HookID(post.hook),
                let since = waitingSince(queue, at: post.hook, post.replica), now - since > 35
            else { continue }
            audit.queues[queue].overtaken += 1
            if audit.queues[queue].overtaken > 1 { throw fail("overtaken twice", "queue \(queue) by \(post.queue)") }
            guard post.queue >= 0, !audit.mayOmitEntries else { continue }
            let oldest = post.entries.first.map { journal.acceptedAt[$0] } ?? now
            let waited = now - max(min(oldest, now), min(audit.queues[post.queue].waitingSince, now))
            if waited < 29_900 { throw fail("urgency", "queue \(post.queue) before \(queue) after \(waited) ms") }
        }
    }

    /// A less urgent queue that has waited longest posts next, unless a more urgent one has just been overtaken.
    private func checkStarvation(_ post: Post) throws(Violation) {
        guard post.queue >= 0, canPost(post.replica), !anySuspect, !audit.queues[post.queue].mayBeOvertaken else {
            return
        }
        let urgency = topology.queues[post.queue].urgency
        var waiting: [(queue: Int, since: Int)] = []
        for queue in topology.queues.indices where queue != post.queue {
            guard topology.queues[queue].routes.first == HookID(post.hook),
                let since = waitingSince(queue, at: post.hook, post.replica), now - since > 35,
                let oldest = journal.oldest(queue)
            else { continue }
            let knownSince = max(journal.acceptedAt[oldest] + 25, audit.queues[queue].readFailedAt)
            waiting.append((queue, max(knownSince, audit.queues[queue].waitingSince)))
        }
        let oldest = post.entries.first.map { journal.acceptedAt[$0] } ?? now
        let own = max(oldest, audit.queues[post.queue].waitingSince)
        for (queue, since) in waiting where now - since > 30_100 && since + 100 < own {
            let isLess = topology.queues[queue].urgency > urgency
            // A queue of an urgency between them may have been overtaken.
            let others = topology.queues.indices.contains { other in
                other != post.queue && topology.queues[other].urgency < topology.queues[queue].urgency
                    && journal.firstPending(other) != nil
            }
            if isLess, !others { throw fail("starved", "queue \(queue) passed over by \(post.queue)") }
        }
    }

    /// A first route that works again is found by its probes.
    private func checkReturn(_ post: Post, _ own: Int) throws(Violation) {
        guard canPost(post.replica), post.part == 0, post.form == .full, let healthy = audit.healthySince[own],
            now - healthy > 75_000, now - model.freeSince(own) > 75_000, !isHookBusy(own, post.replica),
            model.paceAllows(own) < Double(now - 1_000), now - audit.disturbedUntil > 75_000,
            audit.queues[post.queue].rejected.entry != post.entries.first
        else { return }
        throw fail("no return", "queue \(post.queue) does not probe hook \(own)")
    }

    /// A queue leaves a route only if it does not work, and not before the failover delay.
    private func checkRoute(_ post: Post) throws(Violation) {
        let plan = topology.queues[post.queue]
        guard let position = plan.routes.firstIndex(of: HookID(post.hook)) else {
            // Changed routes apply from the next turn.
            if now - audit.reloadedAt > 3_000 { throw fail("route", "hook \(post.hook) is none of the queue's") }
            return
        }
        guard now - audit.reloadedAt > 3_000 else { return }
        let delay = Int(plan.failoverDelay.nanoseconds / 1_000_000)
        for route in plan.routes[..<position].map(\.index) {
            let rejected = audit.queues[post.queue].rejected
            if rejected.entry == post.entries.first, rejected.hooks & (1 << UInt32(route)) != 0 { continue }
            if position > 0, route == plan.routes[0].index { try checkReturn(post, route) }
            switch model.health(route) {
            case .working: throw fail("failover", "from hook \(route), which works")
            case .throttled, .failing:
                // Once a room has rejected the entry, the others are tried in turn, in any state.
                if rejected.entry == post.entries.first, rejected.hooks != 0 { continue }
                // A partly delivered batch or a search continues there, even if a reload put another route before it.
                if post.part > 0 || post.form != .full { continue }
                if now - model.since(route) < delay { throw fail("failover", "from hook \(route), too early") }
            case .broken: break
            }
        }
    }

    private func checkContent(_ post: Post) throws(Violation) {
        guard post.form != .notice else { return }
        let left = audit.maybe[post.queue][post.hook].filter { journal.isPending[$0] && !audit.settled[$0] }
        let isCapped = left.contains { journal.crashes[$0] > 0 }
        if !left.isEmpty, !isCapped, post.replica == holder, left.contains(where: { !post.entries.contains($0) }) {
            throw fail("maybe delivered", "\(post.entries) without \(left)")
        }
        let health = model.health(post.hook)
        if post.form == .full, left.isEmpty, health == .failing || health == .broken, post.entries.count > 1,
            post.part == 0,
            now > audit.disturbedUntil
        {
            throw fail("probe", "\(post.entries.count) entries")
        }
        guard post.form == .full, left.isEmpty, health == .working, post.entries.count == 1, post.part == 0,
            canPost(post.replica), audit.memoryLostAt < journal.acceptedAt[post.entries[0]],
            audit.queues[post.queue].rejected.entry != post.entries[0]
        else { return }
        let waiting = journal.all(post.queue).suffix(120).count {
            journal.isPending[$0] && !audit.settled[$0] && journal.acceptedAt[$0] < now - 500
        }
        let isSuspect = journal.all(post.queue).contains {
            journal.crashes[$0] > 0 || journal.nature[$0].mayBeOmitted
        }
        let exceedsBudget = topology.limits[post.hook] != nil && waiting > 8
        let isTooSlow = waiting > 1 && waiting * model.took(post.hook) > 5_500
        if exceedsBudget || isTooSlow, !isSuspect { throw fail("fold", "one of \(waiting)") }
    }

    /// No window of the limit's length contains more posts than the limit.
    func checkBudget(_ hook: Int) throws(Violation) {
        audit.arrivals[hook].append(now)
        guard let limit = model.settledLimit(hook, at: now) else { return }
        let index = audit.arrivals[hook].count - 1 - limit.posts
        if index >= 0, audit.arrivals[hook][index] > now - limit.window { throw fail("budget", "hook \(hook)") }
    }
}
