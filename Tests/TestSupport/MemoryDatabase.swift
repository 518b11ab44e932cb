package import Alerts
package import Dispatch
package import Journaling
package import Support

/// A replicated database in memory, which several `MemoryEngine`s share. Each protection of a shared engine can be
/// switched off, so that a checker can be shown to fail.
package final class MemoryDatabase: Sendable {
    package struct Guards: Sendable {
        /// Commits number their rows and make them visible one after the other.
        package var appendLock = true
        /// `exchange` compares the tenure.
        package var fence = true
        /// Posts are recorded, so that the next holder continues the budget.
        package var budget = true
        /// `exchange` refuses posts of entries that are not pending.
        package var pendingEntries = true
        /// A commit of duplicates alone waits for the standbys.
        package var duplicatesWait = true
    }

    /// The record of a hook, with times of the database's clock.
    struct Hook: Sendable {
        var posts: [Timestamp] = []
        var pausedUntil: Timestamp?
        var failingSince: Timestamp?
        var unfinished: (through: JournalID, form: UInt8, since: Timestamp)?
    }

    /// What a transaction changes besides the rows.
    struct Tables: Sendable {
        var groups: [UInt64: GroupState] = [:]
        var nextSequence: Int64 = 1
        var lease = TenureSight(epoch: 0, beat: 0, holder: nil)
        var hooks: [HookKey: Hook] = [:]
    }

    package struct Control: Sendable {
        package var guards = Guards()
        /// The database's clock.
        package var now = Timestamp.sample
        /// Why each call fails; nil if the database works.
        package var outage: UnavailableReason?
        /// The number of the next commits whose answer is lost after they are stored.
        package var lostAnswers = 0
        /// Commits are stored on the primary, and their wait for a standby ends without success.
        package var areStandbysAway = false
        package var lockTimeout = DispatchTimeInterval.seconds(3)
        /// Runs in the next commit, between the numbering of its rows and their appearance.
        package var beforeAppearing: (@Sendable () -> Void)?
    }

    package let control = Locked(Control())
    package let disk = Locked(MemoryJournalStore.Content())
    let tables = Locked(Tables())
    private let replicated = Locked((tables: Tables(), content: MemoryJournalStore.Content()))
    private let appendLock = DispatchSemaphore(value: 1)
    private let transactionLock = DispatchSemaphore(value: 1)

    package init() {}

    package var guards: Guards { control.withLock { $0.guards } }

    /// Loses the primary. A standby with all that was replicated replaces it.
    package func failOver() {
        let (tables, content) = replicated.withLock { $0 }
        self.tables.withLock { $0 = tables }
        disk.withLock { $0 = content }
        control.withLock { $0.areStandbysAway = false }
    }

    /// Fails if the database is unavailable.
    func connect() throws(JournalStoreError) {
        if let outage = control.withLock({ $0.outage }) { throw .unavailable(outage) }
    }

    /// Runs a transaction that only writes, or reads, without others at the same time.
    func transaction<Value>(
        _ body: () throws(JournalStoreError) -> Value
    ) throws(JournalStoreError) -> Value {
        try connect()
        transactionLock.wait()
        defer { transactionLock.signal() }
        return try body()
    }

    /// Runs a transaction that appends: `number` assigns ids, `appear` makes rows visible.
    func append<Numbered>(
        number: () -> Numbered, appear: (Numbered) throws(JournalStoreError) -> Void
    ) throws(JournalStoreError) -> Numbered {
        try connect()
        let (isLocked, timeout) = control.withLock { ($0.guards.appendLock, $0.lockTimeout) }
        if isLocked, appendLock.wait(timeout: .now() + timeout) == .timedOut { throw .unavailable(.busy) }
        defer {
            if isLocked { appendLock.signal() }
        }
        let numbered = try transaction { number() }
        let pause = control.withLock { control in
            defer { control.beforeAppearing = nil }
            return control.beforeAppearing
        }
        pause?()
        try transaction { () throws(JournalStoreError) in try appear(numbered) }
        return numbered
    }

    /// Waits until a standby has everything.
    func replicate() throws(JournalStoreError) {
        if control.withLock({ $0.areStandbysAway }) { throw .unavailable(.timedOut) }
        let state = (tables: tables.withLock { $0 }, content: disk.withLock { $0 })
        replicated.withLock { $0 = state }
        let isLost = control.withLock { control in
            defer { control.lostAnswers = max(0, control.lostAnswers - 1) }
            return control.lostAnswers > 0
        }
        if isLost { throw .unavailable(.connection) }
    }
}
