import Alerts
import Dispatch
import Support

extension JournalWriter {
    func writeBatch() {
        let batch = inbox.withLock { $0.dequeue() }
        unsettled += batch.settlements
        switch state {
        case .open:
            commit(admit(timely(batch.requests)))
        case .full(let reason):
            refuse(batch.requests.map(\.ticket), .full(reason))
            commitSettlements()
        case .unavailable(let reason):
            refuse(batch.requests.map(\.ticket), .unavailable(reason))
        case .failed, .closed:
            unsettled.removeAll()
            refuse(batch.requests.map(\.ticket), state.refusal ?? .closed)
        }
    }

    /// Refuses requests whose senders have given up, in a shared journal. Returns the others.
    private func timely(_ requests: [JournalInbox<Ticket>.Request]) -> [JournalInbox<Ticket>.Request] {
        guard settings.replyTimeout != nil else { return requests }
        let now = ContinuousClock.now
        refuse(requests.filter { $0.sendBefore.isOver(at: now) }.map(\.ticket), .late)
        return requests.filter { !$0.sendBefore.isOver(at: now) }
    }

    /// Returns the requests that fit into their severities' shares, and refuses the others.
    private func admit(_ requests: [JournalInbox<Ticket>.Request]) -> [JournalInbox<Ticket>.Request] {
        let usage = engine.usage
        var used = usage.neededBytes
        var admitted: [JournalInbox<Ticket>.Request] = []
        admitted.reserveCapacity(requests.count)
        for request in requests {
            let severity = request.batch.mostUrgent
            switch shares.admit(request.batch, used: used, usage) {
            case .admitted:
                used += request.batch.journalBytes
                admitted.append(request)
            case let verdict:
                refuse([request.ticket], severity == .critical ? .full(.journalLimit) : .reserved(severity))
                // The requests admitted before it are still committed.
                if severity == .critical, verdict == .exhausted { change(to: .full(.journalLimit)) }
            }
        }
        publishShares()
        return admitted
    }

    func commit(_ requests: [JournalInbox<Ticket>.Request]) {
        guard !requests.isEmpty || !unsettled.isEmpty else { return }
        var draft = JournalDraft(settlements: unsettled, at: callbacks.now())
        draft.payloads.reserveCapacity(requests.count)
        // Loops over indices: sequences of generic elements are not specialized here.
        for index in requests.indices { draft.payloads.append(JournalDraft.Payload(requests[index].batch)) }
        if settings.replyTimeout != nil { draft.sendBefore = requests.compactMap(\.sendBefore.instant).min() }
        do throws(JournalStoreError) {
            try commit(draft, of: requests)
        } catch {
            refuse(requests.map(\.ticket), handle(error))
            commitSettlements()
        }
        maintain()
    }

    private func commit(
        _ draft: JournalDraft, of requests: [JournalInbox<Ticket>.Request]
    ) throws(JournalStoreError) {
        let start = ContinuousClock.now
        let outcomes = try engine.journal(draft)
        var figures = JournalCommit(
            duration: ContinuousClock.now - start, requests: requests.count, settlements: draft.settlements.count)
        unsettled.removeAll()
        for outcome in outcomes { figures.count(outcome) }
        refreshSnapshot(duplicates: figures.duplicates)
        if !requests.isEmpty {
            var acknowledgements: [Journal<Ticket>.Acknowledgement] = []
            acknowledgements.reserveCapacity(requests.count)
            for index in requests.indices {
                acknowledgements.append(.init(ticket: requests[index].ticket, result: .success(outcomes[index])))
            }
            callbacks.acknowledge(acknowledgements)
        }
        for (index, outcome) in outcomes.enumerated() where outcome.isDuplicate {
            duplicates.note(requests[index].batch, at: draft.at)
        }
        callbacks.observer?.journalCommitted(figures)
    }

    /// Commits all settlements and the hook records, without waiting appends. Does nothing if there are none.
    func commitNow(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        dispatchPrecondition(condition: .onQueue(queue))
        guard isUsable else { return .failure(state.refusal ?? .closed) }
        unsettled += inbox.withLock { $0.dequeueSettlements() }
        guard !unsettled.isEmpty || !hooks.isEmpty else { return .success(()) }
        var result = commitSettled(hooks)
        if case .failure(.full) = result {
            // The engine has released its ballast, and settling in parts has freed pages.
            commitSettlements()
            if isUsable { result = commitSettled(hooks) }
        }
        reopenIfCapacity()
        maintain()
        // A post must not start if its outcome cannot be stored.
        return isUsable ? result : .failure(state.refusal ?? .closed)
    }

    private func commitSettled(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        let draft = JournalDraft(settlements: unsettled, hooks: hooks, at: callbacks.now())
        guard !draft.isEmpty else { return .success(()) }
        let start = ContinuousClock.now
        do throws(JournalStoreError) {
            _ = try engine.commit(draft)
        } catch {
            return .failure(handle(error))
        }
        let duration = ContinuousClock.now - start
        unsettled.removeAll()
        refreshSnapshot()
        callbacks.observer?.journalCommitted(
            JournalCommit(duration: duration, requests: 0, settlements: draft.settlements.count))
        return .success(())
    }

    /// Commits settlements without appends while the journal is full. Deletions come first: they need the least space
    /// and free pages for dead letters.
    func commitSettlements() {
        let isFinal = { (settled: JournalTransaction.Settled) in settled.settlement.isFinal }
        let parts = [unsettled.filter(isFinal), unsettled.filter { !isFinal($0) }]
        for part in parts where !part.isEmpty {
            guard case .full = state else { return }
            do throws(JournalStoreError) {
                _ = try engine.commit(JournalDraft(settlements: part, at: callbacks.now()))
                unsettled.removeAll { isFinal($0) == isFinal(part[0]) }
                refreshSnapshot()
            } catch {
                _ = handle(error)
            }
        }
        reopenIfCapacity()
        maintain()
    }

    func maintain() {
        guard isUsable else { return }
        do throws(JournalStoreError) {
            try engine.maintain()
        } catch {
            _ = handle(error)
        }
    }

    private func refuse(_ tickets: [Ticket], _ refusal: JournalRefusal) {
        guard !tickets.isEmpty else { return }
        callbacks.acknowledge(
            tickets.map { Journal<Ticket>.Acknowledgement(ticket: $0, result: .failure(refusal)) })
    }
}
