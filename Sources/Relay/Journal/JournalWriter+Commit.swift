import Libevent

extension JournalWriter {
    func work() {
        let work = inbox.withLock { $0.take() }
        unsettled += work.settlements
        switch state {
        case .open:
            commit(work.requests)
        case .full(let reason):
            refuse(work.requests.map(\.ticket), .full(reason))
            settleAlone()
        case .failed, .closed:
            unsettled.removeAll()
            refuse(work.requests.map(\.ticket), state.refusal ?? .closed)
        }
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
        switch state {
        case .failed, .closed: return
        case .open, .full: break
        }
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
