import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

/// A journal on a shared engine, whose database fails and works again.
@Suite(.timeLimit(.minutes(1))) struct JournalUnavailableTests {
    private final class Observer: JournalObserver {
        let states = Locked<[JournalState]>([])

        func journalCommitted(_ commit: JournalCommit) {}
        func journalChanged(to state: JournalState) { states.withLock { $0.append(state) } }
        func journalRefuses(_ severities: Set<Severity>) {}
        func journalSuppressed(_ duplicates: [HistoryEntry]) {}
    }

    /// A replica: a journal with its recorded results.
    private final class Replica: Sendable {
        let results = Locked<[Result<AppendOutcome, JournalRefusal>]>([])
        let observer = Observer()
        let journal: Journal<Int>

        init(_ database: MemoryDatabase, replyTimeout: Duration? = .seconds(60)) throws {
            var settings = JournalSettings(inspectionInterval: .milliseconds(5))
            settings.replyTimeout = replyTimeout
            let results = results
            journal = try Journal(
                opening: MemoryEngine(database), settings: settings, observer: observer,
                onFailure: { _ in Issue.record("an outage is no failure") },
                acknowledge: { list in results.withLock { $0 += list.map(\.result) } })
        }

        /// Appends and waits for the result.
        func append(
            _ key: Int, arrival: ContinuousClock.Instant? = nil
        ) async throws -> Result<AppendOutcome, JournalRefusal> {
            let count = results.withLock { $0.count }
            do {
                try journal.append(JournalSamples.batch(key), for: key, arrival: arrival)
            } catch {
                return .failure(error)
            }
            try await wait { self.results.withLock { $0.count } > count }
            return results.withLock { $0[count] }
        }

        func wait(_ condition: @escaping @Sendable () -> Bool) async throws {
            while !condition() { try await Task.sleep(for: .milliseconds(1)) }
        }
    }

    @Test func appendsAreRefusedAndSettlementsKeptUntilTheDatabaseWorks() async throws {
        let database = MemoryDatabase()
        let replica = try Replica(database)
        let id = try #require(try await replica.append(1).get().notifications.first?.id)
        database.control.withLock { $0.outage = .readOnly }
        #expect(try await replica.append(2) == .failure(.unavailable(.readOnly)))
        #expect(replica.journal.state == .unavailable(.readOnly))
        #expect(!replica.journal.snapshot.accepts(.critical))
        replica.journal.settle(id, as: .delivered)
        #expect(throws: JournalRefusal.unavailable(.readOnly)) { try replica.journal.commitNow([]).get() }
        #expect(throws: JournalRefusal.unavailable(.readOnly)) { try replica.journal.deadLetters(limit: 1) }
        #expect(try replica.journal.register(["a"]).get().isEmpty, "receivers are registered later")

        database.control.withLock { $0.outage = nil }
        try await replica.wait { replica.journal.state == .open && replica.journal.snapshot.totalPending == 0 }
        #expect(try await replica.append(2).get().notifications.count == 1)
        #expect(replica.observer.states.withLock { $0 } == [.unavailable(.readOnly), .open])
    }

    @Test func aRelayStartsWithoutTheDatabase() async throws {
        let database = MemoryDatabase()
        database.control.withLock { $0.outage = .connection }
        let replica = try Replica(database)
        #expect(try await replica.append(1) == .failure(.unavailable(.connection)))
        database.control.withLock { $0.outage = nil }
        try await replica.wait { replica.journal.state == .open }
        #expect(try await replica.append(1).get().notifications.count == 1)
    }

    /// The commit is stored, but the replica does not know. Another replica answers the retry.
    @Test func aRetryAtAnotherReplicaIsADuplicate() async throws {
        let database = MemoryDatabase()
        let replicas = [try Replica(database), try Replica(database)]
        // Also inspections commit.
        database.control.withLock { $0.areStandbysAway = true }
        #expect(try await replicas[0].append(1) == .failure(.unavailable(.timedOut)))
        #expect(try await replicas[1].append(1) == .failure(.unavailable(.timedOut)), "a duplicate waits, too")
        database.control.withLock { $0.areStandbysAway = false }
        try await replicas[1].wait { replicas[1].journal.state == .open }
        #expect(try await replicas[1].append(1).get().isDuplicate)
        #expect(database.disk.withLock { $0.pending.count } == 1)
    }

    /// After a freeze the retry may be outside the window, so the payload would be posted twice.
    @Test func aLateRequestIsRefused() async throws {
        let replica = try Replica(MemoryDatabase(), replyTimeout: .seconds(10))
        let arrival = ContinuousClock.now.advanced(by: .seconds(-10))
        #expect(try await replica.append(1, arrival: arrival) == .failure(.late))
        #expect(try await replica.append(1).get().notifications.count == 1)
        let patient = try Replica(MemoryDatabase(), replyTimeout: nil)
        #expect(try await patient.append(1, arrival: arrival).get().notifications.count == 1)
    }

    /// A read that fails says nothing about commits.
    @Test func aFailedReadDoesNotRefuseAppends() async throws {
        let replica = try Replica(MemoryDatabase())
        let read = replica.journal.withWriter { writer in
            writer.attempt { _ throws(JournalStoreError) -> Int in throw .unavailable(.timedOut) }
        }
        #expect(throws: JournalRefusal.unavailable(.timedOut)) { try read.get() }
        #expect(replica.journal.state == .open)
    }

    @Test(arguments: [false, true]) func closingTriesOnceMore(works: Bool) async throws {
        let database = MemoryDatabase()
        let replica = try Replica(database)
        let id = try #require(try await replica.append(1).get().notifications.first?.id)
        database.control.withLock { $0.outage = .connection }
        try await replica.wait { replica.journal.state == .unavailable(.connection) }
        replica.journal.settle(id, as: .delivered)
        if works { database.control.withLock { $0.outage = nil } }
        #expect(replica.journal.close() == works, "a lost settlement is reported")
        #expect(replica.journal.state == .closed)
        #expect(database.disk.withLock { $0.pending.isEmpty } == works)
    }
}
