package import Alerts
package import Journaling

/// The journal in PostgreSQL, which replicas share. Ids and duplicates are decided by the server, in the transaction
/// that stores.
package final class PostgreSQLEngine: JournalEngine {
    private let link: any DatabaseLink
    private let window: Duration
    private let limitBytes: Int64
    /// How old the figures may be.
    private let figuresInterval: Duration
    private var figures = DatabaseFigures()
    private var figuresAt: ContinuousClock.Instant?
    private var lastCommit: ContinuousClock.Instant?

    package private(set) var receivers: [ReceiverID: String] = [:]
    package var historyLimits = HistoryLimits.standard

    /// - Parameters:
    ///   - window: the time in which the last accepted state of a group makes a payload a duplicate; zero for no time.
    ///   - limitBytes: the maximum size of all pending bodies, as of the last figures.
    ///   - figuresInterval: how often the figures are read. Reading them takes longer the more is pending.
    package init(
        _ link: any DatabaseLink, window: Duration, limitBytes: Int64 = .max, figuresInterval: Duration = .seconds(10)
    ) {
        self.link = link
        self.window = window
        self.limitBytes = limitBytes
        self.figuresInterval = figuresInterval
    }

    package func open(at now: Timestamp) throws(JournalOpenError) -> JournalOpening {
        JournalOpening(
            hooks: (try? link.call { (journal) throws(PostgreSQLFailure) in try journal.components() }) ?? [])
    }

    package func register(_ names: [String], forgettingOthers: Bool) throws(JournalStoreError) -> [ReceiverID: String] {
        receivers = try link.call { (journal) throws(PostgreSQLFailure) in try journal.register(names) }
        return receivers
    }

    // MARK: Commits

    package func commit(_ draft: JournalDraft) throws(JournalStoreError) -> [AppendResult] {
        let filled = draft.payloads.enumerated().filter { !$0.element.notifications.isEmpty }
        let payloads = filled.map { _, payload in
            DatabaseJournal.Payload(
                group: payload.notifications[0].group, state: payload.key.bytes, reason: payload.reason,
                notifications: payload.notifications)
        }
        let stored = try commit { (journal) throws(PostgreSQLFailure) in
            let settlements = try journal.completed(draft.settlements)
            if let limit = draft.sendBefore, ContinuousClock.now >= limit { throw .deadline }
            return try journal.append(
                payloads, window: window, settling: settlements, components: draft.hooks,
                noting: historyLimits.isOff ? [] : draft.history, at: draft.at)
        }
        var results = [AppendResult](repeating: .stored([]), count: draft.payloads.count)
        for ((index, _), notifications) in zip(filled, stored) {
            results[index] = notifications.map { .stored($0) } ?? .duplicate
        }
        return results
    }

    /// Calls the journal for a change, and reads the figures if it is time.
    private func commit<Value>(
        _ body: (DatabaseJournal) throws(PostgreSQLFailure) -> Value
    ) throws(JournalStoreError) -> Value {
        let value = try link.call(body)
        lastCommit = .now
        refreshFigures()
        return value
    }

    package func maintain() throws(JournalStoreError) {}

    package func inspect() throws(JournalStoreError) -> StorageSpace {
        if let lastCommit, ContinuousClock.now - lastCommit < .seconds(1) {
            _ = try link.journal()
        } else {
            // An empty commit waits for the standbys too.
            _ = try commit { (journal) throws(PostgreSQLFailure) in
                try journal.append([], window: .zero, at: .now())
            }
        }
        return .ample
    }

    package func close(at now: Timestamp) throws(JournalStoreError) { closeWithoutFlush() }

    package func closeWithoutFlush() {
        (try? link.journal())?.connection.close()
    }

    // MARK: Figures

    /// The figures stay as they were if they cannot be read.
    private func refreshFigures() {
        if let figuresAt, ContinuousClock.now - figuresAt < figuresInterval { return }
        guard let found = try? link.call({ (journal) throws(PostgreSQLFailure) in try journal.figures() }) else {
            return
        }
        (figures, figuresAt) = (found, .now)
    }

    package var pendingCounts: [Destination: Int] { counts(figures.pending.mapValues(\.count)) }
    package var deadLetterCounts: [Destination: Int] { counts(figures.deadLetters) }

    /// Adds the destinations that have none.
    private func counts(_ known: [Destination: Int]) -> [Destination: Int] {
        let all = Destination.all(with: receivers.keys)
        return known.merging(all.map { ($0, 0) }) { known, _ in known }
    }

    package var historyUsage: HistoryUsage { figures.history }

    package var usage: JournalUsage {
        let used = figures.pending.values.reduce(0) { $0 + $1.bytes }
        return JournalUsage(usedBytes: used, limitBytes: limitBytes, appendLimitBytes: limitBytes)
    }

    package var hasCapacity: Bool { usage.usedBytes <= limitBytes / 10 * 9 }

    // MARK: Reads

    package func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> StoredWindow {
        var (window, damaged) = try link.call { (journal) throws(PostgreSQLFailure) in
            var (window, damaged) = try journal.pending(destination, after: after, limit: limit, byteLimit: byteLimit)
            let replayed = window.notifications.filter(\.notification.isReplayed).map(\.id)
            let states = try journal.laterStates(of: replayed)
            for index in window.notifications.indices {
                window.notifications[index].notification.laterStates =
                    states[window.notifications[index].id] ?? LaterStates()
            }
            return (window, damaged)
        }
        window.damaged = damaged.count
        if !damaged.isEmpty {
            let dead = JournalSettlement.dead(reason: .damaged, attempts: 0, answer: nil)
            let settlements = damaged.map { JournalTransaction.Settled(id: $0, settlement: dead) }
            _ = try commit(JournalDraft(settlements: settlements, at: now))
        }
        return window
    }

    package func rows(
        _ destination: Destination, after: JournalID?, limit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (rows: PendingRows, damaged: Int) {
        let rows = try link.call { (journal) throws(PostgreSQLFailure) in
            try journal.rows(destination, after: after, limit: limit)
        }
        return (rows, 0)
    }

    package func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp? {
        try link.call { (journal) throws(PostgreSQLFailure) in try journal.oldestPending(destination) }
    }

    package func deadLetters(after: JournalID?, limit: Int) throws(JournalStoreError) -> [DeadLetter] {
        try link.call { (journal) throws(PostgreSQLFailure) in try journal.deadLetters(after: after, limit: limit) }
    }

    package func deadLetter(_ id: JournalID) throws(JournalStoreError) -> DeadLetterContent? {
        try link.call { (journal) throws(PostgreSQLFailure) in try journal.deadLetter(id) }
    }

    package func replay(
        _ ids: [JournalID], isForced: Bool, history: HistoryNote?
    ) throws(JournalStoreError) -> Replay<StoredNotification> {
        try commit { (journal) throws(PostgreSQLFailure) in
            try journal.replay(ids, isForced: isForced, history: history)
        }
    }

    package func drop(_ ids: [JournalID], history: HistoryNote?) throws(JournalStoreError) -> Int {
        try commit { (journal) throws(PostgreSQLFailure) in
            try journal.drop(ids, history: history, at: .now())
        }
    }

    package func history(before: Int64?, limit: Int, byteLimit: Int) throws(JournalStoreError) -> StoredHistory {
        try link.call { (journal) throws(PostgreSQLFailure) in
            try journal.history(before: before, limit: limit, byteLimit: byteLimit)
        }
    }

    /// States of groups are kept for two repeat intervals of Alertmanager, by default, because they count repeats.
    package func pruneHistory(at now: Timestamp) throws(JournalStoreError) {
        let limits = historyLimits
        let isDue = limits.isOff ? figures.history.entries > 0 : figures.history.entries > Int64(limits.maxEntries)
        guard isDue || figures.history.isOld(limits, at: now, slack: 16) else { return }
        let age = max(window, .seconds(8 * 3600))
        _ = try commit { (journal) throws(PostgreSQLFailure) in
            try journal.prune(stateAge: age, limits, at: now)
        }
    }
}

/// The part of the engine that posts, over a connection of its own.
package final class PostgreSQLPosting: SharedJournalEngine {
    private let link: any DatabaseLink

    package init(_ link: any DatabaseLink) {
        self.link = link
    }

    package func sight() throws(JournalStoreError) -> TenureSight {
        try link.call { (journal) throws(PostgreSQLFailure) in try journal.sight() }
    }

    package func take(_ seen: TenureSight, as replica: String) throws(JournalStoreError) -> JournalTenure? {
        try link.call { (journal) throws(PostgreSQLFailure) in try journal.take(seen, as: replica) }
    }

    package func keep(_ tenure: JournalTenure) throws(JournalStoreError) -> Bool {
        try link.call { (journal) throws(PostgreSQLFailure) in try journal.keep(tenure) }
    }

    package func release(_ tenure: JournalTenure) throws(JournalStoreError) {
        _ = try link.call { (journal) throws(PostgreSQLFailure) in try journal.release(tenure) }
    }

    package func hooks() throws(JournalStoreError) -> [HookKey: SharedHookRecord] {
        try link.call { (journal) throws(PostgreSQLFailure) in try journal.hooks() }
    }

    package func exchange(
        _ posting: PostingDraft, under tenure: JournalTenure
    ) throws(JournalStoreError) -> PostingResult {
        let permits = try link.call { (journal) throws(PostgreSQLFailure) in
            var posting = posting
            posting.settlements = try journal.completed(posting.settlements)
            return try journal.exchange(posting, under: tenure)
        }
        guard let permits else { return .tenureLost }
        return .permitted(Set(zip(posting.begins, permits).filter(\.1).map(\.0.hook)))
    }

    package func newest(
        behind known: [Destination: JournalID]
    ) throws(JournalStoreError) -> [Destination: JournalID] {
        try link.call { (journal) throws(PostgreSQLFailure) in try journal.newest(behind: known) }
    }
}
