/// Which hook a queue may post to, and when.
extension DeliveryMachine {
    /// When the queue may post at this hook; nil if it has nothing to post there as things are.
    ///
    /// A queue uses the first route that works, or has not been in trouble for long; it probes the routes before it
    /// when their probes are due. Without any such route it probes all of them.
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

    /// An entry that was in composition at a crash is composed while no other queue composes: else the one that crashes
    /// the process would drag innocent ones of other queues along, again and again.
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

    /// A route before this hook has a probe due: without this, a quiet queue would never try its own hook again.
    func prefersEarlierRoute(_ queue: Int, to hook: HookID, _ now: Instant) -> Bool {
        for route in queues[queue].plan.routes {
            if route == hook { return false }
            guard hooks[route.index].turn == .free, let slot = slot(queue, at: route, now) else { continue }
            if slot <= now { return true }
        }
        return false
    }

    // MARK: What is decided without a post

    /// Drops what is void, and gives up what no route takes.
    mutating func reconsider(_ queue: Int, at now: Instant) {
        guard queues[queue].isIdle, !queues[queue].entries.isEmpty else { return }
        if let search = queues[queue].search, isVoid(search, queue, at: now) { queues[queue].search = nil }
        if let batch = queues[queue].batch, batch.hasBegun, batch.isThreadCopy, mayLeave(batch, queue, at: now) {
            queues[queue].batch = nil
            finish(batch, of: QueueID(queue), at: now)
        }
        while let first = queues[queue].entries.first {
            // A process may be killed for another reason while an innocent entry happens to be composed alone: once is
            // no proof.
            if first.crashes >= 3, first.crashesAlone >= 2 {
                giveUp(first, of: queue, .crashed)
            } else if hasRejection(queues[queue]), queues[queue].batch == nil,
                queues[queue].plan.routes.allSatisfy({ wasAsked($0, queues[queue], at: now) })
            {
                giveUp(first, of: queue, .refused)
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

    /// Where a search or a begun batch goes on; nil if the queue is free to choose.
    func boundHook(_ queue: Int, at now: Instant) -> HookID? {
        if let search = queues[queue].search { return search.hook }
        guard let batch = queues[queue].batch, batch.hasBegun, !mayLeave(batch, queue, at: now) else { return nil }
        return batch.hook
    }

    /// A batch some of whose parts are in the room goes on there, unless it would be told sooner elsewhere.
    private func mayLeave(_ batch: Batch, _ queue: Int, at now: Instant) -> Bool {
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

    /// What has begun waits longer for a throttling hook than what has not: elsewhere it would begin again, and between
    /// two hooks that throttle it would never end.
    private func throttlesForLong(_ hook: HookID, _ state: QueueState, at now: Instant) -> Bool {
        guard case .throttled(let since) = hooks[hook.index].health.state else { return false }
        return now - since >= max(state.plan.failoverDelay, settings.throttleVerdict)
    }

    /// A hook in trouble takes the next post only after a long pause, or under a smaller limit since a reload.
    private func holdsForLong(_ hook: HookID, _ state: QueueState, at now: Instant) -> Bool {
        guard !hooks[hook.index].health.isUsable(within: state.plan.failoverDelay, at: now) else { return false }
        return hooks[hook.index].readyAt(isSearching: true) - now > settings.patience
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

    /// A room that works refused the first entry in every form.
    func hasRejection(_ state: QueueState) -> Bool {
        state.verdicts.contains { $0.isRejection && hooks[$0.hook.index].health.epoch == $0.epoch }
    }

    /// The room rejected the first entry, failed over it, or has throttled for long.
    private func wasAsked(_ hook: HookID, _ state: QueueState, at now: Instant) -> Bool {
        let health = hooks[hook.index].health
        if state.verdicts.contains(where: { $0.hook == hook && $0.epoch == health.epoch }) { return true }
        if case .throttled(let since) = health.state { return now - since >= settings.throttleVerdict }
        return false
    }

    private mutating func giveUp(_ entry: PendingEntry, of queue: Int, _ reason: DeadLetterReason) {
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
