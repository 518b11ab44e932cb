// Modules that are built for release cannot be imported with @testable.
#if DEBUG
    package import Alerts
    @testable package import Journaling
    import Support

    /// A shared engine in memory: one replica's connection to a `MemoryDatabase`.
    package final class MemoryEngine: JournalEngine {
        let database: MemoryDatabase
        private let window: Duration
        let store: MemoryJournalStore

        package init(_ database: MemoryDatabase, window: Duration = .seconds(60)) {
            self.database = database
            self.window = window
            store = MemoryJournalStore(disk: database.disk)
        }

        package func open(at now: Timestamp) throws(JournalOpenError) -> JournalOpening {
            JournalOpening(hooks: database.disk.withLock { $0.hooks })
        }

        package func commit(_ draft: JournalDraft) throws(JournalStoreError) -> [AppendResult] {
            if let limit = draft.sendBefore, ContinuousClock.now >= limit { throw .unavailable(.timedOut) }
            let results = try database.append {
                decide(draft.payloads)
            } appear: { results throws(JournalStoreError) in
                var transaction = JournalTransaction(
                    settlements: draft.settlements, hooks: draft.hooks, history: draft.history, at: draft.at)
                transaction.appends = results.map(\.stored)
                try store.commit(transaction)
            }
            let isWritten =
                results.contains { !$0.stored.isEmpty } || !draft.settlements.isEmpty || !draft.hooks.isEmpty
            if isWritten || database.guards.duplicatesWait { try database.replicate() }
            return results
        }

        private func decide(_ payloads: [JournalDraft.Payload]) -> [AppendResult] {
            let now = database.control.withLock { $0.now }
            return database.tables.withLock { tables in
                payloads.map { payload in
                    guard let group = payload.notifications.first?.group else { return .stored([]) }
                    var notifications = payload.notifications
                    if window > .zero {
                        let last = tables.groups[group]
                        guard let next = GroupState.after(last, payload.key, payload.reason, at: now, window: window)
                        else { return .duplicate }
                        tables.groups[group] = next
                        for index in notifications.indices { notifications[index].repeats = next.repeats }
                    }
                    return .stored(notifications.map { tables.number($0) })
                }
            }
        }

        package func replay(
            _ ids: [JournalID], isForced: Bool, history: HistoryNote?
        ) throws(JournalStoreError) -> Replay<StoredNotification> {
            try write { () throws(JournalStoreError) in
                let first = database.tables.withLock { tables in
                    defer { tables.nextSequence += Int64(ids.count) }
                    return tables.nextSequence
                }
                return try store.replay(ids, firstSequence: first, isForced: isForced, history: history)
            }
        }

        /// Runs a transaction and waits for the standbys.
        func write<Value>(_ body: () throws(JournalStoreError) -> Value) throws(JournalStoreError) -> Value {
            let value = try database.transaction(body)
            try database.replicate()
            return value
        }

        private func read<Value>(_ body: () throws(JournalStoreError) -> Value) throws(JournalStoreError) -> Value {
            try database.transaction(body)
        }

        package func inspect() throws(JournalStoreError) -> StorageSpace {
            try write { () throws(JournalStoreError) in try store.inspect() }
        }

        package var historyLimits: HistoryLimits {
            get { store.historyLimits }
            set { store.historyLimits = newValue }
        }
    }

    extension MemoryDatabase.Tables {
        /// Assigns the next id.
        fileprivate mutating func number(_ notification: Alerts.Notification) -> StoredNotification {
            defer { nextSequence += 1 }
            return StoredNotification(
                id: JournalID(sequence: nextSequence, destination: notification.destination), notification: notification
            )
        }
    }

    extension AppendResult {
        /// Empty for a duplicate.
        package var stored: [StoredNotification] {
            if case .stored(let notifications) = self { notifications } else { [] }
        }
    }

    // MARK: - Calls of the store

    extension MemoryEngine {
        package func register(
            _ names: [String], forgettingOthers: Bool
        ) throws(JournalStoreError) -> [ReceiverID: String] {
            try write { () throws(JournalStoreError) in try store.register(names, forgettingOthers: false) }
        }

        package func maintain() throws(JournalStoreError) {}

        package func pending(
            _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
        ) throws(JournalStoreError) -> StoredWindow {
            try read { () throws(JournalStoreError) in
                try store.pending(destination, after: after, limit: limit, byteLimit: byteLimit, at: now)
            }
        }

        package func rows(
            _ destination: Destination, after: JournalID?, limit: Int, at now: Timestamp
        ) throws(JournalStoreError) -> (rows: PendingRows, damaged: Int) {
            try read { () throws(JournalStoreError) in
                try store.rows(destination, after: after, limit: limit, at: now)
            }
        }

        package func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp? {
            try read { () throws(JournalStoreError) in try store.oldestPending(destination) }
        }

        package var receivers: [ReceiverID: String] { store.receivers }
        package var pendingCounts: [Destination: Int] { store.pendingCounts }
        package var deadLetterCounts: [Destination: Int] { store.deadLetterCounts }
        package var usage: JournalUsage { store.usage }
        package var hasCapacity: Bool { store.hasCapacity }

        package func deadLetters(after: JournalID?, limit: Int) throws(JournalStoreError) -> [DeadLetter] {
            try read { () throws(JournalStoreError) in try store.deadLetters(after: after, limit: limit) }
        }

        package func deadLetter(_ id: JournalID) throws(JournalStoreError) -> DeadLetterContent? {
            try read { () throws(JournalStoreError) in try store.deadLetter(id) }
        }

        package func drop(_ ids: [JournalID], history: HistoryNote?) throws(JournalStoreError) -> Int {
            try write { () throws(JournalStoreError) in try store.drop(ids, history: history) }
        }

        package var historyUsage: HistoryUsage { store.historyUsage }

        package func history(before: Int64?, limit: Int, byteLimit: Int) throws(JournalStoreError) -> StoredHistory {
            try read { () throws(JournalStoreError) in
                try store.history(before: before, limit: limit, byteLimit: byteLimit)
            }
        }

        package func pruneHistory(at now: Timestamp) throws(JournalStoreError) {
            try write { () throws(JournalStoreError) in try store.pruneHistory(at: now) }
        }

        package func close(at now: Timestamp) throws(JournalStoreError) {}
        package func closeWithoutFlush() {}
    }
#endif
