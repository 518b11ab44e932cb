/// Composition of batches. The contents are chosen just before the post, so that a batch includes the newest entries.
extension DeliveryMachine {
    private enum Selection {
        case first(Int)
        case through(EntryID)
        case everything
    }

    /// Gives a queue the hook's turn: loads the rows that the batch needs, then requests its composition.
    mutating func beginTurn(_ queue: Int, at hook: HookID, _ now: Instant) {
        hooks[hook.index].turn = .queue(QueueID(queue))
        queues[queue].batch = nil
        queues[queue].work = .gathering(hook, since: now)
        continueGathering(queue, at: now)
    }

    /// Continues loading rows until the batch is complete, `gatherTime` is over, or the journal fails.
    mutating func continueGathering(_ queue: Int, at now: Instant) {
        guard case .gathering(let hook, let since) = queues[queue].work else { return }
        guard mayPost(at: now), !queues[queue].entries.isEmpty else { return endTurn(queue, at: hook) }
        let selection = selection(queue, at: hook, now)
        guard needsRows(selection, queue), now - since < settings.gatherTime else {
            return compose(queue, at: hook, selection)
        }
        guard queues[queue].pausedUntil > now else { return loadMore(queue, at: now) }
        // The journal fails. Entries that may have been delivered must not be repeated in part.
        if case .through = selection { endTurn(queue, at: hook) } else { compose(queue, at: hook, selection) }
    }

    private func needsRows(_ selection: Selection, _ queue: Int) -> Bool {
        let state = queues[queue]
        guard state.isBehind, state.entries.count < settings.foldLimit else { return false }
        switch selection {
        case .first(let count): return state.entries.count < count
        case .through(let id): return state.cursor < id
        case .everything: return true
        }
    }

    /// Chooses the entries of the next batch: by the search, else by the mark at this hook, else by the budget and by the
    /// room's speed.
    private func selection(_ queue: Int, at hook: HookID, _ now: Instant) -> Selection {
        let state = queues[queue]
        if let search = state.search { return .first(search.size) }
        if let mark = state.mark(at: hook) { return .through(mark.through) }
        if !hooks[hook.index].health.isWorking || hasRejection(state) { return .first(1) }
        let tokens = hooks[hook.index].limiter.tokens(at: now)
        // The number of rows in the journal is unknown: assume more than the budget.
        let exceedsBudget = tokens < .max && (state.isBehind || state.entries.count > tokens)
        let isTooSlow = state.knownPending > hooks[hook.index].capacity(within: settings.foldDelay)
        let mustFold = exceedsBudget || isTooSlow
        return mustFold ? .everything : .first(1)
    }

    private mutating func compose(_ queue: Int, at hook: HookID, _ selection: Selection) {
        let state = queues[queue]
        let entries = state.entries.prefix(count(of: selection, state))
        guard let first = entries.first else { return endTurn(queue, at: hook) }
        let form = state.search?.form ?? state.mark(at: hook)?.form ?? .full
        queues[queue].batch = Batch(entries: Array(entries), hook: hook, form: form)
        queues[queue].work = .composing(hook)
        var marks: Banner = state.plan.routes.first == hook ? [] : .rerouted
        if first.isReplayed { marks.insert(.replayed) }
        if marks.contains(.rerouted), hasRejection(state) { marks.insert(.refused) }
        let isAlone = entries.count == 1 && first.isResolved && form != .notice
        actions.append(
            .compose(
                Composition(
                    queue: QueueID(queue), hook: hook, ids: entries.map(\.id), form: form, marks: marks,
                    thread: isAlone ? state.rooms.thread(of: first.group, in: hook) : nil)))
    }

    private func count(of selection: Selection, _ state: QueueState) -> Int {
        var limit = min(state.entries.count, settings.foldLimit)
        switch selection {
        case .first(let count): limit = min(limit, max(count, 1))
        case .everything: break
        case .through(let id): limit = min(limit, max(1, state.entries.prefix { $0.id <= id }.count))
        }
        return Self.compatibleCount(state.entries, upTo: limit)
    }

