/// A value that is on disk. Only a commit or a load makes one, so that nothing unjournalled can be dispatched.
struct Journaled<Value: Sendable>: Sendable {
    let id: JournalID
    let value: Value

    fileprivate init(id: JournalID, value: Value) {
        self.id = id
        self.value = value
    }
}

extension Journaled: Equatable where Value: Equatable {}

extension Journaled<Notification> {
    fileprivate init(_ stored: StoredNotification) {
        self.init(id: stored.id, value: stored.notification)
    }
}

/// A part of what is pending, from the journal's disk.
struct PendingWindow: Sendable, Equatable {
    var notifications: [Journaled<Notification>]
    /// Load on from behind this id; nil when nothing was found.
    var cursor: JournalID?
    /// Nothing is pending behind the cursor.
    var isLast: Bool
}

/// A pending notification without its body.
struct PendingRow: Sendable, Equatable {
    var id: JournalID
    var group: UInt64
    var isResolved: Bool
    var isReplayed: Bool
}

/// As `PendingWindow`, without bodies. The checksums need the bodies, so a damaged row is found when its body is loaded.
struct PendingRows: Sendable, Equatable {
    var rows: [PendingRow] = []
    /// Read on from behind this id; nil when nothing was found.
    var cursor: JournalID?
    /// Nothing is pending behind the cursor.
    var isLast = true
}

/// The only doors through which a value becomes `Journaled`.
extension JournalStore {
    /// Commits, and only then calls the appended notifications journalled; one list an append, in their order.
    func journal(_ transaction: JournalTransaction) throws(JournalStoreError) -> [[Journaled<Notification>]] {
        try commit(transaction)
        return transaction.appends.map { $0.map { Journaled($0) } }
    }

    func load(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (window: PendingWindow, damaged: Int) {
        let stored = try pending(destination, after: after, limit: limit, byteLimit: byteLimit, at: now)
        let window = PendingWindow(
            notifications: stored.notifications.map { Journaled($0) }, cursor: stored.cursor, isLast: stored.isLast)
        return (window, stored.damaged)
    }

    func revive(
        _ ids: [JournalID], firstSequence: Int64
    ) throws(JournalStoreError) -> Replay<Journaled<Notification>> {
        let stored = try replay(ids, firstSequence: firstSequence)
        return Replay(
            entries: stored.entries.map { Journaled($0) }, damaged: stored.damaged, missing: stored.missing)
    }
}
