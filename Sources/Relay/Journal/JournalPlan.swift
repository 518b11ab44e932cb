/// A transaction in the making, and how each request in it will be answered.
struct JournalPlan<Ticket: Sendable> {
    enum Answer {
        /// Takes the next list of notifications of the transaction.
        case stored
        /// The payload holds no alerts: nothing to store.
        case nothing
        case duplicate
    }

    private(set) var transaction: JournalTransaction
    private(set) var answers: [(ticket: Ticket, answer: Answer)] = []

    /// - Parameters:
    ///   - sequence: The next sequence number; moved on by one for each notification.
    ///   - dedupe: Remembers the new states at once, so that a duplicate inside the transaction is found; after a failed
    ///     commit take `transaction.seen.count` of them back.
    init(
        requests: [JournalInbox<Ticket>.Request], settlements: [JournalTransaction.Settled],
        sequence: inout Int64, dedupe: inout DedupeIndex, at now: Timestamp
    ) {
        transaction = JournalTransaction(settlements: settlements, at: now)
        transaction.forgetSeenThrough = dedupe.prune(at: now)
        for request in requests {
            let answer = add(request.batch, sequence: &sequence, dedupe: &dedupe)
            answers.append((request.ticket, answer))
        }
    }

    var duplicates: Int {
        answers.count { $0.answer == .duplicate }
    }

    func outcomes(_ journaled: [[Journaled<Notification>]]) -> [Journal<Ticket>.Acknowledgement] {
        var stored = journaled.makeIterator()
        return answers.map { ticket, answer in
            let notifications = answer == .stored ? stored.next() ?? [] : []
            let outcome = AppendOutcome(notifications: notifications, isDuplicate: answer == .duplicate)
            return Journal<Ticket>.Acknowledgement(ticket: ticket, result: .success(outcome))
        }
    }

    private mutating func add(_ batch: AlertBatch, sequence: inout Int64, dedupe: inout DedupeIndex) -> Answer {
        guard let group = batch.notifications.first?.group else { return .nothing }
        let key = ShortDedupeKey(batch.dedupeKey, isRepeat: batch.isRepeat)
        guard !dedupe.isLast(key, of: group, isRepeat: batch.isRepeat, at: transaction.at) else { return .duplicate }
        if let seen = dedupe.remember(key, of: group, at: transaction.at) {
            transaction.seen.append(seen)
        }
        let entries = batch.notifications.map { notification in
            defer { sequence += 1 }
            return StoredNotification(
                id: JournalID(sequence: sequence, destination: notification.destination), notification: notification)
        }
        transaction.appends.append(entries)
        return .stored
    }
}
