import Alerts

/// The transaction for a batch of requests, and the outcome of each request.
struct JournalPlan<Ticket: Sendable> {
    private(set) var transaction: JournalTransaction
    private(set) var outcomes: [(ticket: Ticket, outcome: PlannedOutcome)] = []
    private(set) var duplicates: [AlertBatch] = []

    /// - Parameters:
    ///   - sequence: The next sequence number; incremented for each notification.
    ///   - dedupe: Gets the new states, to find duplicates within the transaction. After a failed commit the caller
    ///     must remove the newest `transaction.seen.count` of them.
    init(
        requests: [JournalInbox<Ticket>.Request], settlements: [JournalTransaction.Settled],
        sequence: inout Int64, dedupe: inout DedupeIndex, at now: Timestamp
    ) {
        transaction = JournalTransaction(settlements: settlements, at: now)
        transaction.forgetSeenThrough = dedupe.prune(at: now)
        for request in requests {
            let outcome = add(request.batch, sequence: &sequence, dedupe: &dedupe)
            outcomes.append((request.ticket, outcome))
            if outcome == .duplicate { duplicates.append(request.batch) }
        }
    }

    /// The results of the requests. `journaled` has one list for each list in `transaction.appends`.
    func acknowledgements(_ journaled: [[Journaled<Notification>]]) -> [Journal<Ticket>.Acknowledgement] {
        var stored = journaled.makeIterator()
        return outcomes.map { ticket, outcome in
            let notifications = outcome == .stored ? stored.next() ?? [] : []
            let result = AppendOutcome(notifications: notifications, isDuplicate: outcome == .duplicate)
            return Journal<Ticket>.Acknowledgement(ticket: ticket, result: .success(result))
        }
    }

    private mutating func add(_ batch: AlertBatch, sequence: inout Int64, dedupe: inout DedupeIndex) -> PlannedOutcome {
        guard let group = batch.notifications.first?.group else { return .nothing }
        let key = ShortDedupeKey(batch.dedupeKey, isRepeat: batch.isRepeat)
        let isDuplicate = dedupe.isDuplicate(key, of: group, isRepeat: batch.isRepeat, at: transaction.at)
        if isDuplicate { return .duplicate }
        if let seen = dedupe.remember(key, of: group, at: transaction.at) { transaction.seen.append(seen) }
        let entries = dedupe.countRepeats(of: batch, in: group).map { notification in
            defer { sequence += 1 }
            return StoredNotification(
                id: JournalID(sequence: sequence, destination: notification.destination), notification: notification)
        }
        transaction.appends.append(entries)
        return .stored
    }
}

/// The outcome of one request if its transaction is committed.
enum PlannedOutcome {
    /// Its notifications are the next list in `JournalPlan.transaction.appends`.
    case stored
    /// The payload has no alerts.
    case nothing
    case duplicate
}
