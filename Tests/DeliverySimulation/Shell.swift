import DeliveryCore

/// The shell of a machine: applies events, executes the actions and schedules the resulting events.
extension World {
    func apply(_ event: Event, to replica: Int) throws(Violation) {
        guard replicas[replica].machine != nil else { return }
        note("[\(replica)] \(describe(event))")
        if replica == holder { try checkLateness(replica) }
        updateReplica(event, replica)
        let actions = replicas[replica].machine?.apply(event, at: instant) ?? []
        try checkIdling(event, actions, replica)
        for action in actions { try execute(action, of: replica) }
        try checkStep(replica)
        try checkConditions(replica)
    }

    private func updateReplica(_ event: Event, _ replica: Int) {
        switch event {
        // A gathering queue held its hook until now.
        case .loaded(let queue, _), .loadFailed(let queue): replicas[replica].isLoading[queue.index] = false
        case .tenureGained(let tenure): replicas[replica].tenureEnd = tenure.validUntil
        case .tenureExtended(let until): replicas[replica].tenureEnd = until
        case .tenureLost:
            replicas[replica].lease = -1
            replicas[replica].tenureEnd = .distantPast
            if replica == holder { audit.memoryLost(at: now, lease: lease) }
        default: break
        }
    }

    /// Repeated timers without an effect are a busy loop.
    private func checkIdling(_ event: Event, _ actions: [Action], _ replica: Int) throws(Violation) {
        guard event == .timer, actions.allSatisfy(isTimer) else { return replicas[replica].idleTimers = 0 }
        replicas[replica].idleTimers += 1
        if replicas[replica].idleTimers > 100 { throw fail("busy", "100 timers for nothing") }
    }

    private func execute(_ action: Action, of replica: Int) throws(Violation) {
        if trace != nil, !isTimer(action) { note("[\(replica)]   → \(describe(action))") }
        let incarnation = replicas[replica].incarnation
        switch action {
        case .load(let queue, let after, let limit):
            replicas[replica].operations += 1
            replicas[replica].isLoading[queue.index] = true
            let isDown = journal.failsUntil > now || replicas[replica].partitionedUntil > now
            if !isDown { try commit(replica) }
            replicas[replica].pages[queue.index] = isDown ? nil : journal.page(queue.index, after: after, limit: limit)
            plan(.loaded(replica: replica, incarnation: incarnation, queue: queue.index), after: random.within(1...20))
        case .compose(let composition):
            replicas[replica].operations += 1
            let queue = composition.queue.index
            if replicas[replica].isComposing[queue] { throw Violation(kind: "composition", detail: "two at once") }
            replicas[replica].compositions[queue] = composition
            replicas[replica].isComposing[queue] = true
            try checkComposition(composition, replica)
            plan(.composed(replica: replica, incarnation: incarnation, queue: queue), after: random.within(1...30))
        case .post(let queue, let hook, let part): try post(replica, queue.index, hook.index, part)
        case .followUp(let hook, let followUps): try postFollowUp(replica, hook.index, followUps)
        case .settle(let queue, let ids, let settlement):
            try checkSettlement(queue.index, ids, settlement, replica)
            replicas[replica].settlements.append((queue.index, ids, settlement))
            if !replicas[replica].isCommitPlanned {
                replicas[replica].isCommitPlanned = true
                plan(.commit(replica: replica, incarnation: incarnation), after: random.within(1...40))
            }
        case .setTimer(let time):
            replicas[replica].timerGeneration += 1
            let at = time.map { max(now, Int(($0.nanoseconds + 999_999) / 1_000_000)) }
            replicas[replica].timerAt = at
            if let at { agenda.push(.timer(replica: replica, generation: replicas[replica].timerGeneration), at: at) }
        case .stopped: try stopped(replica)
        case .report(let fact): try note(fact, replica)
        }
    }

    private func stopped(_ replica: Int) throws(Violation) {
        if posts.contains(where: {
            $0.replica == replica && !$0.isOver && $0.incarnation == replicas[replica].incarnation
        }) {
            throw Violation(kind: "stop", detail: "stopped before the last post ended")
        }
        try commit(replica)
        allowUncommitted(replica)
        replicas[replica].die()
        if replica == holder { audit.memoryLost(at: now, lease: lease) }
        if holder == replica { holder = nil }
        if replicas.count > 1,
            let next = replicas.indices.first(where: {
                replicas[$0].machine != nil && replicas[$0].frozenUntil <= now && !replicas[$0].isStopping
            }), holder == nil
        {
            try takeLease(next)
        }
        plan(.start(replica: replica), after: 500)
    }

