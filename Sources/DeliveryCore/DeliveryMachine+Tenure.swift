/// The right to post: gained at start for ever, or by lease among replicas; and the records that pass with it.
extension DeliveryMachine {
    /// Continues with what the one before left of each hook; rows are read anew.
    mutating func gain(_ tenure: Tenure, at now: Instant) {
        // A frozen process may not have noticed that another posted in between.
        loseTenure()
        tenureEnd = tenure.validUntil
        for record in tenure.hooks where hooks.indices.contains(record.hook.index) {
            restore(record, at: now)
        }
    }

    private mutating func restore(_ record: HookRecord, at now: Instant) {
        let index = record.hook.index
        // A post of this process that is under way counts at its end.
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

    /// What must outlive the process, to be stored before a post that is under way can be in the room.
    public func record(of hook: HookID, until: Instant) -> HookRecord? {
        guard hooks.indices.contains(hook.index) else { return nil }
        let state = hooks[hook.index]
        var record = HookRecord(hook: hook, posts: state.limiter.posts)
        if state.limiter.pausedUntil > .distantPast { record.pausedUntil = state.limiter.pausedUntil }
        if !state.health.isWorking { record.failingSince = state.health.troubledSince }
        record.unfinished = unfinished(state, until: until)
        return record
    }

    private func unfinished(_ state: HookState, until: Instant) -> HookRecord.Unfinished? {
        switch state.turn {
        case .free: return nil
        case .followUp:
            // Like a notice it shows no entry, but it counts against the budget until it has ended.
            guard let first = state.followUps.underWay.first else { return nil }
            return HookRecord.Unfinished(queue: first.queue, through: first.id, form: .notice, until: until)
        case .queue(let queue):
            guard case .posting = queues[queue.index].work, let batch = queues[queue.index].batch,
                let last = batch.entries.last
            else { return nil }
            return HookRecord.Unfinished(queue: queue, through: last.id, form: batch.form, until: until)
        }
    }

    /// Another replica goes on: what is known of rows and rooms is worth nothing any more. A post under way ends as
    /// usual, and what it delivered is settled.
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
