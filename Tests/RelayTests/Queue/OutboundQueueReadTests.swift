import DeliveryCore
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import Support

@Suite(.timeLimit(.minutes(1))) struct OutboundQueueReadTests {
    // MARK: Rows

    @Test func rowsBecomeEntries() async throws {
        let journal = FakeJournal()
        let first = try journal.append("A", group: 7)
        let second = try journal.append("B", status: .resolved, group: 8, isReplayed: true)
        let crashGuard = try CrashGuard.after([(second.id, 3, 2)])
        let queue = OutboundQueue(
            destination: .warning, services: .init(journal: journal, crashGuard: crashGuard, abort: DeliveryAbort()))
        let page = await withCheckedContinuation { continuation in
            queue.load(after: .zero, limit: 2) { continuation.resume(returning: $0) }
        }
        #expect(
            page
                == Page(
                    entries: [
                        PendingEntry(id: first.entry, group: 7),
                        PendingEntry(
                            id: second.entry, group: 8, isResolved: true, isReplayed: true, crashes: 3,
                            crashesAlone: 2),
                    ],
                    cursor: second.entry, isLast: true))
        #expect(journal.rowReads == [.init(after: nil, limit: 2)], "0 precedes every row")
    }

    @Test func rowsAreReadBehindTheCursor() async throws {
        let bench = try QueueBench()
        let first = try bench.journal.append("A")
        let second = try bench.journal.append("B")
        try bench.journal.append("C")
        try bench.journal.append("elsewhere", to: .critical)
        let page = try #require(await bench.load(after: first.entry, limit: 1))
        #expect(page.entries.map(\.id) == [second.entry])
        #expect(page.cursor == second.entry && !page.isLast)
        #expect(bench.journal.rowReads == [.init(after: first.id, limit: 1)])
    }

    @Test func cursorStaysWhereNothingFollows() async throws {
        let bench = try QueueBench()
        let only = try bench.journal.append("A")
        let page = await bench.load(after: only.entry)
        #expect(page == Page(entries: [], cursor: only.entry, isLast: true))
    }

    @Test func failedJournalHasNoPage() async throws {
        let bench = try QueueBench()
        bench.journal.script.withLock { $0.failingRowReads = 1 }
        #expect(await bench.load() == nil)
        #expect(await bench.load() != nil)
    }

    // MARK: Bodies

    @Test func oneNotificationIsReadAlone() async throws {
        let bench = try QueueBench()
        let first = try bench.journal.append("A")
        try bench.journal.append("B")
        let manifest = try await bench.compose(first)
        #expect(manifest.entries == [DeliveryBatch.Entry(first)])
        #expect(manifest.parts == 1 && manifest.copies == 0 && manifest.foldedAlerts == 0)
        #expect(manifest.gone.isEmpty && manifest.expired.isEmpty && manifest.unreadable.isEmpty)
        #expect(
            bench.journal.bodyReads == [
                .init(after: JournalID(rawValue: first.id.rawValue - 1), limit: 1, byteLimit: 4 << 20)
            ])
    }

    @Test func severalAreFoldedInTheOrderOfAcceptance() async throws {
        let bench = try QueueBench()
        let notifications = [
            try bench.journal.append("A", "B"), try bench.journal.append("C"),
            try bench.journal.append("A", status: .resolved),
        ]
        let manifest = try #require(await bench.compose(notifications.map(\.entry)))
        #expect(manifest.entries == notifications.map { DeliveryBatch.Entry($0) })
        #expect(manifest.foldedAlerts == 4 && manifest.parts == 1)
        let post = try #require(try await bench.show(manifest).first)
        #expect(post.text.contains("2 firing: ") && post.text.contains("; 1 flapped: "))
        #expect(post.text.contains("3 notifications folded into one message"))
    }

    @Test func longBatchesAreReadInPages() async throws {
        let bench = try QueueBench()
        var ids: [EntryID] = []
        for number in 0..<600 { ids.append(try bench.journal.append("A\(number)").entry) }
        let manifest = try #require(await bench.compose(ids))
        #expect(manifest.entries.map { EntryID($0.id) } == ids && manifest.gone.isEmpty)
        #expect(bench.journal.bodyReads.map(\.limit) == [256, 256, 88])
        #expect(
            bench.journal.bodyReads.map(\.after) == [0, 256, 512].map { JournalID(rawValue: ids[$0].rawValue - 1) })
    }

    @Test func pagesMayEndAtAnyByte() async throws {
        let bench = try QueueBench()
        let ids = try (0..<5).map { try bench.journal.append("A\($0)").entry }
        bench.journal.script.withLock { $0.byteLimit = 1 }
        let manifest = try #require(await bench.compose(ids))
        #expect(manifest.entries.map { EntryID($0.id) } == ids && manifest.gone.isEmpty)
        #expect(bench.journal.bodyReads.map(\.limit) == [5, 4, 3, 2, 1])
    }

    @Test(arguments: [[0], [1, 2], [4], [0, 2, 4], [0, 1, 2, 3, 4]], [1, Int.max])
    func settledNotificationsAreGone(gone: [Int], byteLimit: Int) async throws {
        let bench = try QueueBench()
        let all = try (0..<5).map { try bench.journal.append("A\($0)") }
        try bench.journal.append("not in the batch")
        for index in gone { bench.journal.remove(all[index]) }
        bench.journal.script.withLock { $0.byteLimit = byteLimit }
        let manifest = try #require(await bench.compose(all.map(\.entry)))
        #expect(manifest.gone == gone.map { all[$0].entry })
        #expect(manifest.entries == all.indices.filter { !gone.contains($0) }.map { DeliveryBatch.Entry(all[$0]) })
        #expect((manifest.parts == 0) == (gone.count == 5))
    }

    @Test func lastRowsOfTheJournalMayBeGone() async throws {
        let bench = try QueueBench()
        let (first, second) = (try bench.journal.append("A"), try bench.journal.append("B"))
        bench.journal.remove(second)
        #expect(try await bench.compose(first, second).gone == [second.entry])
        bench.journal.remove(first)
        let manifest = try await bench.compose(first, second)
        #expect(manifest.gone == [first.entry, second.entry] && manifest.parts == 0)
        #expect(bench.journal.bodyReads.count == 2, "nothing is read behind the last page")
    }

    @Test func damagedBodiesAreGone() async throws {
        let bench = try QueueBench()
        let all = try (0..<3).map { try bench.journal.append("A\($0)") }
        bench.journal.script.withLock {
            $0.damaged = [all[1].id]
            $0.byteLimit = 1
        }
        let manifest = try #require(await bench.compose(all.map(\.entry)))
        #expect(manifest.gone == [all[1].entry])
        #expect(manifest.entries == [DeliveryBatch.Entry(all[0]), DeliveryBatch.Entry(all[2])])
    }

    @Test func rowsBetweenAreSkipped() async throws {
        let bench = try QueueBench()
        let all = try (0..<3).map { try bench.journal.append("A\($0)") }
        let manifest = try await bench.compose(all[0], all[2])
        #expect(
            manifest.entries == [DeliveryBatch.Entry(all[0]), DeliveryBatch.Entry(all[2])] && manifest.gone.isEmpty)
    }

    @Test(arguments: 0...1) func failedJournalHasNoManifest(pages: Int) async throws {
        let bench = try QueueBench()
        let all = try (0..<3).map { try bench.journal.append("A\($0)") }
        _ = try await bench.compose(all[0])
        bench.journal.script.withLock {
            $0.byteLimit = 1
            $0.bodyReadsLeft = pages
        }
        #expect(await bench.compose(all.map(\.entry)) == nil)
        #expect(try await bench.post().result == .notSent, "the previous batch must not be posted instead")
        #expect(bench.room.requests.isEmpty)
    }

    @Test func hookWithoutRouteHasNoManifest() async throws {
        let bench = try QueueBench()
        let first = try bench.journal.append("A")
        #expect(await bench.compose([first.entry], at: HookID(1)) == nil)
        #expect(bench.journal.bodyReads.isEmpty)
    }

    // MARK: Unreadable bodies

    @Test func unreadableBodyIsReportedBesideGoodOnes() async throws {
        let bench = try QueueBench()
        let good = try bench.journal.append("A")
        let bad = try bench.journal.appendUnreadable()
        let alsoGood = try bench.journal.append("B")
        let manifest = try await bench.compose(good, bad, alsoGood)
        #expect(Array(manifest.unreadable.keys) == [bad.entry])
        #expect(manifest.unreadable[bad.entry]?.isEmpty == false)
        #expect(
            manifest.entries == [DeliveryBatch.Entry(good), DeliveryBatch.Entry(alsoGood)] && manifest.gone.isEmpty)
        #expect(try await bench.show(manifest).first?.text.contains("2 notifications folded") == true)
    }

    @Test func onlyReadableNotificationIsShownInFull() async throws {
        let bench = try QueueBench()
        let bad = try bench.journal.appendUnreadable()
        let good = try bench.journal.append("A")
        let manifest = try await bench.compose(bad, good)
        #expect(manifest.entries == [DeliveryBatch.Entry(good)] && manifest.foldedAlerts == 0)
        let post = try #require(try await bench.show(manifest).first)
        #expect(post.text.contains("A") && !post.text.contains("folded"))
    }

    @Test func unreadableBatchHasNoParts() async throws {
        let bench = try QueueBench()
        let bad = try bench.journal.appendUnreadable()
        let manifest = try await bench.compose(bad)
        #expect(Array(manifest.unreadable.keys) == [bad.entry])
        #expect(manifest.parts == 0 && manifest.entries.isEmpty)
        #expect(try await bench.post().result == .notSent)
    }
}