    func commit(_ replica: Int) throws(Violation) {
        replicas[replica].isCommitPlanned = false
        guard !replicas[replica].settlements.isEmpty else { return }
        guard replicas[replica].partitionedUntil <= now else {
            replicas[replica].isCommitPlanned = true
            return plan(
                .commit(replica: replica, incarnation: replicas[replica].incarnation),
                after: replicas[replica].partitionedUntil - now)
        }
        for item in replicas[replica].settlements {
            // A shown message is delivered even if another replica posted it. Only the holder settles otherwise.
            if item.settlement != .delivered, replicas[replica].lease != lease { continue }
            for id in item.ids { journal.settle(Int(id.rawValue)) }
        }
        replicas[replica].settlements = []
    }

    func loaded(_ replica: Int, _ queue: Int) throws(Violation) {
        let page = replicas[replica].pages[queue]
        replicas[replica].pages[queue] = nil
        audit.queues[queue].freeSince = now
        if page == nil {
            audit.queues[queue].pausedUntil = now + 1_000
            audit.queues[queue].readFailedAt = now
        }
        try apply(page.map { .loaded(QueueID(queue), $0) } ?? .loadFailed(QueueID(queue)), to: replica)
    }

    func composed(_ replica: Int, _ queue: Int) throws(Violation) {
        replicas[replica].isComposing[queue] = false
        audit.queues[queue].freeSince = now
        guard let composition = replicas[replica].compositions[queue] else { return }
        if journal.failsUntil > now || replicas[replica].partitionedUntil > now {
            audit.queues[queue].pausedUntil = now + 1_000
            audit.composedAt[composition.hook.index] = now
            return try apply(.composeFailed(QueueID(queue)), to: replica)
        }
        let entries = composition.ids.map { Int($0.rawValue) }
        if composition.form != .notice, entries.contains(where: { journal.nature[$0] == .crashing }) {
            replicas[replica].isComposing[queue] = true
            return crash(replica, back: 1_000)
        }
        let unreadable = entries.filter { journal.nature[$0] == .unreadable }
        let expired = entries.filter { journal.isExpired($0, at: now) }
        let left = entries.filter { !unreadable.contains($0) && !expired.contains($0) }
        if left.count < entries.count { replicas[replica].compositions[queue]?.ids = left.map { EntryID(Int64($0)) } }
        let isLong = composition.form != .notice && left.count == 1
        let parts = left.isEmpty ? 0 : isLong ? journal.nature[left[0]].parts : 1
        replicas[replica].parts[queue] = parts
        audit.composedAt[composition.hook.index] = now
        let copies = composition.thread != nil && parts == 1 ? 1 : 0
        replicas[replica].parts[queue] += copies
        try apply(
            .composed(
                QueueID(queue), parts: parts + copies, copies: copies,
                unreadable: unreadable.map { EntryID(Int64($0)) }, expired: expired.map { EntryID(Int64($0)) },
                over: left.filter { journal.nature[$0] == .over }.map { EntryID(Int64($0)) }),
            to: replica)
    }

    func notice(_ queue: Int) throws(Violation) {
        guard let newest = journal.newest(queue) else { return }
        for replica in replicas.indices where replicas[replica].frozenUntil > now {
            agenda.push(.notice(queue: queue), at: replicas[replica].frozenUntil)
        }
        let known = audit.queues[queue].newestKnown
        let isAnnounced = replicas.allSatisfy { $0.frozenUntil <= now }
        // At least one event, which may repeat an earlier one.
        let new = max(journal.all(queue).count { $0 > known }, 1)
        // A row is known from its own event on: the checks run after each event.
        for row in journal.all(queue).suffix(new).map({ EntryID(Int64($0)) }) {
            if isAnnounced { audit.noteCommit(queue, row, at: now) }
            for replica in replicas.indices
            where replicas[replica].machine != nil && replicas[replica].frozenUntil <= now {
                try apply(.available(QueueID(queue), through: row), to: replica)
            }
        }
        if isAnnounced { audit.noteCommit(queue, newest, at: now) }
    }

    private func isTimer(_ action: Action) -> Bool { if case .setTimer = action { true } else { false } }
}
