/// What rooms may show, and the follow-ups that correct it.
extension DeliveryMachine {
    /// Records that the room may show these entries or parts of them.
    mutating func mayShow(_ batch: Batch, _ queue: Int) {
        for entry in batch.entries { mayShow(entry, queue, in: batch.hook) }
    }

    /// Records that rooms may show newly loaded rows that an unfinished post before a crash or takeover carried.
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
        // A follow-up for an older resolve would become the newest message in the room.
        _ = hooks[hook.index].followUps.cancel(queue: QueueID(queue), group: entry.group)
    }

    /// Records that the room shows the entry.
    mutating func shows(_ entry: PendingEntry, of queue: QueueID, in hook: HookID, at now: Instant) {
        guard entry.isResolved else { return showsFiring(entry, of: queue, in: hook) }
        _ = hooks[hook.index].followUps.cancel(queue: queue, group: entry.group)
        for room in queues[queue.index].rooms.showsResolved(entry, in: hook) {
            let followUp = FollowUp(queue: queue, group: entry.group, id: entry.id)
            add(followUp, at: room, now)
        }
    }

    /// Cancels the group's follow-ups: rooms that still show it as firing are correct again.
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
            // The text is as simple as a notice's: a room that refuses it accepts no messages.
            note(.hookBroken, at: hook, postedAt: start, now)
            if wasWorking { followUps = afterRefusal(followUps, at: hook) }
        default: note(result, at: hook, postedAt: start, now)
        }
        hooks[hook.index].followUps.putBack(followUps, at: now)
    }

    /// Drops follow-ups that a working room has refused three times: they are the cause, not the room.
    private mutating func afterRefusal(_ followUps: [FollowUp], at hook: HookID) -> [FollowUp] {
        var kept: [FollowUp] = []
        for var followUp in followUps {
            followUp.refusals += 1
            if followUp.refusals < 3 { kept.append(followUp) } else { report(.followUpDropped(hook, followUp)) }
        }
        return kept
    }
}
