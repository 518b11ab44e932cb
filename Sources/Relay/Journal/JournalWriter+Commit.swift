import Dispatch
import Libevent

extension JournalWriter {
    func work() {
        let work = inbox.withLock { $0.take() }
        unsettled += work.settlements
        switch state {
        case .open:
            commit(admit(work.requests))
        case .full(let reason):
            refuse(work.requests.map(\.ticket), .full(reason))
            settleAlone()
        case .failed, .closed:
            unsettled.removeAll()
            refuse(work.requests.map(\.ticket), state.refusal ?? .closed)
        }
    }

    /// Refuses the requests for which their severities' shares have no space, and returns the others.
    func admit(_ requests: [JournalInbox<Ticket>.Request]) -> [JournalInbox<Ticket>.Request] {
        let usage = store.usage
        var used = usage.usedBytes
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
                // What was admitted before it is still committed.
                if severity == .critical, verdict == .exhausted { change(to: .full(.journalLimit)) }
            }
        }
        publishShares()
        return admitted
    }

    func commit(_ requests: [JournalInbox<Ticket>.Request]) {
        guard !requests.isEmpty || !unsettled.isEmpty else { return }
        let firstSequence = nextSequence
        let plan = JournalPlan(
            requests: requests, settlements: unsettled, sequence: &nextSequence, dedupe: &dedupe, at: reporting.now())
        do throws(JournalStoreError) {
            try commit(plan)
        } catch {
            dedupe.forgetNewest(plan.transaction.seen.count)
            nextSequence = firstSequence
            refuse(plan.answers.map(\.ticket), conclude(error))
            settleAlone()
        }
        maintain()
    }

    func commit(_ plan: JournalPlan<Ticket>) throws(JournalStoreError) {
        let start = ContinuousClock.now
        let journaled = plan.transaction.isEmpty ? [] : try store.journal(plan.transaction)
        let duration = ContinuousClock.now - start
        if let through = plan.transaction.forgetSeenThrough {
            dedupe.deletedRows(through: through)
        }
        unsettled.removeAll()
        let duplicates = plan.duplicates
        refreshBoard(duplicates: duplicates)
        if !plan.answers.isEmpty {
            reporting.acknowledge(plan.outcomes(journaled))
        }
        reporting.observer?.journalCommitted(
            JournalCommit(
                duration: duration, requests: plan.answers.count, notifications: journaled.reduce(0) { $0 + $1.count },
                bytes: plan.transaction.bytes, settlements: plan.transaction.settlements.count, duplicates: duplicates))
    }

    /// Commits all settlements and these records, without the appends that wait. Costs nothing where there are none.
    func commitNow(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        dispatchPrecondition(condition: .onQueue(queue))
        guard isUsable else { return .failure(state.refusal ?? .closed) }
        unsettled += inbox.withLock { $0.takeSettlements() }
        guard !unsettled.isEmpty || !hooks.isEmpty else { return .success(()) }
        var result = commitSettled(hooks)
        if case .failure(.full) = result {
            // Now with the reserve, and with what settling bit by bit has freed.
            settleAlone()
            if isUsable { result = commitSettled(hooks) }
        }
        reopenIfRoom()
        maintain()
        // A post whose outcome cannot be journalled must not be begun.
        return isUsable ? result : .failure(state.refusal ?? .closed)
    }

    private func commitSettled(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        let transaction = JournalTransaction(settlements: unsettled, hooks: hooks, at: reporting.now())
        guard !transaction.isEmpty else { return .success(()) }
        let start = ContinuousClock.now
        do throws(JournalStoreError) {
            try store.commit(transaction)
        } catch {
            return .failure(conclude(error))
        }
        let duration = ContinuousClock.now - start
        unsettled.removeAll()
        refreshBoard()
        reporting.observer?.journalCommitted(
            JournalCommit(
                duration: duration, requests: 0, notifications: 0, bytes: 0,
                settlements: transaction.settlements.count, duplicates: 0))
        return .success(())
    }

    /// Settles without appends while the journal is full. What is only deleted goes first, since that needs the
    /// least space and makes some for moving dead letters.
    func settleAlone() {
        let isFinal = { (settled: JournalTransaction.Settled) in settled.settlement.isFinal }
        let parts = [unsettled.filter(isFinal), unsettled.filter { !isFinal($0) }]
        for part in parts where !part.isEmpty {
            guard case .full = state else { return }
            do throws(JournalStoreError) {
                try store.commit(JournalTransaction(settlements: part, at: reporting.now()))
                unsettled.removeAll { isFinal($0) == isFinal(part[0]) }
                refreshBoard()
            } catch {
                _ = conclude(error)
            }
        }
        reopenIfRoom()
        maintain()
    }

    func maintain() {
        guard isUsable else { return }
        do throws(JournalStoreError) {
            try store.maintain()
        } catch {
            _ = conclude(error)
        }
    }

    func refuse(_ tickets: [Ticket], _ refusal: JournalRefusal) {
        guard !tickets.isEmpty else { return }
        reporting.acknowledge(
            tickets.map { Journal<Ticket>.Acknowledgement(ticket: $0, result: .failure(refusal)) })
    }
}
