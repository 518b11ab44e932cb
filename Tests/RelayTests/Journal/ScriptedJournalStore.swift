import Dispatch
import Libevent

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import RocketChat
@testable import SQLiteJournal
@testable import Support

/// The engine in memory under a test's control: commits can be delayed or made to fail, and are recorded.
final class ScriptedJournalStore: JournalStore {
    /// Shared with the test, which uses it while the journal owns the store.
    final class Script: Sendable {
        struct Plan {
            /// The errors of the next commits, one each.
            var failures: [JournalStoreError] = []
            var space = StorageSpace.ample
            var hasCapacity = true
            var inspectionFailure: JournalStoreError?
            var maintenanceFailure: JournalStoreError?
            var transactions: [JournalTransaction] = []
            var ballastReleases = 0
            var isClosed = false
            var isAbandoned = false
            /// Rows were read after `abandon`, where the real engine would crash.
            var isUsedAfterItsEnd = false
            /// A commit waits for the gate.
            var isWaiting = false
            /// Replaces the usage of the memory store.
            var usage: JournalUsage?
            /// The errors of the next registrations, one each.
            var registrationFailures: [JournalStoreError] = []
        }

        let plan = Locked(Plan())
        /// Each commit waits for one signal while `isHeld` is true.
        let gate = DispatchSemaphore(value: 0)
        let isHeld = Locked(false)

        var transactions: [JournalTransaction] { plan.withLock { $0.transactions } }
    }

    let script: Script
    private let memory: MemoryJournalStore

    init(_ script: Script, disk: Locked<MemoryJournalStore.Content> = Locked(MemoryJournalStore.Content())) {
        self.script = script
        memory = MemoryJournalStore(disk: disk)
    }

    func commit(_ transaction: JournalTransaction) throws(JournalStoreError) {
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

    func inspect() throws(JournalStoreError) -> StorageSpace {
        let (failure, space) = script.plan.withLock { ($0.inspectionFailure, $0.space) }
        if let failure {
            throw failure
        }
        return space
    }

    func maintain() throws(JournalStoreError) {
        if let failure = script.plan.withLock({ $0.maintenanceFailure }) {
            throw failure
        }
    }

    func releaseBallast() throws(JournalStoreError) {
        script.plan.withLock { $0.ballastReleases += 1 }
    }

    func close(at now: Timestamp) throws(JournalStoreError) {
        script.plan.withLock { $0.isClosed = true }
        try memory.close(at: now)
    }

    func closeWithoutFlush() {
        script.plan.withLock { $0.isAbandoned = true }
    }

    func register(_ names: [String], forgettingOthers: Bool) throws(JournalStoreError) -> [ReceiverID: String] {
        let failure = script.plan.withLock { plan in
            plan.registrationFailures.isEmpty ? nil : plan.registrationFailures.removeFirst()
        }
        if let failure {
            throw failure
        }
        return try memory.register(names, forgettingOthers: forgettingOthers)
    }

    var receivers: [ReceiverID: String] { memory.receivers }
    var hasCapacity: Bool { script.plan.withLock { $0.hasCapacity } }
    var pendingCounts: [Destination: Int] { memory.pendingCounts }
    var deadLetterCounts: [Destination: Int] { memory.deadLetterCounts }
    var usage: JournalUsage { script.plan.withLock { $0.usage } ?? memory.usage }

    func open(at now: Timestamp) throws(JournalOpenError) -> JournalRecovery { try memory.open(at: now) }

    func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> StoredWindow {
        try memory.pending(destination, after: after, limit: limit, byteLimit: byteLimit, at: now)
    }

    func rows(
        _ destination: Destination, after: JournalID?, limit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (rows: PendingRows, damaged: Int) {
        script.plan.withLock { $0.isUsedAfterItsEnd = $0.isUsedAfterItsEnd || $0.isAbandoned }
        return try memory.rows(destination, after: after, limit: limit, at: now)
    }

    func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp? {
        script.plan.withLock { $0.isUsedAfterItsEnd = $0.isUsedAfterItsEnd || $0.isAbandoned }
        return try memory.oldestPending(destination)
    }

    func deadLetters(after: JournalID?, limit: Int) throws(JournalStoreError) -> [DeadLetter] {
        try memory.deadLetters(after: after, limit: limit)
    }

    func deadLetter(_ id: JournalID) throws(JournalStoreError) -> DeadLetterContent? { try memory.deadLetter(id) }

    func replay(_ ids: [JournalID], firstSequence: Int64) throws(JournalStoreError) -> Replay<StoredNotification> {
        try memory.replay(ids, firstSequence: firstSequence)
    }

    func drop(_ ids: [JournalID]) throws(JournalStoreError) -> Int { try memory.drop(ids) }
}
