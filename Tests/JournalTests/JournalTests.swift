import Dispatch
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

/// The journal's logic: batching, refusals, acknowledgements, deduplication and states.
@Suite(.timeLimit(.minutes(1))) struct JournalTests {
    private func settings(_ change: (inout JournalSettings) -> Void) -> JournalSettings {
        var settings = JournalSettings()
        change(&settings)
        return settings
    }

    @Test func anAppendIsAnsweredWithItsJournalledNotifications() async throws {
        let bench = try JournalBench()
        var two = [JournalSamples.notification(.critical, body: "a"), JournalSamples.notification(.info, body: "b")]
        try bench.journal.append(JournalSamples.batch(1, two), for: 1)
        try await bench.waitForAnswers(1)
        let outcome = try #require(try bench.results().first?.get())
        for index in two.indices { two[index].repeats = 0 }
        #expect(outcome.notifications.map(\.value) == two && !outcome.isDuplicate)
        #expect(outcome.notifications.map(\.id.destination) == [.critical, .info])
        #expect(bench.journal.snapshot.pending[.critical] == 1)
    }

    @Test func appendsDuringACommitShareTheNextCommit() async throws {
        let bench = try JournalBench()
        bench.script.isHeld.withLock { $0 = true }
        try bench.append([0])
        try bench.append(1...100)
        bench.script.gate.signal()
        bench.script.gate.signal()
        try await bench.waitForAnswers(101)
        // The first commit holds the appends that waited when it began. The rest shares the second.
        #expect(bench.script.transactions.count <= 2)
        #expect(bench.answers.withLock { $0.count } == bench.script.transactions.count)
        #expect(bench.tickets == Array(0...100))
    }

    @Test func commitsAreBoundedInRequests() async throws {
        let bench = try JournalBench(settings { $0.requestsPerCommit = 10 })
        bench.script.isHeld.withLock { $0 = true }
        try bench.append(0..<45)
        bench.script.isHeld.withLock { $0 = false }
        bench.script.gate.signal()
        try await bench.waitForAnswers(45)
        #expect(bench.script.transactions.allSatisfy { $0.appends.count <= 10 })
        #expect(bench.tickets == Array(0..<45))
    }

    @Test func commitsAreBoundedInBytesExceptForALargePayload() async throws {
        let bench = try JournalBench(settings { $0.bytesPerCommit = 100 })
        bench.script.isHeld.withLock { $0 = true }
        for (key, size) in [10, 60, 60, 500, 10].enumerated() {
            let body = String(repeating: "x", count: size)
            try bench.journal.append(JournalSamples.batch(key, [JournalSamples.notification(body: body)]), for: key)
        }
        bench.script.isHeld.withLock { $0 = false }
        bench.script.gate.signal()
        try await bench.waitForAnswers(5)
        #expect(bench.script.transactions.allSatisfy { $0.bytes <= 100 || $0.appends.count == 1 })
        #expect(bench.tickets == Array(0..<5))
    }

    @Test func aFullInboxRefusesAtOnce() async throws {
        let bench = try JournalBench(
            settings {
                $0.inboxRequests = 3; $0.requestsPerCommit = 1
            })
        bench.script.isHeld.withLock { $0 = true }
        try bench.append([0])
        try await bench.wait { (try? bench.append([9])) == nil }
        #expect(throws: JournalRefusal.overloaded) { try bench.append([10]) }
        bench.script.isHeld.withLock { $0 = false }
        bench.script.gate.signal()
        bench.journal.close()
        #expect(bench.results().allSatisfy { (try? $0.get()) != nil })
    }

    @Test func aSettlementCommitsByItself() async throws {
        let bench = try JournalBench()
        try bench.append([1])
        try await bench.waitForAnswers(1)
        let id = try #require(try bench.results()[0].get().notifications.first?.id)
        bench.journal.settle(id, as: .delivered)
        try await bench.wait { bench.journal.snapshot.pending[.warning] == 0 }
        #expect(bench.script.transactions.last?.settlements == [.init(id: id, settlement: .delivered)])
    }

    @Test func settlementsAreCommittedWithAppends() async throws {
        let bench = try JournalBench(settings { $0.settleDelay = .seconds(30) })
        let id = JournalID(sequence: 7, destination: .info)
        bench.journal.settle(id, as: .delivered)
        try bench.append([1])
        try await bench.waitForAnswers(1)
        #expect(bench.script.transactions.count == 1)
        #expect(bench.script.transactions[0].settlements.map(\.id) == [id])
    }

    @Test func settlementIsRetriedUntilItIsWritten() async throws {
        let bench = try JournalBench(settings { $0.inspectionInterval = .milliseconds(5) })
        try bench.append([1])
        try await bench.waitForAnswers(1)
        let id = try #require(try bench.results()[0].get().notifications.first?.id)
        bench.script.plan.withLock { plan in
            plan.space = .low
            plan.failures = Array(repeating: .full(.diskFull), count: 5)
        }
        bench.journal.settle(id, as: .delivered)
        try await bench.wait { bench.journal.snapshot.pending[.warning] == 0 }
        #expect(bench.script.plan.withLock { $0.failures.isEmpty })
    }

    @Test func fullDiskRefusesReleasesBallastAndRecovers() async throws {
        let bench = try JournalBench(settings { $0.inspectionInterval = .milliseconds(5) }) {
            $0.failures = [.full(.diskFull)]
        }
        bench.script.plan.withLock { $0.space = .low }
        try bench.append([1])
        try await bench.waitForAnswers(1)
        #expect(bench.results() == [.failure(.full(.diskFull))])
        #expect(bench.journal.state == .full(.diskFull))
        #expect(bench.script.plan.withLock { $0.ballastReleases } == 1)
        #expect(throws: JournalRefusal.full(.diskFull)) { try bench.append([2]) }

        bench.script.plan.withLock { $0.space = .ample }
        try await bench.wait { bench.journal.state == .open }
        try bench.append([1])
        try await bench.waitForAnswers(2)
        #expect(try bench.results()[1].get().isDuplicate == false, "refused payloads are not remembered as seen")
    }

    @Test func journalAtItsLimitOpensAgainWithFreeCapacity() async throws {
        let bench = try JournalBench(settings { $0.inspectionInterval = .milliseconds(5) }) {
            $0.failures = [.full(.journalLimit)]
            $0.hasCapacity = false
        }
        try bench.append([1])
        try await bench.waitForAnswers(1)
        #expect(bench.journal.state == .full(.journalLimit))
        #expect(bench.script.plan.withLock { $0.ballastReleases } == 0)
        bench.script.plan.withLock { $0.hasCapacity = true }
        try await bench.wait { bench.journal.state == .open }
    }

    @Test func lowSeveritiesAreRefusedBeforeCritical() async throws {
        let bench = try JournalBench(settings { $0.inspectionInterval = .milliseconds(5) })
        let use = { (used: Int64) in
            bench.script.plan.withLock {
                $0.usage = JournalUsage(usedBytes: used, limitBytes: 110_000, appendLimitBytes: 100_000)
            }
        }
        let send = { (key: Int, severities: [Severity]) in
            let notifications = severities.map { JournalSamples.notification($0, body: "{}") }
            try bench.journal.append(JournalSamples.batch(key, notifications), for: key)
        }
        use(95_000)
        try await bench.wait { bench.journal.snapshot.reserved == [.info, .warning, .fallback] }
        #expect(bench.journal.state == .open)
        #expect(throws: JournalRefusal.reserved(.info)) { try send(1, [.info]) }
        #expect(throws: JournalRefusal.reserved(.fallback)) { try send(1, [.fallback, .warning, .info]) }
        try send(2, [.critical, .info])
        try await bench.waitForAnswers(1)
        #expect(try bench.results()[0].get().notifications.count == 2, "the whole webhook is accepted")

        use(99_999)
        try send(3, [.critical])
        try await bench.waitForAnswers(2)
        #expect(bench.results()[1] == .failure(.full(.journalLimit)))
        bench.script.plan.withLock { $0.hasCapacity = false }
        use(0)
        bench.script.plan.withLock { $0.hasCapacity = true }
        try await bench.wait { bench.journal.state == .open && bench.journal.snapshot.reserved == [] }
        try send(4, [.info])
        try await bench.waitForAnswers(3)
        #expect(try bench.results()[2].get().notifications.count == 1)
    }

    /// The journal detects it at the commit, because more batches wait than fit.
    @Test func shareExhaustedInACommitRefusesTheRestOfItsSeverity() async throws {
        let bench = try JournalBench {
            $0.usage = JournalUsage(usedBytes: 69_000, limitBytes: 110_000, appendLimitBytes: 100_000)
        }
        bench.script.isHeld.withLock { $0 = true }
        try bench.append([9])
        try await bench.wait { bench.script.plan.withLock { $0.isWaiting } }
        let body = String(repeating: "x", count: 300)
        for (key, severity) in [Severity.info, .info, .critical].enumerated() {
            try bench.journal.append(
                JournalSamples.batch(key, [JournalSamples.notification(severity, body: body)]), for: key)
        }
        bench.script.isHeld.withLock { $0 = false }
        bench.script.gate.signal()
        try await bench.waitForAnswers(4)
        let refused = zip(bench.tickets, bench.results()).filter { $0.1 == .failure(.reserved(.info)) }.map(\.0)
        #expect(refused == [1])
        #expect(bench.journal.snapshot.pending[.critical] == 1 && bench.journal.snapshot.pending[.info] == 1)
    }

    @Test func theInboxKeepsSpaceForCritical() throws {
        var inbox = JournalInbox<Int>(settings: settings { $0.inboxRequests = 10 })
        let send = { (inbox: inout JournalInbox<Int>, severity: Severity) throws(JournalRefusal) in
            _ = try inbox.add(JournalSamples.batch(1, [JournalSamples.notification(severity)]), for: 1)
        }
        for (severity, count) in [(Severity.info, 7), (.warning, 1), (.fallback, 1), (.critical, 1)] {
            for _ in 0..<count { try send(&inbox, severity) }
            #expect(throws: JournalRefusal.overloaded) { try send(&inbox, severity) }
        }
    }

    @Test func theInboxIsBoundedInBytes() throws {
        var inbox = JournalInbox<Int>(settings: settings { $0.inboxBytes = 1000 })
        let send = { (inbox: inout JournalInbox<Int>, severity: Severity, size: Int) throws(JournalRefusal) in
            let body = String(repeating: "x", count: size)
            _ = try inbox.add(JournalSamples.batch(1, [JournalSamples.notification(severity, body: body)]), for: size)
        }
        try send(&inbox, .critical, 600)
        #expect(throws: JournalRefusal.overloaded) { try send(&inbox, .info, 101) }
        try send(&inbox, .info, 100)
        #expect(throws: JournalRefusal.overloaded) { try send(&inbox, .critical, 301) }
        try send(&inbox, .critical, 300)
        #expect(throws: JournalRefusal.overloaded) { try send(&inbox, .critical, 1) }
        #expect(inbox.dequeue().requests.map(\.ticket) == [600, 100, 300])

        // An empty inbox accepts a webhook of any size, and then none until that one is taken.
        try send(&inbox, .info, 5000)
        #expect(throws: JournalRefusal.overloaded) { try send(&inbox, .critical, 1) }
        #expect(inbox.dequeue().requests.map(\.ticket) == [5000])
        for size in [700, 300] { try send(&inbox, .critical, size) }
        #expect(throws: JournalRefusal.overloaded) { try send(&inbox, .critical, 1) }
    }

    @Test func lowDiskRefusesTheFirstAppend() throws {
        let bench = try JournalBench { $0.space = .low }
        #expect(throws: JournalRefusal.full(.diskFull)) { try bench.append([1]) }
    }

    @Test func aFailedSyncEndsTheJournal() async throws {
        let bench = try JournalBench { $0.failures = [.broken("fsync: Input/output error")] }
        try bench.append([1])
        try await bench.waitForAnswers(1)
        #expect(bench.results() == [.failure(.failed("fsync: Input/output error"))])
        #expect(bench.journal.state == .failed("fsync: Input/output error"))
        #expect(throws: JournalRefusal.self) { try bench.append([2]) }
        #expect(throws: JournalRefusal.self) { try bench.journal.deadLetters(limit: 1) }
        bench.journal.settle(JournalID(sequence: 1, destination: .info), as: .delivered)
        bench.journal.close()
        #expect(bench.failures.withLock { $0 } == ["fsync: Input/output error"])
        #expect(bench.script.transactions.count == 1, "nothing is tried after a failed fsync")
        #expect(bench.script.plan.withLock { $0.isAbandoned && !$0.isClosed })
    }

    @Test func aFailedCheckpointEndsTheJournalAfterTheAnswer() async throws {
        let bench = try JournalBench { $0.maintenanceFailure = .broken("checkpoint") }
        try bench.append([1])
        try await bench.wait { bench.failures.withLock { $0 } == ["checkpoint"] }
        #expect(try bench.results()[0].get().notifications.count == 1)
    }

    @Test func storageThatVanishesEndsTheJournal() async throws {
        let bench = try JournalBench(settings { $0.inspectionInterval = .milliseconds(5) })
        bench.script.plan.withLock { $0.inspectionFailure = .broken("gone") }
        try await bench.wait { bench.failures.withLock { $0 } == ["gone"] }
        #expect(bench.journal.state == .failed("gone"))
    }

    /// The inspection commits waiting settlements. If the commit fails, it must not use the store any more.
    @Test(arguments: [StorageSpace.ample, .low])
    func brokenStorageDuringAnInspectionEndsTheJournal(space: StorageSpace) async throws {
        let bench = try JournalBench(settings { $0.inspectionInterval = .milliseconds(5) })
        try bench.append([1, 2])
        try await bench.waitForAnswers(2)
        let id = try #require(try bench.results()[0].get().notifications.first?.id)
        bench.script.plan.withLock { plan in
            plan.space = space
            plan.failures = [.full(.diskFull), .broken("gone")]
        }
        bench.journal.settle(id, as: .delivered)
        try await bench.wait { bench.failures.withLock { $0 } == ["gone"] }
        bench.idle()
        #expect(bench.journal.state == .failed("gone"))
        #expect(bench.script.plan.withLock { !$0.isUsedAfterItsEnd })
        #expect(!bench.journal.close())
    }

    @Test func registrationOnAFullDiskUsesTheReserveOrKeepsKnownReceivers() throws {
        let bench = try JournalBench()
        #expect(try bench.journal.register(["a"]).get().values.sorted() == ["a"])
        bench.script.plan.withLock { $0.registrationFailures = [.full(.diskFull)] }
        #expect(try bench.journal.register(["a", "b"]).get().values.sorted() == ["a", "b"])
        #expect(bench.script.plan.withLock { $0.ballastReleases } == 1)
        bench.script.plan.withLock { $0.registrationFailures = [.full(.diskFull), .full(.diskFull)] }
        #expect(try bench.journal.register(["a", "b", "c"]).get().values.sorted() == ["a", "b"])
        bench.script.plan.withLock { $0.registrationFailures = [.broken("gone")] }
        #expect(throws: JournalRefusal.failed("gone")) { try bench.journal.register(["d"]).get() }
    }

    @Test func anIdenticalPayloadIsStoredOnce() async throws {
        let bench = try JournalBench()
        bench.script.isHeld.withLock { $0 = true }
        try bench.append([1, 1])
        bench.script.isHeld.withLock { $0 = false }
        bench.script.gate.signal()
        try await bench.waitForAnswers(2)
        try bench.append([1])
        try await bench.waitForAnswers(3)
        #expect(try bench.results().map { try $0.get().isDuplicate } == [false, true, true])
        #expect(bench.script.transactions.flatMap(\.appends).count == 1)
        #expect(bench.journal.snapshot.duplicates == 2)

        bench.clock.withLock { $0 = .sample.advanced(bySeconds: 60) }
        try bench.append([1])
        try await bench.waitForAnswers(4)
        #expect(try bench.results()[3].get().isDuplicate == false)
    }

    @Test func aDeliberateRepeatIsADuplicateOfAnotherRepeatOnly() async throws {
        let bench = try JournalBench()
        var batch = JournalSamples.batch(1)
        for (number, isRepeat) in [false, true, true, false].enumerated() {
            batch.reason = isRepeat ? .repetition : .news
            try bench.journal.append(batch, for: number)
            try await bench.waitForAnswers(number + 1)
        }
        #expect(try bench.results().map { try $0.get().isDuplicate } == [false, false, true, true])
    }

    /// One notification each minute and five seconds, the second transaction fails.
    @Test func repeatsOfAStateAreCounted() async throws {
        let bench = try JournalBench { $0.failures = [.full(.journalLimit)] }
        var repeats: [Int?] = []
        for (number, key) in [1, 1, 1, 1, 2, 2].enumerated() {
            bench.clock.withLock { $0 = .sample.advanced(bySeconds: Int64(number) * 65) }
            try await bench.wait { bench.journal.state == .open }
            try bench.append([key])
            try await bench.waitForAnswers(number + 1)
            repeats.append(try? bench.results()[number].get().notifications.first?.value.repeats)
        }
        #expect(repeats == [nil, 0, 1, 2, 0, 1], "the first commit fails")
    }

    @Test func duplicatesAreNoRepeats() async throws {
        let bench = try JournalBench()
        for (number, seconds) in [0, 30, 65, 100].enumerated() as EnumeratedSequence<[Int64]> {
            bench.clock.withLock { $0 = .sample.advanced(bySeconds: seconds) }
            try bench.append([1])
            try await bench.waitForAnswers(number + 1)
        }
        let repeats = try bench.results().map { try $0.get().notifications.first?.value.repeats }
        #expect(repeats == [0, nil, 1, nil])
    }

    /// Without deduplication retries look like repeats.
    @Test func withoutAWindowRepeatsAreUnknown() async throws {
        let bench = try JournalBench(settings { $0.dedupeWindow = .zero })
        try bench.append([1, 1])
        try await bench.waitForAnswers(2)
        #expect(try bench.results().allSatisfy { try $0.get().notifications.first?.value.repeats == nil })
    }

    @Test func withoutAWindowNothingIsADuplicate() async throws {
        let bench = try JournalBench(settings { $0.dedupeWindow = .zero })
        try bench.append([1, 1])
        try await bench.waitForAnswers(2)
        #expect(try bench.results().allSatisfy { try !$0.get().isDuplicate })
        #expect(bench.script.transactions.allSatisfy { $0.seen.isEmpty })
    }

    @Test func aDuplicateOfARefusedPayloadIsRefusedToo() async throws {
        let bench = try JournalBench { $0.failures = [.full(.journalLimit)] }
        bench.script.isHeld.withLock { $0 = true }
        try bench.append([1, 1])
        bench.script.isHeld.withLock { $0 = false }
        bench.script.gate.signal()
        try await bench.waitForAnswers(2)
        #expect(bench.results().allSatisfy { $0 != .success(AppendOutcome(notifications: [], isDuplicate: true)) })
    }

    @Test func aPayloadWithoutAlertsIsAnswered() async throws {
        let bench = try JournalBench()
        try bench.journal.append(JournalSamples.batch(1, []), for: 1)
        try await bench.waitForAnswers(1)
        #expect(bench.results() == [.success(AppendOutcome(notifications: [], isDuplicate: false))])
        #expect(bench.script.transactions.isEmpty)
    }

    @Test func closingCommitsAcceptedBatches() throws {
        let bench = try JournalBench(settings { $0.requestsPerCommit = 3 })
        try bench.append(0..<10)
        bench.journal.settle(JournalID(sequence: 1, destination: .info), as: .delivered)
        bench.journal.close()
        #expect(bench.tickets == Array(0..<10))
        #expect(bench.script.plan.withLock { $0.isClosed })
        #expect(bench.journal.state == .closed)
        #expect(throws: JournalRefusal.closed) { try bench.append([11]) }
        bench.journal.close()
    }

    @Test func theSpoolOutlivesTheJournal() async throws {
        let spool = TemporarySpool()
        let first = try JournalBench(on: { _ in spool.store() })
        try first.append([1, 2, 3])
        try await first.waitForAnswers(3)
        let ids = try first.results().flatMap { try $0.get().notifications.map(\.id) }
        first.journal.settle(ids[0], as: .delivered)
        first.journal.settle(ids[1], as: .dead(reason: .damaged, attempts: 2, answer: nil))
        first.journal.close()

        let second = try JournalBench(on: { _ in spool.store() })
        #expect(second.journal.recovery.wasClosed)
        try second.append([3])
        try await second.waitForAnswers(1)
        #expect(try second.results()[0].get().isDuplicate, "dedupe keys are kept")
        let window = try second.journal.load(.warning, after: nil, limit: 10, byteLimit: .max).get()
        #expect(window.notifications.map(\.id) == [ids[2]])

        let replay = try second.journal.replay([ids[1]])
        #expect(replay.entries.first?.value == JournalSamples.notification(body: "body 2", isReplayed: true))
        #expect(try #require(replay.entries.first).id > ids[2])
        #expect(second.journal.snapshot.pending[.warning] == 2)
        #expect(try second.journal.deadLetters(limit: 5).isEmpty)
        second.journal.close()
    }

    @Test func aDamagedRowIsReportedAsDegraded() async throws {
        let spool = TemporarySpool()
        let first = try JournalBench(on: { _ in spool.store() })
        try first.append([1, 2])
        first.journal.close()
        try spool.edit(
            "UPDATE notification_warning SET body = 'other' WHERE id = (SELECT min(id) FROM notification_warning)")
        let second = try JournalBench(on: { _ in spool.store() })
        let window = try second.journal.load(.warning, after: nil, limit: 10, byteLimit: .max).get()
        #expect(window.notifications.count == 1)
        #expect(second.journal.snapshot.degraded == "1 damaged notifications are in the dead letters")
        #expect(try second.journal.deadLetters(limit: 5).map(\.reason) == [.damaged])
    }
}
