package import Alerts
package import Journaling
package import Support

/// A journal engine in memory, for tests that need a journal but no files.
package final class MemoryJournalStore: JournalStore {
    /// The content that outlives a store.
    package struct Content: Sendable {
        package var pending: [JournalID: Alerts.Notification] = [:]
        package var dead: [JournalID: DeadLetterContent] = [:]
        package var receivers: [ReceiverID: String] = [:]
        package var seen: [SeenKey] = []
        package var lastSeenID: Int64 = 0
        package var hooks: [HookRow] = []
        package var nextSequence: Int64 = 1
        package var wasClosed = true
        /// The number of transactions that dropped dead letters.
        package var drops = 0
        package var history: [StoredHistory.Row] = []
        package var nextRow: Int64 = 1

        package init() {}

        fileprivate mutating func append(_ stored: StoredNotification) {
            pending[stored.id] = stored.notification
            nextSequence = max(nextSequence, stored.id.sequence + 1)
        }
        fileprivate mutating func add(_ record: HistoryRecord, at now: Timestamp, _ limits: HistoryLimits) {
            guard !limits.isOff else { return }
            history.append(StoredHistory.Row(number: nextRow, at: now, record: record))
            nextRow += 1
        }

        fileprivate mutating func prune(_ limits: HistoryLimits, at now: Timestamp) {
            while let first = history.first, !limits.keeps(first.at, at: now) || entries > limits.maxEntries {
                history.removeFirst()
            }
        }

        fileprivate var entries: Int { history.reduce(0) { $0 + $1.record.entries } }

        /// What rooms were shown since dead letters and replayed notifications were accepted.
        package var later: [JournalID: Later] = [:]

        /// Must be called before the settlement changes `pending`.
        fileprivate mutating func noteShown(_ settled: JournalTransaction.Settled) {
            guard let notification = pending[settled.id] else { return }
            if case .dead = settled.settlement {
                let new = Later(group: notification.group, acceptedAs: settled.id)
                return later[settled.id] = later[settled.id] ?? new
            }
            let position = later.removeValue(forKey: settled.id)?.acceptedAs ?? settled.id
            guard settled.settlement == .delivered else { return }
            let alerts = (try? WebhookParser().decode(notification.body).alerts) ?? []
            for (id, letter) in later
            where letter.group == notification.group && letter.acceptedAs < position
                && id.destination == settled.id.destination
            {
                later[id]?.states.add(alerts, at: position.rawValue)
            }
        }
    }

    package struct Later: Sendable {
        package var group: UInt64
        package var acceptedAs: JournalID
        package var states = LaterStates()
    }

    package let disk: Locked<Content>

    package init(disk: Locked<Content> = Locked(Content())) {
        self.disk = disk
    }

    package func open(at now: Timestamp) throws(JournalOpenError) -> JournalRecovery {
        disk.withLock { disk in
            defer { disk.wasClosed = false }
            return JournalRecovery(
                nextSequence: disk.nextSequence, seen: disk.seen, lastSeenID: disk.lastSeenID, hooks: disk.hooks,
                wasClosed: disk.wasClosed)
        }
    }

    package func commit(_ transaction: JournalTransaction) throws(JournalStoreError) {
        disk.withLock { disk in
            transaction.history.forEach { disk.add($0, at: transaction.at, historyLimits) }
            var isAnySettled = false
            for settled in transaction.settlements {
                disk.noteShown(settled)
                let notification = disk.pending.removeValue(forKey: settled.id)
                isAnySettled = isAnySettled || notification != nil
                if isAnySettled, let record = settled.history { disk.add(record, at: transaction.at, historyLimits) }
                if !settled.isContinued { isAnySettled = false }
                guard let notification, case .dead(let reason, let attempts, let answer) = settled.settlement
                else { continue }
                if settled.history == nil {
                    var summary = HistoryRecord.Summary(.deadLetter, detail: answer ?? reason.rawValue)
                    summary.attempts = attempts
                    let record = HistoryRecord(
                        summary, id: settled.id, group: notification.group, acceptedAt: notification.acceptedAt,
                        isFiring: !notification.isResolved)
                    disk.add(record, at: transaction.at, historyLimits)
                }
                let letter = DeadLetter(
                    id: settled.id, severity: notification.severity, group: notification.group,
                    acceptedAt: notification.acceptedAt, diedAt: transaction.at, reason: reason, attempts: attempts,
                    answer: answer, size: notification.body.count)
                disk.dead[settled.id] = DeadLetterContent(
                    letter: letter, body: notification.body, isIntact: true, isResolved: notification.isResolved)
            }
            for hook in transaction.hooks {
                disk.hooks.removeAll { $0.key == hook.key }
                disk.hooks.append(hook)
            }
            transaction.appends.joined().forEach { disk.append($0) }
            disk.seen.removeAll { $0.id <= transaction.forgetSeenThrough ?? 0 }
            disk.seen += transaction.seen
            disk.lastSeenID = disk.seen.last?.id ?? disk.lastSeenID
            disk.prune(historyLimits, at: transaction.at)
        }
    }

    package var historyLimits = HistoryLimits.unlimited

    package var historyUsage: HistoryUsage {
        disk.withLock { disk in
            var usage = HistoryUsage()
            usage.entries = Int64(disk.entries)
            usage.bytes = disk.history.reduce(0) { $0 + Int64($1.record.bytes.count) }
            (usage.firstRow, usage.nextRow) = (disk.history.first?.number ?? disk.nextRow, disk.nextRow)
            usage.oldest = disk.history.first?.at
            return usage
        }
    }

    package func history(before: Int64?, limit: Int, byteLimit: Int) throws(JournalStoreError) -> StoredHistory {
        var page = StoredHistory()
        var bytes = 0
        for row in disk.withLock({ $0.history }).reversed() where before.map({ row.number < $0 }) ?? true {
            guard page.rows.count < limit, bytes < byteLimit else { break }
            page.rows.append(row)
            page.cursor = row.number
            bytes += row.record.bytes.count
        }
        return page
    }

    package func pruneHistory(at now: Timestamp) throws(JournalStoreError) {
        disk.withLock { $0.prune(historyLimits, at: now) }
    }

    package func maintain() throws(JournalStoreError) {}

    package func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> StoredWindow {
        let (pending, later) = disk.withLock { ($0.pending, $0.later) }
        var window = StoredWindow()
        var bytes = 0
        for id in pending.keys.sorted() where id.destination == destination && after.map({ id > $0 }) ?? true {
            guard window.notifications.count < limit, bytes < byteLimit, var notification = pending[id] else {
                window.isLast = false
                break
            }
            bytes += notification.body.count
            window.cursor = id
            notification.laterStates = later[id]?.states ?? LaterStates()
            window.notifications.append(StoredNotification(id: id, notification: notification))
        }
        return window
    }

    package func rows(
        _ destination: Destination, after: JournalID?, limit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (rows: PendingRows, damaged: Int) {
        let window = try pending(destination, after: after, limit: limit, byteLimit: .max, at: now)
        return (
            PendingRows(
                rows: window.notifications.map { PendingRow($0) }, cursor: window.cursor, isLast: window.isLast), 0
        )
    }

    package func register(_ names: [String], forgettingOthers: Bool) throws(JournalStoreError) -> [ReceiverID: String] {
        let needed = Set(
            (pendingCounts.merging(deadLetterCounts, uniquingKeysWith: +)).filter { $0.value > 0 }.keys.map(\.receiver))
        return disk.withLock { disk in
            if forgettingOthers {
                disk.receivers = disk.receivers.filter { needed.contains($0.key) || names.contains($0.value) }
            }
            for name in names where !disk.receivers.values.contains(name) {
                let free = (1...UInt8.max).lazy.map(ReceiverID.init).first { [known = disk.receivers] in
                    known[$0] == nil
                }
                if let free { disk.receivers[free] = name }
            }
            return disk.receivers
        }
    }

    package var receivers: [ReceiverID: String] { disk.withLock { $0.receivers } }

    package var pendingCounts: [Destination: Int] {
        counts(disk.withLock { $0.pending.values.map(\.destination) })
    }

    package var deadLetterCounts: [Destination: Int] {
        counts(disk.withLock { $0.dead.values.map(\.letter.destination) })
    }

    package var usage: JournalUsage {
        let bytes = disk.withLock { $0.pending.values.reduce(0) { $0 + $1.body.count } }
        return JournalUsage(usedBytes: Int64(bytes), limitBytes: .max, appendLimitBytes: .max)
    }

    package var hasCapacity: Bool { true }

    package func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp? {
        try pending(destination, after: nil, limit: 1, byteLimit: .max, at: .sample).notifications.first?
            .notification.acceptedAt
    }

    package func deadLetters(after: JournalID?, limit: Int) throws(JournalStoreError) -> [DeadLetter] {
        let dead = disk.withLock { $0.dead }
        return dead.values.map(\.letter).sorted { $0.id < $1.id }
            .filter { letter in after.map { letter.id > $0 } ?? true }.prefix(limit).map { $0 }
    }

    package func deadLetter(_ id: JournalID) throws(JournalStoreError) -> DeadLetterContent? {
        disk.withLock { $0.dead[id] }
    }

    package func replay(
        _ ids: [JournalID], firstSequence: Int64, isForced: Bool, history: HistoryNote?
    ) throws(JournalStoreError) -> Replay<StoredNotification> {
        var replay = Replay<StoredNotification>()
        for id in ids {
            guard let content = disk.withLock({ $0.dead.removeValue(forKey: id) }) else {
                replay.missing.append(id)
                continue
            }
            note(history, id)
            let sequence = firstSequence + Int64(replay.entries.count)
            let letter = content.letter
            let newID = JournalID(sequence: sequence, destination: letter.destination)
            let later = disk.withLock { disk in
                let later = disk.later.removeValue(forKey: id)
                disk.later[newID] = isForced ? nil : later
                return disk.later[newID]?.states ?? LaterStates()
            }
            replay.entries.append(
                StoredNotification(
                    id: newID,
                    notification: Alerts.Notification(
                        severity: letter.severity, receiver: letter.destination.receiver, group: letter.group,
                        acceptedAt: letter.acceptedAt, body: content.body, isResolved: content.isResolved,
                        isReplayed: true, laterStates: later)))
        }
        disk.withLock { disk in replay.entries.forEach { disk.append($0) } }
        return replay
    }

    private func note(_ note: HistoryNote?, _ id: JournalID) {
        guard let note, let record = note.records[id] else { return }
        disk.withLock { $0.add(record, at: note.at, historyLimits) }
    }

    package func drop(_ ids: [JournalID], history: HistoryNote?) throws(JournalStoreError) -> Int {
        for id in ids where disk.withLock({ $0.dead[id] }) != nil { note(history, id) }
        return disk.withLock { disk in
            disk.drops += 1
            for id in ids where disk.dead[id] != nil { disk.later[id] = nil }
            return ids.count { disk.dead.removeValue(forKey: $0) != nil }
        }
    }

    package func inspect() throws(JournalStoreError) -> StorageSpace { .ample }
    package func releaseBallast() throws(JournalStoreError) {}

    package func close(at now: Timestamp) throws(JournalStoreError) {
        disk.withLock { $0.wasClosed = true }
    }

    package func closeWithoutFlush() {}

    private func counts(_ destinations: [Destination]) -> [Destination: Int] {
        let known = Destination.all(with: receivers.keys)
        var counts = Dictionary(uniqueKeysWithValues: known.map { ($0, 0) })
        for destination in destinations {
            counts[destination, default: 0] += 1
        }
        return counts
    }
}
