import DeliveryCore

/// Checks of the rooms' messages and of settlements.
extension World {
    func key(_ entry: Int) -> Audit.Key { Audit.Key(queue: journal.queue[entry], group: journal.group[entry]) }

    /// Shows a message in the room.
    func show(_ post: Post) throws(Violation) {
        let hook = post.hook
        for followUp in post.followUps {
            let key = Audit.Key(queue: followUp.queue.index, group: followUp.group)
            let id = Int(followUp.id.rawValue)
            let shown = audit.rooms[hook][key]
            if let shown, shown.last > id, !journal.isResolved[shown.last] {
                throw fail("follow-up", "of \(id) after \(shown.last)")
            }
            // The relay may have forgotten a newer state that the room showed before a restart.
            let isNewest = id >= (shown?.newest ?? 0)
            audit.rooms[hook][key] = Audit.Shown(
                newest: max(id, shown?.newest ?? id), newestAt: isNewest ? now : shown?.newestAt ?? now, last: id,
                lastAt: now, isFollowUp: true)
        }
        if post.form == .notice { audit.noticed.formUnion(post.entries) }
        guard post.queue >= 0, post.form != .notice, !post.isCopy else { return }
        for entry in post.entries {
            if post.part == 0 { try showFirstPart(entry, hook) }
            audit.shownParts[hook][entry] |= 1 << UInt8(post.part)
            if post.part == 0 { audit.shownParts[hook][entry] = 1 }
            let whole = UInt8(1 << (post.isCopy ? 1 : partsWithoutCopy(post))) - 1
            if audit.shownParts[hook][entry] & whole == whole { audit.completeIn[entry] |= 1 << UInt32(hook) }
        }
    }

    private func partsWithoutCopy(_ post: Post) -> Int {
        post.entries.count == 1 ? journal.nature[post.entries[0]].parts : 1
    }

    private func showFirstPart(_ entry: Int, _ hook: Int) throws(Violation) {
        audit.copies[hook][entry] &+= 1
        let allowed = audit.allowed[hook][entry] ?? 1
        if Int(audit.copies[hook][entry]) > allowed {
            throw fail("duplicate", "entry \(entry) \(audit.copies[hook][entry]) times in room \(hook)")
        }
        let key = key(entry)
        let shown = audit.rooms[hook][key]
        if audit.copies[hook][entry] == 1, let shown, shown.newest > entry, !shown.isFollowUp {
            throw fail("room order", "entry \(entry) after \(shown.newest) in room \(hook)")
        }
        let isNewest = entry >= (shown?.newest ?? 0)
        audit.rooms[hook][key] = Audit.Shown(
            newest: max(entry, shown?.newest ?? 0), newestAt: isNewest ? now : shown?.newestAt ?? now, last: entry,
            lastAt: now)
    }

    // MARK: - Settlements

    func checkSettlement(_ queue: Int, _ ids: [EntryID], _ settlement: Settlement, _ replica: Int) throws(Violation) {
        for entry in ids.map({ Int($0.rawValue) }) {
            if audit.settled[entry], replica == holder, replicas.count == 1 {
                throw fail("settled twice", "entry \(entry)")
            }
            audit.settled[entry] = true
            switch settlement {
            case .delivered:
                if audit.completeIn[entry] == 0 {
                    throw fail("lost", "entry \(entry) is delivered, and no room shows it")
                }
            case .expired:
                statistics.expired += 1
                audit.expired.insert(entry)
                if !journal.isExpired(entry, at: now) { throw fail("expired", "entry \(entry) is of use") }
                // No room shows an expired resolve.
                if journal.isResolved[entry] { audit.deadGroups.insert(key(entry)) }
                audit.queues[queue].freeSince = max(audit.queues[queue].freeSince, now)
            case .dead(let reason):
                statistics.deadLetters += 1
                audit.isDead[entry] = true
                audit.deadGroups.insert(key(entry))
                // The next entry may only be posted now.
                audit.queues[queue].freeSince = max(audit.queues[queue].freeSince, now)
                try checkDeadLetter(entry, reason, queue)
            }
        }
    }

