/// The tenure: the right to post, permanent in a single process or leased among replicas, and its hook records.
extension DeliveryMachine {
    /// Gains the tenure. Continues with the hook records of the previous owner and reads all rows again.
    mutating func gain(_ tenure: Tenure, at now: Instant) {
        // A suspended process may not have noticed that another replica posted in between.
        loseTenure()
        tenureEnd = tenure.validUntil
        for record in tenure.hooks where hooks.indices.contains(record.hook.index) {
            restore(record, at: now)
        }
    }

    private mutating func restore(_ record: HookRecord, at now: Instant) {
        let index = record.hook.index
        // A current post of this process is counted at its end.
        if hooks[index].turn == .free {
            hooks[index].limiter = PostLimiter(
                limit: hooks[index].limiter.limit, posts: record.posts, pausedUntil: record.pausedUntil, now: now)
        }
        hooks[index].health.restore(failingSince: record.failingSince, at: now)
        guard let unfinished = record.unfinished, queues.indices.contains(unfinished.queue.index) else { return }
        hooks[index].heldUntil = max(hooks[index].heldUntil, unfinished.until)
        hooks[index].limiter.extendLast(to: unfinished.until)
        let mark = Mark(hook: record.hook, through: unfinished.through, form: unfinished.form)
        if unfinished.form != .notice { queues[unfinished.queue.index].setMark(mark) }
    }

    /// The hook's record. It must be stored before the current post is sent, because it must survive a crash.
    public func record(of hook: HookID, until: Instant) -> HookRecord? {
        guard hooks.indices.contains(hook.index) else { return nil }
        let state = hooks[hook.index]
        var record = HookRecord(hook: hook, posts: state.limiter.posts)
        if state.limiter.pausedUntil > .distantPast { record.pausedUntil = state.limiter.pausedUntil }
        if !state.health.isWorking { record.failingSince = state.health.unhealthySince }
        record.unfinished = unfinished(state, until: until)
        return record
    }

    private func unfinished(_ state: HookState, until: Instant) -> HookRecord.Unfinished? {
        switch state.turn {
        case .free: return nil
        case .followUp:
            // Like a notice it shows no entry, but it counts against the budget.
            guard let first = state.followUps.underWay.first else { return nil }
            return HookRecord.Unfinished(queue: first.queue, through: first.id, form: .notice, until: until)
        case .queue(let queue):
            guard case .posting = queues[queue.index].work, let batch = queues[queue.index].batch,
                let last = batch.entries.last
            else { return nil }
            return HookRecord.Unfinished(queue: queue, through: last.id, form: batch.form, until: until)
        }
    }

    /// Drops all knowledge of rows and rooms, because another replica continues. A current post ends as usual, and the
    /// entries that it delivers are settled.
    mutating func loseTenure() {
        tenureEnd = nil
        for index in queues.indices {
            queues[index].reload()
            queues[index].rooms = RoomMemory()
            queues[index].marks = []
        }
        for index in hooks.indices { hooks[index].followUps.removeAll() }
    }
}
