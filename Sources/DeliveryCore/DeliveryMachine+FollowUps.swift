/// What rooms show, and what is to be said there late.
extension DeliveryMachine {
    /// The room may show these entries, or parts of them.
    mutating func mayShow(_ batch: Batch, _ queue: Int) {
        for entry in batch.entries { mayShow(entry, queue, in: batch.hook) }
    }

    /// Of these rows a room may show those that the post before a crash or a take-over carried.
    mutating func mayShow(_ queue: Int, readAfter known: EntryID) {
        for mark in queues[queue].marks where mark.through > known {
            for entry in queues[queue].entries where entry.id > known && entry.id <= mark.through {
                mayShow(entry, queue, in: mark.hook)
            }
        }
    }

    private mutating func mayShow(_ entry: PendingEntry, _ queue: Int, in hook: HookID) {
        guard !entry.isResolved else { return }
        queues[queue].rooms.mayShowFiring(entry, in: hook)
        // A late resolve of an older state would be the newest that the room shows.
        _ = hooks[hook.index].followUps.cancel(queue: QueueID(queue), group: entry.group)
    }

    /// The room shows the entry.
    mutating func shows(_ entry: PendingEntry, of queue: QueueID, in hook: HookID, at now: Instant) {
        guard entry.isResolved else { return showsFiring(entry, of: queue, in: hook) }
        _ = hooks[hook.index].followUps.cancel(queue: queue, group: entry.group)
        for room in queues[queue.index].rooms.showsResolved(entry, in: hook) {
            let followUp = FollowUp(queue: queue, group: entry.group, id: entry.id)
            add(followUp, at: room, now)
        }
    }

    /// A room that was to hear of the resolve still shows the group as firing, and that is right again.
    private mutating func showsFiring(_ entry: PendingEntry, of queue: QueueID, in hook: HookID) {
        queues[queue.index].rooms.mayShowFiring(entry, in: hook)
        for room in hooks.indices where hooks[room].followUps.cancel(queue: queue, group: entry.group) {
            queues[queue.index].rooms.mayShowFiring(entry, in: HookID(room))
        }
    }

    private mutating func add(_ followUp: FollowUp, at hook: HookID, _ now: Instant) {
        let dropped = hooks[hook.index].followUps.add(followUp, limit: settings.followUps, at: now)
        report(.followUpWaits(hook, followUp))
        if let dropped { report(.followUpDropped(hook, dropped)) }
    }

    mutating func followUpEnded(_ hook: HookID, _ result: PostResult, at now: Instant) {
        guard hooks[hook.index].turn == .followUp else { return }
        let (start, wasWorking) = (hooks[hook.index].postedAt, hooks[hook.index].health.isWorking)
        var followUps = hooks[hook.index].followUps.end()
        hooks[hook.index].turn = .free
        hooks[hook.index].limiter.finish(at: now, reachedServer: result.reachedServer)
        switch result {
        case .delivered:
            note(result, at: hook, postedAt: start, now)
            report(.followedUp(hook, followUps))
            return
        case .refused:
            // Its text is as harmless as a notice's: a room that refuses it takes nothing.
            note(.hookBroken, at: hook, postedAt: start, now)
            if wasWorking { followUps = afterRefusal(followUps, at: hook) }
        default: note(result, at: hook, postedAt: start, now)
        }
        hooks[hook.index].followUps.putBack(followUps, at: now)
    }

    /// A room that worked before refused them; after the third time they are the cause.
    private mutating func afterRefusal(_ followUps: [FollowUp], at hook: HookID) -> [FollowUp] {
        var kept: [FollowUp] = []
        for var followUp in followUps {
            followUp.refusals += 1
            if followUp.refusals < 3 { kept.append(followUp) } else { report(.followUpDropped(hook, followUp)) }
        }
        return kept
    }
}
