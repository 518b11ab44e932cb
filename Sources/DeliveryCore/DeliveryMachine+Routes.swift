/// Selection of the hook that a queue may post to, and of the time.
extension DeliveryMachine {
    /// When the queue may post at this hook; nil if it may not in the current state.
    ///
    /// A queue uses its first usable route: one that works or has been in trouble for less than the failover delay. It
    /// probes earlier routes when their probes are due. Without a usable route it probes all of them.
    func slot(_ queue: Int, at hook: HookID, _ now: Instant) -> Instant? {
        let state = queues[queue]
        guard state.isIdle, !state.entries.isEmpty, mayCompose(queue, at: hook, now) else { return nil }
        if let bound = boundHook(queue, at: now) {
            guard bound == hook else { return nil }
            return hooks[hook.index].readyAt(isSearching: true)
        }
        let isRejected = hasRejection(state)
        for route in state.plan.routes {
            if isRejected, wasAsked(route, state, at: now) { continue }
            let health = hooks[route.index].health
            let isUsable = health.isUsable(within: state.plan.failoverDelay, at: now)
            if route == hook { return hooks[route.index].readyAt(isSearching: false) }
            if isUsable { return nil }
        }
        return nil
    }

    /// Whether the queue may compose now. An entry that was in composition at a crash is composed only while no other
    /// queue composes. Otherwise the entry that crashes the process would bring entries of other queues under
    /// suspicion.
    private func mayCompose(_ queue: Int, at hook: HookID, _ now: Instant) -> Bool {
        if let batch = queues[queue].batch, batch.isComposed, batch.hook == hook { return true }
        guard queues[queue].pausedUntil <= now else { return false }
        let isSuspect = isSuspect(queue)
        return queues.indices.allSatisfy { other in
            switch queues[other].work {
            case .gathering, .composing: !isSuspect && !self.isSuspect(other)
            case .idle, .posting: true
            }
        }
    }

    private func isSuspect(_ queue: Int) -> Bool { (queues[queue].entries.first?.crashes ?? 0) > 0 }

    /// Whether a route before this hook has a probe due. Without it, a queue with little traffic would never return to
    /// its first route.
    func prefersEarlierRoute(_ queue: Int, to hook: HookID, _ now: Instant) -> Bool {
        for route in queues[queue].plan.routes {
            if route == hook { return false }
            guard hooks[route.index].turn == .free, let slot = slot(queue, at: route, now) else { continue }
            if slot <= now { return true }
        }
        return false
    }

    // MARK: Decisions without a post

    /// Drops void searches and batches, and dead-letters entries that every route rejects.
    mutating func reconsider(_ queue: Int, at now: Instant) {
        guard queues[queue].isIdle, !queues[queue].entries.isEmpty else { return }
        if let search = queues[queue].search, isVoid(search, queue, at: now) { queues[queue].search = nil }
        if let batch = queues[queue].batch, batch.hasBegun, batch.isThreadCopy, mayMove(batch, queue, at: now) {
            queues[queue].batch = nil
            finish(batch, of: QueueID(queue), at: now)
        }
        while let first = queues[queue].entries.first {
            // One crash alone is no proof: the process may have been killed for another reason.
            if first.crashes >= 3, first.crashesAlone >= 2 {
                moveToDeadLetters(first, of: queue, .crashed)
            } else if hasRejection(queues[queue]), queues[queue].batch == nil,
                queues[queue].plan.routes.allSatisfy({ wasAsked($0, queues[queue], at: now) })
            {
                moveToDeadLetters(first, of: queue, .refused)
            } else {
                return
            }
        }
    }

    private func isVoid(_ search: Search, _ queue: Int, at now: Instant) -> Bool {
        let (state, health) = (queues[queue], hooks[search.hook.index].health)
        guard health.setbacks == search.setbacks, state.plan.routes.contains(search.hook) else { return true }
        let isHeld = throttlesForLong(search.hook, state, at: now) || holdsForLong(search.hook, state, at: now)
        if isHeld, anyRouteIsUsable(state, at: now) { return true }
        return betterRouteWorks(than: search.hook, state, at: now)
    }

