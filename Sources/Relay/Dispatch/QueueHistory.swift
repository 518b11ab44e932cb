import DeliveryCore
import Journaling
import Posting

/// The last composition and post of a queue.
struct QueueHistory {
    var manifest = Manifest()
    var report = PostReport.notSent
    /// The number of posts of the first entry.
    var attempts = 0
    var posts = 0
    /// Where the last post went, and the messages since the last composition.
    var hook: HookID?
    var messageIDs: [String] = []
    /// The templates that failed for the last message, so that each message does not log them.
    var faults: Set<RenderFault> = []
    /// The detail of the last logged failure, so that a dead hook does not log every retry.
    var failure: String?

    /// The settlements of notifications of this queue, with their records.
    ///
    /// - Parameter dead: the settlement of one that becomes a dead letter.
    func settled(
        _ ids: [EntryID], as settlement: Settlement, in queue: QueueID, _ map: DeliveryMap,
        dead: (EntryID) -> JournalSettlement
    ) -> [SettledGroup] {
        switch settlement {
        case .delivered:
            var summary = summary(.delivered, of: queue, map)
            if manifest.entries.count > 1 {
                (summary.foldedWith, summary.fold) = (manifest.entries.count - 1, manifest.entries.first?.id)
            }
            return SettledGroup.groups(ids, .delivered, manifest.members, summary)
        case .expired:
            let summary = HistoryRecord.Summary(.expired, detail: "older than max_age and resolved since")
            return SettledGroup.groups(ids, .expired, manifest.expiredMembers, summary)
        case .dead(let reason):
            return ids.map { id in
                // Only a refused notification was composed before.
                let entry = reason == .refused ? manifest.members.entry(of: JournalID(id), .deadLetter) : nil
                let record = entry.map { HistoryRecord($0, summary(.deadLetter, of: queue, map)) }
                return SettledGroup(ids: [JournalID(id)], settlement: dead(id), record: record)
            }
        }
    }

    private func summary(
        _ outcome: HistoryEntry.Outcome, of queue: QueueID, _ map: DeliveryMap
    ) -> HistoryRecord.Summary {
        var summary = HistoryRecord.Summary(outcome, detail: report.outcome?.detail)
        (summary.posts, summary.attempts, summary.messageIDs) = (posts, attempts, messageIDs)
        if let hook {
            (summary.room, summary.isRerouted) = (map.room(of: hook, for: queue), !map.isOwn(hook, of: queue))
        }
        return summary
    }
}

/// Notifications that are settled by one transaction, with their record for the history.
struct SettledGroup {
    var ids: [JournalID]
    var settlement: JournalSettlement
    /// Nil if there is none, or if the journal makes one.
    var record: HistoryRecord?

    /// Divides the notifications of a settlement into one group for each record.
    ///
    /// - Parameter members: what is known of them. Those that are missing here get no record.
    static func groups(
        _ ids: [EntryID], _ settlement: JournalSettlement, _ members: HistoryMembers, _ summary: HistoryRecord.Summary
    ) -> [SettledGroup] {
        var rest = ids.map { JournalID($0) }
        var groups: [SettledGroup] = []
        // A digest has 20,000 notifications, and normally they are those of the manifest in the same order.
        let isWhole = members.count == rest.count && members.chunks.first?.ids.first == rest.first
        let wanted = isWhole ? [] : Set(rest)
        for chunk in members.chunks where isWhole || chunk.ids.allSatisfy(wanted.contains) {
            groups.append(
                SettledGroup(ids: chunk.ids, settlement: settlement, record: HistoryRecord(summary, chunk)))
        }
        let known = isWhole ? [] : Set(groups.flatMap(\.ids))
        rest.removeAll { isWhole || known.contains($0) }
        if !rest.isEmpty { groups.append(SettledGroup(ids: rest, settlement: settlement)) }
        return groups
    }
}

extension DeliveryMap {
    /// The room of a hook, for a queue that may post there.
    func room(of hook: HookID, for queue: QueueID) -> String {
        settings[queue.index].routes[hook]?.room ?? hooks[hook.index].integration
    }

    func isOwn(_ hook: HookID, of queue: QueueID) -> Bool {
        topology.queues[queue.index].routes.first == hook
    }
}

extension DeadLetter.Reason {
    /// Every room refuses it in every form.
    static let refused = DeadLetter.Reason(rawValue: "refused")
    /// This version cannot parse the stored body.
    static let unreadable = DeadLetter.Reason(rawValue: "unreadable")
}
