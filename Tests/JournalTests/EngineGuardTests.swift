import Dispatch
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

/// Checkers for what the protections of a shared engine prevent. Each passes with its guard, and fails without it: a
/// checker that cannot fail proves nothing.
@Suite(.timeLimit(.minutes(1))) struct EngineGuardTests {
    private typealias Guards = MemoryDatabase.Guards

    private static func database(without guardPath: WritableKeyPath<Guards, Bool>? = nil) -> MemoryDatabase {
        let database = MemoryDatabase()
        if let guardPath { database.control.withLock { $0.guards[keyPath: guardPath] = false } }
        return database
    }

    private static let hook = HookKey(bytes: [1])

    private static func posting(
        ends: Bool = false, _ ids: [JournalID] = [], settled: [JournalID] = []
    ) -> PostingDraft {
        let through = ids.last ?? JournalID(sequence: 1, destination: .warning)
        return PostingDraft(
            ends: ends ? [.init(hook: hook)] : [], settlements: settled.map { .init(id: $0, settlement: .delivered) },
            begins: [.init(hook: hook, entries: ids, through: through, form: 0)], postsKept: 10, at: .sample)
    }

    // MARK: Append lock

    /// Another replica commits between the numbering and the appearance of a commit's rows. Returns the rows that a
    /// reader with a cursor misses.
    private func missedByACursor(_ database: MemoryDatabase) throws -> [JournalID] {
        let (first, reader) = (MemoryEngine(database), MemoryEngine(database))
        let read = Locked<[JournalID]>([])
        database.control.withLock { control in
            control.lockTimeout = .milliseconds(1)
            control.beforeAppearing = {
                let second = MemoryEngine(database)
                _ = try? second.append(JournalSamples.payload(2, group: 2))
                let page = try? second.rows(.warning, after: nil, limit: 9, at: .sample).rows
                read.withLock { $0 = page?.rows.map(\.id) ?? [] }
            }
        }
        _ = try first.append(JournalSamples.payload(1, group: 1))
        // The sender tries again.
        _ = try first.append(JournalSamples.payload(2, group: 2))
        var seen = read.withLock { $0 }
        seen += try reader.rows(.warning, after: seen.last, limit: 9, at: .sample).rows.rows.map(\.id)
        return try reader.all(.warning).map(\.id).filter { !seen.contains($0) }
    }

    @Test func withTheAppendLockACursorMissesNothing() throws {
        #expect(try missedByACursor(Self.database()).isEmpty)
        #expect(try missedByACursor(Self.database(without: \.appendLock)).count == 1)
    }

    /// Four writers and a reader at once, on threads.
    @Test func aCursorBesideFourWritersMissesNothing() throws {
        let database = Self.database()
        let isDone = Locked(0)
        let group = DispatchGroup()
        for writer in 0..<4 {
            DispatchQueue.global().async(group: group) {
                let engine = MemoryEngine(database)
                for number in 0..<50 {
                    _ = try? engine.append(JournalSamples.payload(number, group: UInt64(writer)))
                }
                isDone.withLock { $0 += 1 }
            }
        }
        let reader = MemoryEngine(database)
        var (seen, isLastRound) = ([JournalID](), false)
        while !isLastRound {
            isLastRound = isDone.withLock { $0 == 4 }
            seen += try reader.rows(.warning, after: seen.last, limit: 1000, at: .sample).rows.rows.map(\.id)
        }
        group.wait()
        #expect(seen.count == 200 && seen == seen.sorted())
    }

    // MARK: Fence

    /// A holder is frozen before its exchange. Returns how many replicas may post to the hook at once.
    private func permitsAfterATake(_ database: MemoryDatabase) throws -> Int {
        let engines = [MemoryEngine(database), MemoryEngine(database)]
        var permits = 0
        var tenures: [JournalTenure] = []
        for (index, engine) in engines.enumerated() {
            tenures.append(try #require(try engine.take(engine.sight(), as: "\(index)")))
        }
        for (engine, tenure) in zip(engines, tenures)
        where try engine.exchange(Self.posting(), under: tenure) == .permitted([Self.hook]) {
            permits += 1
        }
        return permits
    }

    @Test func withTheFenceOnlyOneReplicaPosts() throws {
        #expect(try permitsAfterATake(Self.database()) == 1)
        #expect(try permitsAfterATake(Self.database(without: \.fence)) == 2)
    }

    // MARK: Budget

    /// Fifteen restarts within one window. Each process posts whenever its budget of ten allows. Returns all posts.
    private func postsInOneWindow(_ database: MemoryDatabase) throws -> Int {
        var posts = 0
        for restart in 0..<15 {
            let engine = MemoryEngine(database)
            let tenure = try #require(try engine.take(engine.sight(), as: "\(restart)"))
            var spent = try engine.hooks()[Self.hook]?.posts.count ?? 0
            for _ in 0..<3 where spent < 10 {
                guard try engine.exchange(Self.posting(ends: true), under: tenure) == .permitted([Self.hook]) else {
                    continue
                }
                (posts, spent) = (posts + 1, spent + 1)
            }
            try engine.release(tenure)
        }
        return posts
    }

    @Test func theBudgetOutlivesRestarts() throws {
        #expect(try postsInOneWindow(Self.database()) == 10)
        #expect(try postsInOneWindow(Self.database(without: \.budget)) == 45)
    }

    // MARK: Entries that are settled late

    /// A frozen holder settles an entry after its successor has loaded it. Returns whether the successor posts it again.
    private func isPostedAgain(_ database: MemoryDatabase) throws -> Bool {
        let (first, second) = (MemoryEngine(database), MemoryEngine(database))
        let id = try first.append(JournalSamples.payload(1))[0].stored[0].id
        let earlier = try #require(try first.take(first.sight(), as: "a"))
        let tenure = try #require(try second.take(second.sight(), as: "b"))
        let loaded = try second.all(.warning).map(\.id)
        _ = try first.exchange(Self.posting(settled: [id]), under: earlier)
        return try second.exchange(Self.posting(loaded), under: tenure) == .permitted([Self.hook])
    }

    @Test func anEntryThatIsSettledLateIsNotPostedAgain() throws {
        #expect(try !isPostedAgain(Self.database()))
        #expect(try isPostedAgain(Self.database(without: \.pendingEntries)))
    }

    // MARK: Duplicates

    /// The standbys are away, and the sender retries. Then the primary is lost. Returns whether the payload was
    /// acknowledged, and whether it is in the journal.
    private func afterALostPrimary(_ database: MemoryDatabase) throws -> (isAcknowledged: Bool, isStored: Bool) {
        let engines = [MemoryEngine(database), MemoryEngine(database)]
        database.control.withLock { $0.areStandbysAway = true }
        let answers = engines.map { try? $0.append(JournalSamples.payload(1)) }
        database.failOver()
        return (answers.contains { $0 != nil }, try !engines[0].all(.warning).isEmpty)
    }

    @Test func anAcknowledgedDuplicateIsOnAStandby() throws {
        let kept = try afterALostPrimary(Self.database())
        #expect(!kept.isAcknowledged)
        let lost = try afterALostPrimary(Self.database(without: \.duplicatesWait))
        #expect(lost.isAcknowledged && !lost.isStored)
    }
}
