package import Alerts
package import Dispatch
package import Journaling
package import Support

/// The engine in memory under a test's control: commits can be delayed or made to fail, and are recorded.
package final class ScriptedJournalStore: JournalStore {
    /// Shared with the test, which uses it while the journal owns the store.
    package final class Script: Sendable {
        package struct Plan {
            /// The errors of the next commits, one each.
            package var failures: [JournalStoreError] = []
            package var space = StorageSpace.ample
            package var hasCapacity = true
            package var inspectionFailure: JournalStoreError?
            package var maintenanceFailure: JournalStoreError?
            package var transactions: [JournalTransaction] = []
            package var ballastReleases = 0
            package var isClosed = false
            package var isAbandoned = false
            /// Rows were read after `abandon`, where the real engine would crash.
            package var isUsedAfterItsEnd = false
            /// A commit waits for the gate.
            package var isWaiting = false
            /// Replaces the usage of the memory store.
            package var usage: JournalUsage?
            /// The errors of the next registrations, one each.
            package var registrationFailures: [JournalStoreError] = []
        }

        package let plan = Locked(Plan())
        /// Each commit waits for one signal while `isHeld` is true.
        package let gate = DispatchSemaphore(value: 0)
        package let isHeld = Locked(false)

        package init() {}

        package var transactions: [JournalTransaction] { plan.withLock { $0.transactions } }
    }

    package let script: Script
    private let memory: MemoryJournalStore

    package init(_ script: Script, disk: Locked<MemoryJournalStore.Content> = Locked(MemoryJournalStore.Content())) {
        self.script = script
        memory = MemoryJournalStore(disk: disk)
    }

    package func commit(_ transaction: JournalTransaction) throws(JournalStoreError) {
        if script.isHeld.withLock({ $0 }) {
            script.plan.withLock { $0.isWaiting = true }
            script.gate.wait()
        }
        let failure = script.plan.withLock { plan -> JournalStoreError? in
            plan.transactions.append(transaction)
            return plan.failures.isEmpty ? nil : plan.failures.removeFirst()
        }
        if let failure {
            throw failure
        }
        try memory.commit(transaction)
    }

    package func inspect() throws(JournalStoreError) -> StorageSpace {
        let (failure, space) = script.plan.withLock { ($0.inspectionFailure, $0.space) }
        if let failure {
            throw failure
        }
        return space
    }

    package func maintain() throws(JournalStoreError) {
        if let failure = script.plan.withLock({ $0.maintenanceFailure }) {
            throw failure
        }
    }

    package func releaseBallast() throws(JournalStoreError) {
        script.plan.withLock { $0.ballastReleases += 1 }
    }

    package func close(at now: Timestamp) throws(JournalStoreError) {
        script.plan.withLock { $0.isClosed = true }
        try memory.close(at: now)
    }

    package func closeWithoutFlush() {
        script.plan.withLock { $0.isAbandoned = true }
    }

    package func register(_ names: [String], forgettingOthers: Bool) throws(JournalStoreError) -> [ReceiverID: String] {
        let failure = script.plan.withLock { plan in
            plan.registrationFailures.isEmpty ? nil : plan.registrationFailures.removeFirst()
        }
        if let failure {
            throw failure
        }
        return try memory.register(names, forgettingOthers: forgettingOthers)
    }

    package var receivers: [ReceiverID: String] { memory.receivers }
    package var hasCapacity: Bool { script.plan.withLock { $0.hasCapacity } }
    package var pendingCounts: [Destination: Int] { memory.pendingCounts }
    package var deadLetterCounts: [Destination: Int] { memory.deadLetterCounts }
    package var usage: JournalUsage { script.plan.withLock { $0.usage } ?? memory.usage }

    package func open(at now: Timestamp) throws(JournalOpenError) -> JournalRecovery { try memory.open(at: now) }

    package func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> StoredWindow {
        try memory.pending(destination, after: after, limit: limit, byteLimit: byteLimit, at: now)
    }

    package func rows(
        _ destination: Destination, after: JournalID?, limit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (rows: PendingRows, damaged: Int) {
        script.plan.withLock { $0.isUsedAfterItsEnd = $0.isUsedAfterItsEnd || $0.isAbandoned }
        return try memory.rows(destination, after: after, limit: limit, at: now)
    }

    package func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp? {
        script.plan.withLock { $0.isUsedAfterItsEnd = $0.isUsedAfterItsEnd || $0.isAbandoned }
        return try memory.oldestPending(destination)
    }

    package func deadLetters(after: JournalID?, limit: Int) throws(JournalStoreError) -> [DeadLetter] {
        try memory.deadLetters(after: after, limit: limit)
    }

    package func deadLetter(_ id: JournalID) throws(JournalStoreError) -> DeadLetterContent? {
        try memory.deadLetter(id)
    }

    package func replay(
        _ ids: [JournalID], firstSequence: Int64, isForced: Bool, history: HistoryNote?
    ) throws(JournalStoreError) -> Replay<StoredNotification> {
        try memory.replay(ids, firstSequence: firstSequence, isForced: isForced, history: history)
    }

    package func drop(_ ids: [JournalID], history: HistoryNote?) throws(JournalStoreError) -> Int {
        try memory.drop(ids, history: history)
    }

    package var historyLimits: HistoryLimits {
        get { memory.historyLimits }
        set { memory.historyLimits = newValue }
    }
    package var historyUsage: HistoryUsage { memory.historyUsage }

    package func history(before: Int64?, limit: Int, byteLimit: Int) throws(JournalStoreError) -> StoredHistory {
        try memory.history(before: before, limit: limit, byteLimit: byteLimit)
    }

    package func pruneHistory(at now: Timestamp) throws(JournalStoreError) { try memory.pruneHistory(at: now) }
}
