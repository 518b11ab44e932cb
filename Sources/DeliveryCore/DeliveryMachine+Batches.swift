/// What a batch carries: decided when it leaves, so that it says all that is known.
extension DeliveryMachine {
    private enum Selection {
        case first(Int)
        case through(EntryID)
        case everything
    }

    /// A queue has the hook's turn: reads what the batch needs, then has it rendered.
    mutating func beginTurn(_ queue: Int, at hook: HookID, _ now: Instant) {
        hooks[hook.index].turn = .queue(QueueID(queue))
        queues[queue].batch = nil
        queues[queue].work = .gathering(hook, since: now)
        gatherOn(queue, at: now)
    }

    /// Goes on gathering until the batch is complete, time is up, or the journal fails.
    mutating func gatherOn(_ queue: Int, at now: Instant) {
        guard case .gathering(let hook, let since) = queues[queue].work else { return }
        guard mayPost(at: now), !queues[queue].entries.isEmpty else { return endTurn(queue, at: hook) }
        let selection = selection(queue, at: hook, now)
        guard needsRows(selection, queue), now - since < settings.gatherTime else {
            return compose(queue, at: hook, selection)
        }
        guard queues[queue].pausedUntil > now else { return readOn(queue, at: now) }
        // The journal fails. What may be in the room must not be repeated in part.
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

    /// What this room may still show unknown comes first, then what the search wants, then what the budget suggests.
    private func selection(_ queue: Int, at hook: HookID, _ now: Instant) -> Selection {
        let state = queues[queue]
        if let search = state.search { return .first(search.size) }
        if let mark = state.mark(at: hook) { return .through(mark.through) }
        if !hooks[hook.index].health.isWorking || hasRejection(state) { return .first(1) }
        let tokens = hooks[hook.index].limiter.tokens(at: now)
        // How many wait in the journal is not known: more than the budget, for all that is known.
        let mustFold = tokens < .max && (state.isBehind || state.entries.count > tokens)
        return mustFold ? .everything : .first(1)
    }

    private mutating func compose(_ queue: Int, at hook: HookID, _ selection: Selection) {
        let state = queues[queue]
        let entries = state.entries.prefix(count(of: selection, state))
        guard let first = entries.first else { return endTurn(queue, at: hook) }
        let form = state.search?.form ?? state.mark(at: hook)?.form ?? .full
        queues[queue].batch = Batch(entries: Array(entries), hook: hook, form: form)
        queues[queue].work = .composing(hook)
        var banner: Banner = state.plan.routes.first == hook ? [] : .rerouted
        if first.isReplayed { banner.insert(.replayed) }
        if banner.contains(.rerouted), hasRejection(state) { banner.insert(.refused) }
        let isAlone = entries.count == 1 && first.isResolved && form != .notice
        actions.append(
            .compose(
                Composition(
                    queue: QueueID(queue), hook: hook, ids: entries.map(\.id), form: form, banner: banner,
                    thread: isAlone ? state.rooms.thread(of: first.group, in: hook) : nil)))
    }

    private func count(of selection: Selection, _ state: QueueState) -> Int {
        var limit = min(state.entries.count, settings.foldLimit)
        switch selection {
        case .first(let count): limit = min(limit, max(count, 1))
        case .everything: break
        case .through(let id): limit = min(limit, max(1, state.entries.prefix { $0.id <= id }.count))
        }
        return Self.allowed(state.entries, upTo: limit)
    }

    /// Entries that were in composition at a crash travel in ever smaller company, so that the guilty one is found.
    /// They and replayed ones travel by themselves: one banner holds for a whole batch.
    private static func allowed(_ entries: [PendingEntry], upTo limit: Int) -> Int {
        var crashes: UInt8 = 0
        var count = 0
        for entry in entries.prefix(limit) {
            crashes = max(crashes, entry.crashes)
            let isLike = entry.isReplayed == entries[0].isReplayed && (entry.crashes > 0) == (entries[0].crashes > 0)
            guard isLike, count < largestBatch(afterCrashes: crashes) else { break }
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

    /// Keeps half a window of rows at hand.
    mutating func readAhead(_ queue: Int, at now: Instant) {
        guard case .idle = queues[queue].work else { return }
        let limit = settings.window - queues[queue].entries.count
        if let after = queues[queue].beginLoad(below: settings.window, at: now) {
            actions.append(.load(QueueID(queue), after: after, limit: limit))
        }
    }

    private mutating func readOn(_ queue: Int, at now: Instant) {
        let limit = settings.foldLimit - queues[queue].entries.count
        if let after = queues[queue].beginLoad(below: settings.foldLimit * 2, at: now) {
            actions.append(.load(QueueID(queue), after: after, limit: min(limit, 4_096)))
        }
    }

    // MARK: Rendered

    /// The hook is offered again: something more urgent may have come while the batch was rendered.
    mutating func composed(_ queue: QueueID, parts: Int, copies: Int, unreadable: [EntryID], expired: [EntryID]) {
        guard case .composing(let hook) = queues[queue.index].work else { return }
        endTurn(queue.index, at: hook)
        guard let batch = queues[queue.index].batch else { return }
        let lost = Set(unreadable).union(expired)
        let left = lost.isEmpty ? batch.entries : batch.entries.filter { !lost.contains($0.id) }
        queues[queue.index].batch = nil
        if left.count < batch.entries.count {
            setAside(batch.entries.map(\.id).filter(lost.contains), unreadable: Set(unreadable), queue)
        }
        guard parts > 0, !left.isEmpty else { return }
        var ready = Batch(entries: left, hook: hook, form: batch.form)
        ready.parts = min(parts, 10_000)
        ready.copies = min(max(copies, 0), ready.parts - 1)
        ready.isComposed = true
        queues[queue.index].batch = ready
    }

    private mutating func setAside(_ ids: [EntryID], unreadable: Set<EntryID>, _ queue: QueueID) {
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
