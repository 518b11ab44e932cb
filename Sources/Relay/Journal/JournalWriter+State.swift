import Dispatch
import Libevent

extension JournalWriter {
    func inspect() {
        guard isUsable else { return }
        do throws(JournalStoreError) {
            try apply(store.inspect())
            // Settling what waited may have found the storage broken.
            guard isUsable else { return }
            var oldest: [Destination: Timestamp] = [:]
            for (destination, count) in store.pendingCounts where count > 0 {
                oldest[destination] = try store.oldestPending(destination)
            }
            board.withLock { [oldest] in $0.oldestPending = oldest }
            refreshBoard()
        } catch {
            _ = conclude(error)
        }
    }

    func apply(_ space: StorageSpace) {
        switch (state, space) {
        case (.open, .low): change(to: .full(.diskFull))
        case (.full(.diskFull), .ample): change(to: .open)
        default: break
        }
        if case .full = state {
            settleAlone()
        } else if !unsettled.isEmpty {
            commit([])
        }
    }

    func reopenIfRoom() {
        if state == .full(.journalLimit), store.hasRoom {
            change(to: .open)
        }
    }

    /// Moves to the state an error demands and says how appends are refused for it.
    func conclude(_ error: JournalStoreError) -> JournalRefusal {
        switch error {
        case .full(let reason):
            change(to: .full(reason))
            if reason == .diskFull {
                relieve()
            }
            return state.refusal ?? .full(reason)
        case .broken(let reason):
            fail(reason)
            return .failed(reason)
        }
    }

    func relieve() {
        do throws(JournalStoreError) {
            try store.relieve()
        } catch .broken(let reason) {
            fail(reason)
        } catch {}
    }

    func fail(_ reason: String) {
        inspection?.cancel()
        change(to: .failed(reason))
        store.abandon()
        reporting.onFailure(reason)
    }

    func change(to new: JournalState) {
        guard new != state else { return }
        state = new
        inbox.withLock { $0.state = new }
        reporting.observer?.journalChanged(to: new)
    }

    func reportDamage(_ count: Int) {
        board.withLock {
            $0.damaged += count
            let damage = "\($0.damaged) damaged notifications are in the dead letters"
            $0.degraded = [recovery.degraded, damage].compactMap(\.self).joined(separator: "; ")
        }
    }

    /// Makes the shares' verdict known to those who append and to those who watch.
    func publishShares() {
        shares.update(store.usage)
        let refused = shares.refused
        guard board.withLock({ $0.reserved }) != refused else { return }
        inbox.withLock { $0.reserved = refused }
        board.withLock { $0.reserved = refused }
        reporting.observer?.journalRefuses(refused)
    }

    func refreshBoard(duplicates: Int = 0) {
        let (pending, dead, usage) = (store.pendingCounts, store.deadLetterCounts, store.usage)
        let receivers = store.receivers
        board.withLock {
            $0.receivers = receivers
            $0.pending = pending
            $0.deadLetters = dead
            $0.usage = usage
            $0.duplicates += duplicates
        }
        publishShares()
    }
}
