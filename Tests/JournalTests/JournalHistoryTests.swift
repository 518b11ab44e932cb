import Dispatch
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

/// Queries of the history, duplicates in it, and which transactions have its records.
@Suite(.timeLimit(.minutes(1))) struct JournalHistoryTests {
    private static func entry(
        _ sequence: Int64, _ names: [String], room: String? = "critical", outcome: HistoryEntry.Outcome = .delivered,
        isFiring: Bool = true
    ) -> (HistoryEntry, HistoryRecord.Summary) {
        var entry = HistoryEntry(
            id: JournalID(sequence: sequence, destination: .critical), group: 1, isFiring: isFiring,
            acceptedAt: .sample, endedAt: .sample, outcome: outcome)
        entry.alerts = names.map { HistoryEntry.Alert(name: $0, fingerprint: "", isFiring: isFiring) }
        var summary = HistoryRecord.Summary(outcome)
        summary.room = room
        return (entry, summary)
    }

    /// A journal with one row a second for each entry.
    private func journal(_ entries: [(HistoryEntry, HistoryRecord.Summary)], limits: HistoryLimits = .standard) throws
        -> Journal<Int>
    {
        let disk = Locked(MemoryJournalStore.Content())
        let store = MemoryJournalStore(disk: disk)
        _ = try store.open(at: .sample)
        for (index, (entry, summary)) in entries.enumerated() {
            var transaction = JournalTransaction(at: .sample.advanced(bySeconds: Int64(index)))
            transaction.history = [HistoryRecord(entry, summary)]
            try store.commit(transaction)
        }
        try store.close(at: .sample)
        var settings = JournalSettings(history: limits)
        settings.inspectionInterval = .seconds(3600)
        return try Journal<Int>(
            opening: MemoryJournalStore(disk: disk), settings: settings,
            now: { .sample.advanced(bySeconds: Int64(entries.count)) }, onFailure: { _ in }, acknowledge: { _ in })
    }

    private func found(_ journal: Journal<Int>, _ change: (inout HistoryQuery) -> Void) throws -> [Int64] {
        var query = HistoryQuery()
        change(&query)
        return try journal.history(query).entries.map(\.id.sequence)
    }

    @Test func conditionsSelect() throws {
        let journal = try journal([
            Self.entry(1, ["DiskFull"]), Self.entry(2, ["DiskSlow", "HostDown"], room: "Ops"),
            Self.entry(3, ["DiskFull"], isFiring: false), Self.entry(4, [], room: nil, outcome: .deadLetter),
        ])
        #expect(try found(journal) { _ in } == [4, 3, 2, 1])
        #expect(try found(journal) { $0.alert = "diskfull" } == [3, 1])
        #expect(try found(journal) { $0.alert = "Disk*" } == [3, 2, 1])
        #expect(try found(journal) { $0.alert = "Disk" }.isEmpty)
        #expect(try found(journal) { $0.room = "ops" } == [2])
        #expect(try found(journal) { $0.status = .resolved } == [3])
        #expect(try found(journal) { ($0.alert, $0.status) = ("DiskFull", .firing) } == [1])
        #expect(try found(journal) { $0.outcome = .deadLetter } == [4])
        #expect(try found(journal) { $0.since = .sample.advanced(bySeconds: 2) } == [4, 3])
        #expect(try found(journal) { $0.text = "stdo" } == [2])
        #expect(try found(journal) { $0.text = "DEAD" } == [4])
        #expect(try found(journal) { $0.text = "\(JournalID(sequence: 3, destination: .critical))" } == [3])
        #expect(try found(journal) { ($0.alert, $0.text) = ("Disk*", "host") } == [2])
    }

    /// Any page size gives all entries once, also those of one row.
    @Test(arguments: [1, 2, 7, 1000]) func pagesHoldEachEntryOnce(limit: Int) throws {
        let journal = try journal((1...9).map { Self.entry($0, ["A"]) })
        var members = HistoryMembers()
        for sequence in Int64(10)...15 { members.add(Self.entry(sequence, ["B"]).0) }
        let record = HistoryRecord(.init(.delivered), members.chunks[0])
        _ = journal.withWriter { writer in
            writer.attempt { engine throws(JournalStoreError) in
                try engine.commit(JournalDraft(history: [record], at: .sample.advanced(bySeconds: 9)))
            }
        }
        var (sequences, query) = ([Int64](), HistoryQuery())
        query.limit = limit
        repeat {
            let page = try journal.history(query)
            sequences += page.entries.map(\.id.sequence)
            query.before = page.next.flatMap { HistoryCursor($0.description) }
        } while query.before != nil
        #expect(sequences == Array((1...15).reversed()))
    }

    @Test func oldEntriesAreHidden() throws {
        let limits = HistoryLimits(maxAge: .seconds(2), maxEntries: 100)
        #expect(try found(journal((1...9).map { Self.entry($0, ["A"]) }, limits: limits)) { _ in } == [9, 8])
    }

    @Test func limitsCanChange() async throws {
        let journal = try journal((1...9).map { Self.entry($0, ["A"]) })
        journal.keepHistory(HistoryLimits(maxAge: .zero, maxEntries: 100))
        #expect(try found(journal) { _ in }.isEmpty)
    }

    /// Each record is in the transaction of its settlements, although 1024 are the most otherwise.
    @Test func recordsAreCommittedWithTheirSettlements() async throws {
        let bench = try JournalBench()
        bench.script.isHeld.withLock { $0 = true }
        try bench.append([0])
        try await bench.wait { bench.script.plan.withLock { $0.isWaiting } }
        var sequence: Int64 = 1
        for size in [1, 256, 300, 256, 256, 256, 7] {
            let ids = (0..<Int64(size)).map { JournalID(sequence: sequence + $0, destination: .critical) }
            sequence += Int64(size)
            let record = HistoryRecord(.init(.delivered), id: ids[0], group: 1, acceptedAt: .sample, isFiring: true)
            bench.journal.settle(ids, as: .delivered, history: record)
        }
        bench.script.isHeld.withLock { $0 = false }
        bench.script.gate.signal()
        bench.journal.close()
        let transactions = bench.script.transactions.map(\.settlements).filter { !$0.isEmpty }
        #expect(transactions.flatMap { $0 }.count == Int(sequence - 1) && transactions.count > 1)
        for settlements in transactions {
            #expect(settlements.count < 1024 + 300)
            #expect(settlements.last?.isContinued == false && settlements.last?.history != nil)
        }
    }

    @Test func replayedAndDroppedDeadLettersAreInTheHistory() throws {
        let disk = Locked(MemoryJournalStore.Content())
        let store = MemoryJournalStore(disk: disk)
        _ = try store.open(at: .sample)
        let body = #"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"DiskFull"}}]}"#
        let rows = (1...3).map { JournalSamples.append($0, JournalSamples.notification(.critical, body: body)) }
        try store.commit(JournalTransaction(appends: [rows], at: .sample))
        for (row, reason) in zip(rows, [DeadLetter.Reason(rawValue: "refused"), .crash, .damaged]) {
            let death = JournalSettlement.dead(reason: reason, attempts: 3, answer: "HTTP 400")
            try store.commit(JournalTransaction(settlements: [.init(id: row.id, settlement: death)], at: .sample))
        }
        try store.close(at: .sample)
        let journal = try Journal<Int>(
            opening: MemoryJournalStore(disk: disk), now: { .sample }, onFailure: { _ in }, acknowledge: { _ in })
        _ = try journal.replay([rows[0].id])
        _ = try journal.drop([rows[1].id, rows[2].id])
        let entries = try journal.history(HistoryQuery()).entries.prefix(3)
        #expect(entries.map(\.outcome) == [.dropped, .dropped, .replayed])
        #expect(
            entries.map { $0.alerts.map(\.name) } == [["DiskFull"], [], ["DiskFull"]], "a crash is not parsed again")
        #expect(entries.allSatisfy { $0.detail == "HTTP 400" && $0.attempts == 3 })
        journal.close()
    }

    // MARK: Duplicates

    private func duplicates(_ count: Int, groups: Int = 1) -> [AlertBatch] {
        let body = #"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"DiskFull"}}]}"#
        return (0..<count).map { number in
            JournalSamples.batch(
                1, [JournalSamples.notification(.critical, group: UInt64(number % groups), body: body)])
        }
    }

    @Test func duplicatesOfAGroupAreOneEntry() async throws {
        var settings = JournalSettings()
        settings.inspectionInterval = .milliseconds(10)
        let bench = try JournalBench(settings)
        for batch in duplicates(4) { try bench.journal.append(batch, for: 0) }
        try await bench.waitForAnswers(4)
        try await bench.wait { (try? bench.journal.history(HistoryQuery()).entries.isEmpty) == false }
        let entries = try bench.journal.history(HistoryQuery()).entries
        #expect(entries.reduce(0) { $0 + $1.count } == 3)
        #expect(entries.allSatisfy { $0.outcome == .duplicate && $0.alerts.map(\.name) == ["DiskFull"] })
        #expect(entries[0].id == .unassigned(.critical) && entries[0].isFiring)
    }

    /// What closing the journal finds is written too.
    @Test func duplicatesAreWrittenAtTheEnd() async throws {
        var settings = JournalSettings()
        settings.inspectionInterval = .seconds(3600)
        let bench = try JournalBench(settings)
        for batch in duplicates(2) { try bench.journal.append(batch, for: 0) }
        try await bench.waitForAnswers(2)
        bench.journal.close()
        #expect(bench.script.transactions.last?.history.count == 1)
    }

    @Test func floodOfDuplicatesWritesFewRows() {
        var log = DuplicateLog()
        var (rows, counted) = (0, 0)
        let start = ContinuousClock.now
        for second in 0..<3600 {
            for batch in duplicates(50, groups: 10) { log.note(batch, at: .sample) }
            let due = log.due(at: start + .seconds(second))
            #expect(due.count <= 10)
            rows += due.isEmpty ? 0 : 1
            counted += due.reduce(0) { $0 + $1.count }
        }
        #expect((60...100).contains(rows), "\(rows)")
        counted += log.due(at: start, isLast: true).reduce(0) { $0 + $1.count }
        #expect(counted == 3600 * 50)
    }

    @Test func manyGroupsOfDuplicatesNeedBoundedMemory() {
        var log = DuplicateLog()
        for batch in duplicates(1000, groups: 1000) { log.note(batch, at: .sample) }
        let due = log.due(at: .now)
        #expect(due.count == DuplicateLog.capacity && due.reduce(0) { $0 + $1.count } == 1000)
    }
}