    /// The hook at which a search or a partly delivered batch continues; nil if there is neither.
    func boundHook(_ queue: Int, at now: Instant) -> HookID? {
        if let search = queues[queue].search { return search.hook }
        guard let batch = queues[queue].batch, batch.hasBegun, !mayMove(batch, queue, at: now) else { return nil }
        return batch.hook
    }

    /// Whether a partly delivered batch may move to another hook, because that one delivers it sooner.
    private func mayMove(_ batch: Batch, _ queue: Int, at now: Instant) -> Bool {
        let (state, health) = (queues[queue], hooks[batch.hook.index].health)
        guard state.plan.routes.contains(batch.hook) else { return true }
        let isThrottled = if case .throttled = health.state { true } else { false }
        let isUsable =
            isThrottled
            ? !throttlesForLong(batch.hook, state, at: now)
            : health.isUsable(within: state.plan.failoverDelay, at: now)
        if !isUsable, anyRouteIsUsable(state, at: now) { return true }
        return betterRouteWorks(than: batch.hook, state, at: now)
    }

    /// Whether the hook has throttled too long for a search or a partly delivered batch. These wait longer than other
    /// entries: they would begin again elsewhere, and never end between two throttling hooks.
    private func throttlesForLong(_ hook: HookID, _ state: QueueState, at now: Instant) -> Bool {
        guard case .throttled(let since) = hooks[hook.index].health.state else { return false }
        return now - since >= max(state.plan.failoverDelay, settings.maxThrottleTime)
    }

    /// Whether a hook in trouble accepts its next post only after more than `overtakeDelay`, because of a pause or a limit
    /// that a reload reduced.
    private func holdsForLong(_ hook: HookID, _ state: QueueState, at now: Instant) -> Bool {
        guard !hooks[hook.index].health.isUsable(within: state.plan.failoverDelay, at: now) else { return false }
        return hooks[hook.index].readyAt(isSearching: true) - now > settings.overtakeDelay
    }

    private func anyRouteIsUsable(_ state: QueueState, at now: Instant) -> Bool {
        state.plan.routes.contains { isUsable($0, state, at: now) }
    }

    private func isUsable(_ hook: HookID, _ state: QueueState, at now: Instant) -> Bool {
        if hasRejection(state), wasAsked(hook, state, at: now) { return false }
        return hooks[hook.index].health.isUsable(within: state.plan.failoverDelay, at: now)
    }

    private func betterRouteWorks(than hook: HookID, _ state: QueueState, at now: Instant) -> Bool {
        let isRejected = hasRejection(state)
        for route in state.plan.routes {
            if route == hook { return false }
            if isRejected, wasAsked(route, state, at: now) { continue }
            if hooks[route.index].health.state == .working { return true }
        }
        return false
    }

    // MARK: Entries that a room rejected

    /// Whether a working room refused the first entry in every form.
    func hasRejection(_ state: QueueState) -> Bool {
        state.verdicts.contains { $0.isRejection && hooks[$0.hook.index].health.epoch == $0.epoch }
    }

    /// Whether the room rejected the first entry, failed on it, or has throttled for `maxThrottleTime`.
    private func wasAsked(_ hook: HookID, _ state: QueueState, at now: Instant) -> Bool {
        let health = hooks[hook.index].health
        if state.verdicts.contains(where: { $0.hook == hook && $0.epoch == health.epoch }) { return true }
        if case .throttled(let since) = health.state { return now - since >= settings.maxThrottleTime }
        return false
    }

    private mutating func moveToDeadLetters(_ entry: PendingEntry, of queue: Int, _ reason: DeadLetterReason) {
        let asked = queues[queue].verdicts.map(\.hook)
        queues[queue].search = nil
        settle([entry.id], of: QueueID(queue), .dead(reason))
        report(.deadLettered(QueueID(queue), entry.id, reason, asked: asked))
    }

    mutating func settle(_ ids: [EntryID], of queue: QueueID, _ settlement: Settlement) {
        guard !ids.isEmpty else { return }
        actions.append(.settle(queue, ids, settlement))
        queues[queue.index].remove(ids)
    }
}
