import Alerts
import Dispatch
import Support

extension JournalWriter {
    /// Also tries to reopen an unavailable journal.
    func inspect() {
        guard isUsable || isUnavailable else { return }
        var isWorking = false
        do throws(JournalStoreError) {
            try apply(engine.inspect())
            isWorking = true
            // Committing settlements may have found the storage broken.
            guard isUsable else { return }
            var oldest: [Destination: Timestamp] = [:]
            for (destination, count) in engine.pendingCounts where count > 0 {
                oldest[destination] = try engine.oldestPending(destination)
            }
            latestSnapshot.withLock { [oldest] in $0.oldestPending = oldest }
            writeDuplicates()
            guard isUsable else { return }
            try engine.pruneHistory(at: callbacks.now())
            refreshSnapshot()
        } catch .unavailable where isWorking {
            // Commits work, so only the figures are older.
        } catch {
            _ = handle(error)
        }
    }

    /// Adds counted duplicates to the history, if a row may be written for them. They are not written again if it
    /// fails.
    func writeDuplicates(isLast: Bool = false) {
        guard isUsable else { return }
        let due = duplicates.due(at: .now, isLast: isLast)
        guard !due.isEmpty else { return }
        callbacks.observer?.journalSuppressed(due)
        guard state == .open, !engine.historyLimits.isOff else { return }
        let draft = JournalDraft(history: HistoryRecord.records(of: due), at: callbacks.now())
        do throws(JournalStoreError) {
            _ = try engine.commit(draft)
        } catch {
            _ = handle(error)
        }
    }

    func apply(_ space: StorageSpace) {
        switch (state, space) {
        case (.open, .low): change(to: .full(.diskFull))
        case (.full(.diskFull), .ample), (.unavailable, .ample): change(to: .open)
        case (.unavailable, .low): change(to: .full(.diskFull))
        default: break
        }
        if case .full = state {
            commitSettlements()
        } else if !unsettled.isEmpty {
            commit([])
        }
    }

    func reopenIfCapacity() {
        if state == .full(.journalLimit), engine.hasCapacity {
            change(to: .open)
        }
    }

    /// Changes the state after an error of the engine. Returns the error for the callers of the journal.
    func handle(_ error: JournalStoreError) -> JournalRefusal {
        switch error {
        case .full(let reason):
            change(to: .full(reason))
            return .full(reason)
        case .unavailable(let reason):
            change(to: .unavailable(reason))
            return .unavailable(reason)
        case .broken(let reason):
            fail(reason)
            return .failed(reason)
        }
    }

    func fail(_ reason: String) {
        inspection?.cancel()
        change(to: .failed(reason))
        engine.closeWithoutFlush()
        callbacks.onFailure(reason)
    }

    func change(to new: JournalState) {
        guard new != state else { return }
        state = new
        inbox.withLock { $0.state = new }
        callbacks.observer?.journalChanged(to: new)
    }

    func reportDamage(_ count: Int) {
        latestSnapshot.withLock {
            $0.damaged += count
            let damage = "\($0.damaged) damaged notifications are in the dead letters"
            $0.degraded = [recovery.degraded, damage].compactMap(\.self).joined(separator: "; ")
        }
    }

    /// Updates the refused severities in the inbox and the snapshot, and notifies the observer of a change.
    func publishShares() {
        shares.update(engine.usage)
        let refused = shares.refused
        guard latestSnapshot.withLock({ $0.reserved }) != refused else { return }
        inbox.withLock { $0.reserved = refused }
        latestSnapshot.withLock { $0.reserved = refused }
        callbacks.observer?.journalRefuses(refused)
    }

    func refreshSnapshot(duplicates: Int = 0) {
        let (pending, dead, usage) = (engine.pendingCounts, engine.deadLetterCounts, engine.usage)
        let (receivers, history) = (engine.receivers, engine.historyUsage)
        latestSnapshot.withLock {
            $0.receivers = receivers
            $0.pending = pending
            $0.deadLetters = dead
            $0.usage = usage
            $0.history = history
            $0.duplicates += duplicates
        }
        publishShares()
    }
}