    /// How many of the first entries may share a batch.
    ///
    /// Entries that were in composition at a crash go into ever smaller batches, to find the one that causes it. They
    /// are not mixed with other entries, nor are replayed ones, because one marks applies to a whole batch.
    private static func compatibleCount(_ entries: [PendingEntry], upTo limit: Int) -> Int {
        var crashes: UInt8 = 0
        var count = 0
        for entry in entries.prefix(limit) {
            crashes = max(crashes, entry.crashes)
            let isAlike = entry.isReplayed == entries[0].isReplayed && (entry.crashes > 0) == (entries[0].crashes > 0)
            guard isAlike, count < largestBatch(afterCrashes: crashes) else { break }
            count += 1
        }
        return count
    }

    private static func largestBatch(afterCrashes crashes: UInt8) -> Int {
        switch crashes {
        case 0: .max
        case 1: 1_000
        case 2: 50
        default: 1
        }
    }

    // MARK: Rows

    /// Loads rows if the queue holds less than half a window.
    mutating func readAhead(_ queue: Int, at now: Instant) {
        guard case .idle = queues[queue].work else { return }
        let limit = settings.window - queues[queue].entries.count
        if let after = queues[queue].beginLoad(below: settings.window, at: now) {
            actions.append(.load(QueueID(queue), after: after, limit: limit))
        }
    }

    private mutating func loadMore(_ queue: Int, at now: Instant) {
        let limit = settings.foldLimit - queues[queue].entries.count
        if let after = queues[queue].beginLoad(below: settings.foldLimit * 2, at: now) {
            actions.append(.load(QueueID(queue), after: after, limit: min(limit, 4_096)))
        }
    }

    // MARK: Rendered

    /// Called when a batch is rendered. Frees the hook, because a more urgent queue may be waiting by now.
    mutating func composed(
        _ queue: QueueID, parts: Int, copies: Int, unreadable: [EntryID], expired: [EntryID], over: [EntryID]
    ) {
        guard case .composing(let hook) = queues[queue.index].work else { return }
        endTurn(queue.index, at: hook)
        guard let batch = queues[queue.index].batch else { return }
        let lost = Set(unreadable).union(expired)
        var left = lost.isEmpty ? batch.entries : batch.entries.filter { !lost.contains($0.id) }
        if !over.isEmpty {
            let over = Set(over)
            for index in left.indices where over.contains(left[index].id) { left[index].isResolved = true }
        }
        queues[queue.index].batch = nil
        if left.count < batch.entries.count {
            settleOmitted(batch.entries.map(\.id).filter(lost.contains), unreadable: Set(unreadable), queue)
        }
        guard parts > 0, !left.isEmpty else { return }
        var ready = Batch(entries: left, hook: hook, form: batch.form)
        ready.parts = min(parts, 10_000)
        ready.copies = min(max(copies, 0), ready.parts - 1)
        ready.isComposed = true
        queues[queue.index].batch = ready
    }

    /// Settles entries that rendering left out because they are unreadable or expired.
    private mutating func settleOmitted(_ ids: [EntryID], unreadable: Set<EntryID>, _ queue: QueueID) {
        if let search = queues[queue.index].search { queues[queue.index].search = search.without(ids.count) }
        let expired = ids.filter { !unreadable.contains($0) }
        settle(expired, of: queue, .expired)
        if !expired.isEmpty { report(.expired(queue, expired)) }
        let dead = ids.filter(unreadable.contains)
        settle(dead, of: queue, .dead(.unreadable))
        for id in dead { report(.deadLettered(queue, id, .unreadable, asked: [])) }
    }

    mutating func composeFailed(_ queue: QueueID, at now: Instant) {
        guard case .composing(let hook) = queues[queue.index].work else { return }
        endTurn(queue.index, at: hook)
        queues[queue.index].batch = nil
        queues[queue.index].pausedUntil = now + settings.retryPause
    }

    private mutating func endTurn(_ queue: Int, at hook: HookID) {
        queues[queue].work = .idle
        hooks[hook.index].turn = .free
    }
}
