/// Scheduling: which queue has the turn at each hook.
extension DeliveryMachine {
    /// Starts every load, composition and post that may start now.
    mutating func advance(at now: Instant) {
        for queue in queues.indices { reconsider(queue, at: now) }
        for queue in queues.indices { continueGathering(queue, at: now) }
        if mayPost(at: now) {
            var hasStarted = true
            while hasStarted {
                hasStarted = false
                for hook in hooks.indices where hooks[hook].turn == .free {
                    if startTurn(at: HookID(hook), now) { hasStarted = true }
                }
            }
            for queue in queues.indices { readAhead(queue, at: now) }
        }
        for queue in queues.indices where queues[queue].isIdle {
            // A batch that could not be posted is composed again later, with the newer entries.
            if let batch = queues[queue].batch, !batch.hasBegun { queues[queue].batch = nil }
            queues[queue].trim(to: settings.window)
        }
    }

    private mutating func startTurn(at hook: HookID, _ now: Instant) -> Bool {
        guard let queue = nextQueue(at: hook, now) else { return startFollowUp(at: hook, now) }
        if followUpPrecedes(at: hook, now) { return startFollowUp(at: hook, now) }
        if let batch = queues[queue].batch, batch.isComposed, batch.hook == hook {
            post(batch, of: queue, at: now)
        } else {
            beginTurn(queue, at: hook, now)
        }
        return true
    }

    // MARK: Urgency

    /// The most urgent queue that may post at this hook now. A queue that has waited longer than `overtakeDelay` precedes
    /// it, unless a more urgent one was already overtaken since its last post. So each is overtaken at most once, and
    /// no queue starves.
    private func nextQueue(at hook: HookID, _ now: Instant) -> Int? {
        var claimants: [Int] = []
        for queue in queues.indices where wantsTurn(queue, at: hook, now) { claimants.append(queue) }
        guard claimants.count > 1 else { return claimants.first }
        claimants.sort { waitingSince($0) < waitingSince($1) }
        for queue in claimants where now - waitingSince(queue) > settings.overtakeDelay {
            if mayOvertake(queues[queue].plan.urgency, claimants) { return queue }
        }
        // Among equally urgent queues, the one that has waited longest is first.
        var first = claimants[0]
        for queue in claimants where queues[queue].plan.urgency < queues[first].plan.urgency { first = queue }
        return first
    }

    private func wantsTurn(_ queue: Int, at hook: HookID, _ now: Instant) -> Bool {
        guard let slot = slot(queue, at: hook, now), slot <= now else { return false }
        return !prefersEarlierRoute(queue, to: hook, now)
    }

    private func waitingSince(_ queue: Int) -> Instant { queues[queue].waitingSince ?? .distantFuture }

    private func mayOvertake(_ urgency: Int, _ claimants: [Int]) -> Bool {
        claimants.allSatisfy { queues[$0].plan.urgency >= urgency || !queues[$0].wasOvertaken }
    }

    /// Called when a post starts. Marks more urgent queues that wait at this hook as overtaken.
    private mutating func noteOvertaking(by urgency: Int, at hook: HookID, _ now: Instant) {
        for queue in queues.indices where queues[queue].plan.urgency < urgency {
            if wantsTurn(queue, at: hook, now) { queues[queue].wasOvertaken = true }
        }
    }

    // MARK: Posts

    private mutating func post(_ ready: Batch, of queue: Int, at now: Instant) {
        var batch = ready
        let hook = batch.hook
        noteOvertaking(by: queues[queue].plan.urgency, at: hook, now)
        queues[queue].wasOvertaken = false
        batch.postedAt = now
        batch.wasMarked = false
        if batch.form != .notice, let last = batch.entries.last?.id {
            let mark = queues[queue].mark(at: hook)
            batch.wasMarked = mark != nil
            if mark.map({ $0.through < last }) ?? true {
                queues[queue].setMark(Mark(hook: hook, through: last, form: batch.form))
            }
            queues[queue].attempts += 1
        }
        queues[queue].batch = batch
        queues[queue].work = .posting(hook)
        hooks[hook.index].turn = .queue(QueueID(queue))
        hooks[hook.index].limiter.start(at: now)
        reportReroute(queue, to: hook)
        actions.append(.post(QueueID(queue), hook, part: batch.nextPart))
    }

    private mutating func reportReroute(_ queue: Int, to hook: HookID) {
        guard hooks[hook.index].health.isWorking, !hasRejection(queues[queue]),
            let own = queues[queue].plan.routes.first
        else { return }
        let rerouted = hook == own ? nil : hook
        guard rerouted != queues[queue].reroutedTo else { return }
        queues[queue].reroutedTo = rerouted
        report(rerouted == nil ? .failedBack(QueueID(queue), to: hook) : .failedOver(QueueID(queue), to: hook))
    }

    // MARK: Follow-ups

    /// Whether follow-ups precede all queues. They are the least urgent, but like a queue they may overtake once they
    /// have waited longer than `overtakeDelay`.
    private func followUpPrecedes(at hook: HookID, _ now: Instant) -> Bool {
        guard followUpsAreDue(at: hook, now),
            now - hooks[hook.index].followUps.waitingSince > settings.overtakeDelay
        else { return false }
        return queues.indices.allSatisfy { !queues[$0].wasOvertaken || !wantsTurn($0, at: hook, now) }
    }

    /// Whether follow-ups may be posted now. They may not if a reload removed the hook from all routes.
    private func followUpsAreDue(at hook: HookID, _ now: Instant) -> Bool {
        !hooks[hook.index].followUps.isEmpty && hooks[hook.index].readyAt(isSearching: false) <= now
            && queues.contains { $0.plan.routes.contains(hook) }
    }

    private mutating func startFollowUp(at hook: HookID, _ now: Instant) -> Bool {
        guard followUpsAreDue(at: hook, now) else { return false }
        noteOvertaking(by: .max, at: hook, now)
        hooks[hook.index].turn = .followUp
        hooks[hook.index].postedAt = now
        hooks[hook.index].limiter.start(at: now)
        actions.append(.followUp(hook, hooks[hook.index].followUps.begin()))
        return true
    }
}