    private func checkDeadLetter(_ entry: Int, _ reason: DeadLetterReason, _ queue: Int) throws(Violation) {
        let nature = journal.nature[entry]
        switch reason {
        case .unreadable: if nature != .unreadable { throw fail("dead letter", "entry \(entry) is readable") }
        case .crashed: if nature != .crashing { throw fail("dead letter", "entry \(entry) crashes nothing") }
        case .refused:
            let routes = topology.queues[queue].routes.map(\.index)
            // A hook that refuses all messages from time to time may reject one valid entry; its notice is in the room.
            let isSpoilt = audit.noticed.contains(entry) && routes.contains { now - audit.refusedAllAt[$0] < 180_000 }
            if !isSpoilt, !routes.contains(where: nature.isRejected) {
                throw fail("dead letter", "entry \(entry) is acceptable")
            }
            for route in routes where audit.asked[entry] & (1 << UInt32(route)) == 0 {
                if model.health(route) == .throttled, now - model.since(route) >= 60_000 { continue }
                throw fail("dead letter", "entry \(entry): hook \(route) was not asked")
            }
            for route in routes where !nature.isRejected(by: route) && model.health(route) == .working && !isSpoilt {
                throw fail("dead letter", "entry \(entry): hook \(route) works and would take it")
            }
        }
    }

    // MARK: - Time

    /// No entry waits long while one of its routes works.
    func checkWaiting() throws(Violation) {
        for queue in topology.queues.indices {
            guard let oldest = journal.oldest(queue) else { continue }
            let healthy = topology.queues[queue].routes.compactMap { audit.healthySince[$0.index] }.filter { $0 <= now }
            guard let works = healthy.min() else { continue }
            let since = max(works, journal.acceptedAt[oldest], audit.disturbedUntil, audit.reloadedAt)
            let delay = Int(topology.queues[queue].failoverDelay.nanoseconds / 1_000_000)
            if now - since > delay + 600_000 + 240_000 * audit.specials + suspectTime {
                throw fail("never told", "queue \(queue), entry \(oldest)")
            }
        }
    }

    /// The time to deliver up to 50 entries one by one. They were in the batch of 50 that crashed, and with small
    /// limits this takes longest.
    private var suspectTime: Int {
        guard journal.crashes.contains(where: { $0 >= 3 }) else { return 0 }
        let paces = topology.limits.compactMap { limit in
            limit.map { Int($0.window.nanoseconds / 1_000_000) / max(1, $0.posts - max(1, $0.posts * 3 / 10)) }
        }
        return 50 * (paces.max() ?? 0)
    }

    /// The final state: no entry is pending, each room ends on the newest state that it showed, and no room ends on a
    /// firing that is resolved.
    func checkFinalState() throws(Violation) {
        if journal.pendingCount > 0 { throw fail("never told", "\(journal.pendingCount) entries") }
        var final: [Audit.Key: Int] = [:]
        for entry in 1..<max(1, journal.count) { final[key(entry)] = entry }
        for (hook, room) in audit.rooms.enumerated() {
            for (key, shown) in room where !audit.deadGroups.contains(key) && !audit.followUpsDropped.contains(key) {
                if audit.memoryLostAt >= shown.newestAt { continue }
                // An expired entry is not repeated with the others that may have been delivered.
                if shown.last != shown.newest, !audit.expired.contains(shown.newest),
                    !(journal.isResolved[shown.last] && journal.isResolved[shown.newest])
                {
                    throw fail("old state", "room \(hook) ends on \(shown.last), not \(shown.newest)")
                }
                guard let end = final[key], journal.isResolved[end], !shown.isFollowUp, !journal.isResolved[shown.last]
                else { continue }
                throw fail("still firing", "room \(hook) shows \(shown.last), resolved by \(end)")
            }
        }
    }
}
