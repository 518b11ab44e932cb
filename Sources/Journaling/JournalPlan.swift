import Alerts

/// The transaction of the embedded engine for a draft, and the results of its payloads if it is committed.
struct JournalPlan {
    private(set) var transaction: JournalTransaction
    private(set) var results: [AppendResult] = []

    /// - Parameters:
    ///   - sequence: The next sequence number; incremented for each notification.
    ///   - dedupe: Gets the new states, to find duplicates within the transaction. After a failed commit the caller
    ///     must remove the newest `transaction.seen.count` of them.
    init(_ draft: JournalDraft, sequence: inout Int64, dedupe: inout DedupeIndex) {
        transaction = JournalTransaction(
            settlements: draft.settlements, hooks: draft.hooks, history: draft.history, at: draft.at)
        guard !draft.payloads.isEmpty else { return }
        transaction.forgetSeenThrough = dedupe.prune(at: draft.at)
        results.reserveCapacity(draft.payloads.count)
        for payload in draft.payloads {
            results.append(add(payload, sequence: &sequence, dedupe: &dedupe))
        }
    }

    private mutating func add(
        _ payload: JournalDraft.Payload, sequence: inout Int64, dedupe: inout DedupeIndex
    ) -> AppendResult {
        guard let group = payload.notifications.first?.group else { return .stored([]) }
        let isRepeat = payload.reason == .repetition
        let key = isRepeat ? payload.key.asRepeat : payload.key
        if dedupe.isDuplicate(key, of: group, isRepeat: isRepeat, at: transaction.at) { return .duplicate }
        if let seen = dedupe.remember(key, of: group, at: transaction.at) { transaction.seen.append(seen) }
        let entries = dedupe.countRepeats(of: payload, in: group).map { notification in
            defer { sequence += 1 }
            return StoredNotification(
                id: JournalID(sequence: sequence, destination: notification.destination), notification: notification)
        }
        transaction.appends.append(entries)
        return .stored(entries)
    }
}
