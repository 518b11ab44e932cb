import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

/// Rows without bodies, and the synchronous commit of waiting settlements.
@Suite(.timeLimit(.minutes(1))) struct JournalRowsTests {
    /// Settings with delays longer than any test: settlements wait until a test commits them.
    private static var longDelays: JournalSettings {
        var settings = JournalSettings()
        settings.settleDelay = .seconds(3600)
        settings.inspectionInterval = .seconds(3600)
        return settings
    }

    private let hook = HookRow(key: [1], value: [2])

    private func filled(_ count: Int) async throws -> (bench: JournalBench, ids: [JournalID]) {
        let bench = try JournalBench(Self.longDelays)
        try bench.append(1...count)
        try await bench.waitForAnswers(count)
        let ids = try bench.results().flatMap { try $0.get().notifications.map(\.id) }
        bench.script.plan.withLock { $0.transactions = [] }
        return (bench, ids)
    }

    private func rows(_ bench: JournalBench) -> Result<PendingRows, JournalRefusal>? {
        let found = Locked<Result<PendingRows, JournalRefusal>?>(nil)
        bench.journal.rows(.warning, after: nil, limit: 100) { result in found.withLock { $0 = result } }
        bench.idle()
        return found.withLock { $0 }
    }

    @Test func rowsAreReadAfterSettlementsAreCommitted() async throws {
        let (bench, ids) = try await filled(3)
        bench.journal.settle(ids[1], as: .delivered)
        #expect(try rows(bench)?.get().rows.map(\.id) == [ids[0], ids[2]])
        #expect(bench.script.transactions.map(\.settlements) == [[.init(id: ids[1], settlement: .delivered)]])
    }

    @Test func emptyCommitMakesNoTransaction() async throws {
        let (bench, ids) = try await filled(2)
        #expect(try rows(bench)?.get().rows.map(\.id) == ids)
        try bench.journal.commitNow([]).get()
        #expect(bench.script.transactions.isEmpty)
    }

    @Test func settlementsAndRecordsAreOneTransaction() async throws {
        // More than one scheduled commit writes.
        let (bench, ids) = try await filled(2000)
        for id in ids { bench.journal.settle(id, as: .delivered) }
        try bench.journal.commitNow([hook]).get()
        #expect(bench.journal.snapshot.pending[.warning] == 0)
        let transactions = bench.script.transactions
        #expect(transactions.count == 1)
        #expect(transactions[0].settlements.count == 2000 && transactions[0].hooks == [hook])
        try bench.journal.commitNow([]).get()
        #expect(bench.script.transactions.count == 1)
    }

    /// Appends are committed separately, so that a post does not wait for them on a slow disk.
    @Test func commitNowLeavesWaitingAppends() async throws {
        let (bench, ids) = try await filled(1)
        bench.journal.settle(ids[0], as: .delivered)
        let result: Result<Void, JournalRefusal> = bench.journal.withWriter { writer in
            try? bench.append([7])
            return writer.commitNow([])
        }
        try result.get()
        try await bench.waitForAnswers(2)
        #expect(bench.script.transactions.map(\.appends.count) == [0, 1])
    }

    @Test func fullDiskReleasesTheReserve() async throws {
        let (bench, ids) = try await filled(2)
        bench.script.plan.withLock { $0.failures = [.full(.diskFull)] }
        bench.journal.settle(ids[0], as: .delivered)
        bench.journal.settle(ids[1], as: .dead(reason: .damaged, attempts: 1, answer: nil))
        try bench.journal.commitNow([hook]).get()
        #expect(bench.script.plan.withLock { $0.ballastReleases } == 1)
        // Everything together first; then deletions, dead letters and records separately.
        let transactions = bench.script.transactions
        #expect(transactions.map(\.settlements.count) == [2, 1, 1, 0])
        #expect(transactions.map(\.hooks.count) == [1, 0, 0, 1])
        #expect(bench.journal.snapshot.pending[.warning] == 0 && bench.journal.snapshot.deadLetters[.warning] == 1)
    }

    @Test func permanentlyFullDiskRefusesAndSettlementsAreRetried() async throws {
        let (bench, ids) = try await filled(2)
        bench.script.plan.withLock { $0.failures = Array(repeating: .full(.diskFull), count: 6) }
        bench.journal.settle(ids[0], as: .delivered)
        #expect(throws: JournalRefusal.full(.diskFull)) { try bench.journal.commitNow([hook]).get() }
        #expect(throws: JournalRefusal.full(.diskFull)) { try rows(bench)?.get() }
        #expect(bench.script.plan.withLock { $0.failures.isEmpty })
        #expect(try rows(bench)?.get().rows.map(\.id) == [ids[1]])
        #expect(bench.script.transactions.allSatisfy { $0.hooks.isEmpty || $0.hooks == [hook] })
        #expect(bench.script.transactions.last?.hooks == [], "the caller must submit the records again")
    }

    @Test func aJournalAtItsLimitSettlesAndOpensAgain() async throws {
        let (bench, ids) = try await filled(2)
        bench.script.plan.withLock { plan in
            plan.failures = [.full(.journalLimit)]
            plan.hasCapacity = false
        }
        try bench.append([7])
        try await bench.waitForAnswers(3)
        #expect(bench.journal.state == .full(.journalLimit))
        bench.script.plan.withLock { $0.hasCapacity = true }
        bench.journal.settle(ids[0], as: .delivered)
        try bench.journal.commitNow([hook]).get()
        #expect(bench.script.transactions.last?.hooks == [hook])
        #expect(bench.journal.state == .open)
    }

    @Test func aFailedJournalRefuses() async throws {
        let (bench, ids) = try await filled(1)
        bench.script.plan.withLock { $0.failures = [.broken("gone")] }
        bench.journal.settle(ids[0], as: .delivered)
        #expect(throws: JournalRefusal.failed("gone")) { try bench.journal.commitNow([hook]).get() }
        #expect(throws: JournalRefusal.failed("gone")) { try bench.journal.commitNow([]).get() }
        #expect(throws: JournalRefusal.failed("gone")) { try rows(bench)?.get() }
        #expect(bench.failures.withLock { $0 } == ["gone"])
        #expect(bench.script.plan.withLock { !$0.isUsedAfterItsEnd })
    }

    /// A post after such a commit would be repeated after the restart.
    @Test func failedCheckpointAfterTheCommitRefuses() async throws {
        let (bench, _) = try await filled(1)
        bench.script.plan.withLock { $0.maintenanceFailure = .broken("checkpoint") }
        #expect(throws: JournalRefusal.failed("checkpoint")) { try bench.journal.commitNow([hook]).get() }
    }

    @Test func aClosedJournalRefuses() async throws {
        let (bench, _) = try await filled(1)
        bench.journal.close()
        #expect(throws: JournalRefusal.closed) { try bench.journal.commitNow([hook]).get() }
        #expect(throws: JournalRefusal.closed) { try rows(bench)?.get() }
    }

    @Test func commitNowPersistsInTheSpool() async throws {
        let spool = TemporarySpool()
        let first = try JournalBench(Self.longDelays, on: { _ in spool.store() })
        let notifications = [true, false].map { JournalSamples.notification(isResolved: $0) }
        try first.journal.append(JournalSamples.batch(1, notifications), for: 1)
        try await first.waitForAnswers(1)
        let ids = try first.results()[0].get().notifications.map(\.id)
        first.journal.settle(ids[1], as: .delivered)
        try first.journal.commitNow([hook]).get()
        // Simulates a killed process.
        _ = first.journal.withWriter { $0.attempt { $0.closeWithoutFlush() } }

        let second = try JournalBench(Self.longDelays, on: { _ in spool.store() })
        #expect(second.journal.recovery.hooks == [hook])
        #expect(try rows(second)?.get().rows.map(\.isResolved) == [true])
        second.journal.close()
    }

    @Test func misplacedRowIsReportedAsDegraded() async throws {
        let spool = TemporarySpool()
        try spool.fill(3)
        try spool.edit("UPDATE notification_warning SET id = 34 WHERE id = 33")
        let bench = try JournalBench(Self.longDelays, on: { _ in spool.store() })
        #expect(try rows(bench)?.get().rows.map(\.id.sequence) == [1, 3])
        #expect(bench.journal.snapshot.degraded == "1 damaged notifications are in the dead letters")
        bench.journal.close()
    }
}
