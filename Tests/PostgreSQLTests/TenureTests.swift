import Alerts
import Dispatch
import Support
import TestSupport
import Testing

@testable import Journaling
@testable import PostgreSQLJournal

/// Settlements, the tenure and permits.
@Suite(.needsPostgreSQL, .timeLimit(.minutes(3)))
struct TenureTests {
    private let test: TestSchema
    private let journal: DatabaseJournal

    init() throws {
        test = try TestSchema(on: SharedServer.get())
        journal = try test.journal()
    }

    private func fill(_ groups: ClosedRange<UInt64> = 1...3) throws -> [JournalID] {
        try journal.append(groups.map { DatabaseSamples.payload($0, state: 1) }).flatMap { $0 ?? [] }.map(\.id)
    }

    private func record(_ text: String, entries: Int = 1) -> HistoryRecord {
        HistoryRecord(entries: entries, bytes: [UInt8](text.utf8))
    }

    private func history() throws -> [String] {
        try journal.history(before: nil, limit: 100, byteLimit: 1 << 20).rows.reversed().map {
            String(decoding: $0.record.bytes, as: UTF8.self)
        }
    }

    @Test func ofFiveOneTakes() throws {
        let seen = try journal.sight()
        let taken = Locked<[JournalTenure]>([])
        let failures = Locked<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 5) { [test] number in
            do {
                if let tenure = try test.journal().take(seen, as: "relay-\(number)") {
                    taken.withLock { $0.append(tenure) }
                }
            } catch { failures.withLock { $0.append("\(error)") } }
        }
        #expect(failures.withLock { $0 }.isEmpty)
        let winner = try #require(taken.withLock { $0 }.first)
        #expect(taken.withLock { $0.count } == 1)
        #expect(try journal.sight().holder == winner.holder)
    }

    @Test func beatGrowsAndOtherCannotTakeOrKeep() throws {
        let tenure = try #require(try journal.seize(as: "a"))
        let seen = try journal.sight()
        #expect(try journal.keep(tenure, pendingBytes: 5))
        #expect(try journal.sight().beat == seen.beat + 1)
        #expect(try journal.take(seen, as: "b") == nil)
        for other in [
            JournalTenure(epoch: tenure.epoch, holder: "b"),
            JournalTenure(epoch: tenure.epoch - 1, holder: "a"),
        ] {
            #expect(try !journal.keep(other) && !journal.release(other))
            #expect(try journal.exchange(under: other) == nil)
        }
        #expect(try journal.release(tenure))
        #expect(try journal.sight().holder == nil && !journal.keep(tenure) && !journal.release(tenure))
    }

    private func begin(_ ids: [JournalID], _ hook: UInt8 = 1, form: UInt8 = 2) -> PostingDraft.Begin {
        PostingDraft.Begin(
            hook: HookKey(bytes: [hook]), entries: ids, through: ids.last ?? JournalID(rawValue: 16), form: form)
    }

    @Test func noPermitAfterATake() throws {
        let ids = try fill()
        let first = try #require(try journal.seize(as: "a"))
        #expect(try journal.exchange(begins: [begin(ids)], under: first) == [true])
        let second = try #require(try test.journal().seize(as: "b"))
        #expect(second.epoch == first.epoch + 1)
        let end = PostingDraft.End(hook: HookKey(bytes: [1]))
        #expect(try journal.exchange(ends: [end], begins: [begin(ids, form: 3)], under: first) == nil)
        let stored = try #require(try journal.hooks()[HookKey(bytes: [1])])
        let post = try #require(stored.unfinished)
        #expect(post.form == 2 && post.through == ids[2] && stored.posts == [post.age] && post.age < .seconds(60))
        #expect(try journal.exchange(begins: [begin(ids, form: 3)], under: second) == [true])
        #expect(try journal.hooks()[HookKey(bytes: [1])]?.unfinished?.form == 3)
    }

    @Test func recordOfAHookHasItsBudget() throws {
        let tenure = try #require(try journal.seize(as: "a"))
        let end = PostingDraft.End(hook: HookKey(bytes: [1]))
        for _ in 0..<5 {
            #expect(try journal.exchange(begins: [begin([])], under: tenure) == [true])
            try test.server.admin(
                """
                UPDATE \(test.schema.name).hook SET posting_since = posting_since - interval '10 seconds',
                    posts = ARRAY(SELECT p - interval '10 seconds' FROM unnest(posts) AS p)
                """)
            #expect(try journal.exchange(ends: [end], under: tenure) == [])
        }
        // Each counts from its end, which is 10 seconds after the one before.
        var hook = try #require(try journal.hooks()[HookKey(bytes: [1])])
        #expect(hook.posts.map { Int($0 / .seconds(1)) } == [20, 10, 0] && hook.unfinished == nil)
        #expect(hook.pauseLeft == nil && hook.failingFor == nil)
        // One that was not sent does not count. A second end changes no post.
        _ = try journal.exchange(begins: [begin([])], under: tenure)
        let unsent = PostingDraft.End(
            hook: HookKey(bytes: [1]), isCounted: false, pause: .seconds(100), failingFor: .seconds(50))
        _ = try journal.exchange(ends: [unsent, unsent], under: tenure)
        hook = try #require(try journal.hooks()[HookKey(bytes: [1])])
        #expect(hook.posts.count == 2 && hook.unfinished == nil)
        let (pause, failing) = (try #require(hook.pauseLeft), try #require(hook.failingFor))
        #expect(pause > .seconds(40) && pause <= .seconds(100) && failing >= .seconds(50) && failing < .seconds(110))
    }

    /// An exchange in progress and a take exclude each other: the take waits, and later exchanges fail.
    @Test func takeWaitsForAnExchangeInProgress() throws {
        let first = try #require(try journal.seize(as: "a"))
        let blocker = try test.server.connect()
        _ = try blocker.query("BEGIN", within: .seconds(10))
        _ = try blocker.query("SELECT epoch FROM \(test.schema.name).lease FOR SHARE", within: .seconds(10))
        let failure = #expect(throws: PostgreSQLFailure.self) { try test.journal().seize(as: "b") }
        #expect(failure?.reason == .busy)
        #expect(try journal.exchange(under: first) == [])
        _ = try blocker.query("COMMIT", within: .seconds(10))
        #expect(try test.journal().seize(as: "b") != nil)
    }

    @Test func postWithASettledNotificationIsRefused() throws {
        let ids = try fill()
        let tenure = try #require(try journal.seize(as: "a"))
        // A frozen owner wakes late and settles.
        _ = try test.journal().append([], settling: [DatabaseSamples.settled(ids[1])])
        let begins = [begin([ids[0], ids[1]], 1), begin([ids[2]], 2), begin([], 3)]
        #expect(try journal.exchange(begins: begins, under: tenure) == [false, true, true])
        #expect(try Set(journal.hooks().keys.map(\.bytes)) == [[2], [3]])
        // What the same exchange settles is not pending any more either.
        let last = try journal.exchange([DatabaseSamples.settled(ids[2])], begins: [begins[1]], under: tenure)
        #expect(last == [false])
    }

    @Test func lateDeliveredCountsAndLateDeadDoesNot() throws {
        let ids = try fill()
        let first = try #require(try journal.seize(as: "a"))
        _ = try test.journal().seize(as: "b")
        let settlements = [
            DatabaseSamples.settled(ids[0]), DatabaseSamples.settled(ids[1], DatabaseSamples.dead),
            DatabaseSamples.settled(ids[2], .expired),
        ]
        #expect(try journal.exchange(settlements, under: first) == nil)
        #expect(try journal.pendingIDs() == [ids[1]])
        #expect(try journal.deadLetters(after: nil, limit: 9).isEmpty)
        let third = try #require(try journal.seize(as: "a"))
        #expect(try journal.exchange([settlements[1]], under: third) == [])
        #expect(try journal.pendingIDs().isEmpty && journal.deadLetters(after: nil, limit: 9).map(\.id) == [ids[1]])
    }

    @Test func appendWritesRowsOfComponentsAndHistory() throws {
        let rows = [HookRow(key: [1], value: []), HookRow(key: [2], value: [2]), HookRow(key: [1], value: [3])]
        _ = try journal.append([], window: .zero, components: rows, noting: [record("a"), record("b")], at: .sample)
        #expect(try journal.components() == [rows[2], rows[1]] && history() == ["a", "b"])
    }

    @Test func historyIsWrittenOnceWithItsSettlement() throws {
        let ids = try fill(1...4)
        let settlements = [
            DatabaseSamples.settled(ids[0], .delivered, isContinued: true),
            DatabaseSamples.settled(ids[1], .delivered, record("first two", entries: 2)),
            DatabaseSamples.settled(ids[2], .delivered, record("third")),
        ]
        _ = try journal.append([], settling: settlements)
        #expect(try history() == ["first two", "third"])
        // Settled already, except the last one, which a settled one precedes in the same record.
        _ = try journal.append(
            [],
            settling: settlements + [
                DatabaseSamples.settled(ids[0], .delivered, isContinued: true),
                DatabaseSamples.settled(ids[3], .expired, record("fourth")),
            ])
        #expect(try history() == ["first two", "third", "fourth"])
        try journal.note([record("duplicates")], at: .sample)
        let page = try journal.history(before: nil, limit: 2, byteLimit: 1 << 20)
        #expect(page.rows.map(\.record.entries) == [1, 1] && page.rows.allSatisfy { $0.at == .sample })
        let rest = try journal.history(before: page.cursor, limit: 9, byteLimit: 1)
        #expect(rest.rows.map(\.record) == [record("third")])
        try journal.prune(
            stateAge: .seconds(60), HistoryLimits(maxAge: .seconds(10), maxEntries: 2), at: .sample)
        #expect(try history() == ["fourth", "duplicates"])
        try journal.prune(
            stateAge: .seconds(60), HistoryLimits(maxAge: .seconds(10), maxEntries: 2),
            at: .sample.advanced(bySeconds: 20))
        #expect(try history().isEmpty)
    }

    @Test func deadLettersAreReadReplayedAndDropped() throws {
        let ids = try fill()
        let tenure = try #require(try journal.seize(as: "a"))
        let dead = ids.map { DatabaseSamples.settled($0, DatabaseSamples.dead) }
        #expect(
            try journal.exchange(dead, at: .sample.advanced(bySeconds: 9), under: tenure) == [])
        let letters = try journal.deadLetters(after: ids[0], limit: 9)
        #expect(letters.map(\.id) == Array(ids[1...]))
        let letter = try #require(letters.first)
        #expect(letter.reason.rawValue == "clientError" && letter.attempts == 3 && letter.answer == "no!")
        #expect(letter.diedAt == .sample.advanced(bySeconds: 9) && letter.size == 3 && letter.acceptedAt == .sample)
        let content = try #require(try journal.deadLetter(ids[0]))
        #expect(content.isIntact && content.body == [UInt8]("1 1".utf8))
        let note = HistoryNote(records: [ids[0]: record("replayed"), ids[1]: record("dropped")], at: .sample)
        let replayed = try journal.replay(
            [ids[0], ids[0], JournalID(rawValue: 16)], isForced: false, history: note, at: .sample)
        let newID = try #require(replayed[ids[0]])
        #expect(replayed.count == 1 && newID > ids[2])
        let found = try journal.pending(.critical, after: nil, limit: 9, byteLimit: 1 << 20).window.notifications
        #expect(found.map(\.id) == [newID] && found[0].notification.isReplayed)
        #expect(try journal.drop([ids[1], ids[1], ids[0]], history: note, at: .sample) == 1)
        #expect(try journal.deadLetters(after: nil, limit: 9).map(\.id) == [ids[2]])
        #expect(try history() == ["replayed", "dropped"])
    }

    @Test func receiversKeepTheirNumbers() throws {
        #expect(try journal.register(["b", "a", "b"]) == [.init(rawValue: 1): "b", .init(rawValue: 2): "a"])
        #expect(try test.journal().register(["c"])[.init(rawValue: 3)] == "c")
        #expect(try journal.register([]).count == 3)
        let names = (0..<300).map { "receiver \($0)" }
        #expect(try journal.register(names).count == 255)
    }
}
