import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

/// Requirements for every engine that replicas share: the tenure, permits, and what others accepted.
@Suite(.timeLimit(.minutes(1))) struct SharedEngineTests {
    private let hook = HookKey(bytes: [UInt8](repeating: 7, count: 32))

    private func take(_ engine: any SharedJournalEngine, as replica: String) throws -> JournalTenure {
        try #require(try engine.take(engine.sight(), as: replica))
    }

    private func begin(_ ids: [JournalID], through: JournalID? = nil, at hook: HookKey? = nil) -> PostingDraft.Begin {
        let last = through ?? ids.last ?? JournalID(sequence: 1, destination: .warning)
        return PostingDraft.Begin(hook: hook ?? self.hook, entries: ids, through: last, form: 2)
    }

    private func settled(_ id: JournalID, _ settlement: JournalSettlement) -> JournalTransaction.Settled {
        JournalTransaction.Settled(id: id, settlement: settlement)
    }

    private func draft(
        ends: [PostingDraft.End] = [], _ settlements: [JournalTransaction.Settled] = [],
        begins: [PostingDraft.Begin] = [], postsKept: Int = 10
    ) -> PostingDraft {
        PostingDraft(ends: ends, settlements: settlements, begins: begins, postsKept: postsKept, at: .sample)
    }

    // MARK: Tenure

    @Test(arguments: EngineKind.shared)
    func ofFiveThatTakeOneWins(kind: EngineKind) throws {
        let medium = try kind.medium()
        var last = TenureSight(epoch: -1, beat: 0, holder: nil)
        for round in 0..<3 {
            let engines = try (0..<5).map { _ in try medium.posting() }
            let sights = try engines.map { try $0.sight() }
            #expect(Set(sights).count == 1 && sights[0].epoch > last.epoch)
            last = sights[0]
            let taken = try zip(engines, sights).enumerated().map { try $1.0.take($1.1, as: "\(round)-\($0)") }
            #expect(taken.compactMap(\.self).map(\.holder) == ["\(round)-0"])
            #expect(try engines[4].sight().holder == "\(round)-0")
        }
    }

    @Test(arguments: EngineKind.shared)
    func aBeatShowsThatTheHolderLives(kind: EngineKind) throws {
        let medium = try kind.medium()
        let (first, second) = (try medium.posting(), try medium.posting())
        let tenure = try take(first, as: "a")
        let seen = try second.sight()
        #expect(try first.keep(tenure))
        #expect(try second.sight().beat > seen.beat)
        #expect(try second.take(seen, as: "b") == nil, "the holder has raised its beat since")
        let next = try take(second, as: "b")
        #expect(next.epoch > tenure.epoch && next.holder == "b")
        #expect(try !first.keep(tenure))
        // A release by an earlier holder changes nothing.
        try first.release(tenure)
        #expect(try second.keep(next))
        try second.release(next)
        #expect(try first.sight().holder == nil)
        #expect(try !second.keep(next))
        // A replica that takes again has another epoch.
        let again = try take(first, as: "a")
        #expect(again.epoch > next.epoch)
        #expect(try !first.keep(tenure))
    }

    // MARK: Permits

    @Test(arguments: EngineKind.shared)
    func noPostIsPermittedAfterATake(kind: EngineKind) throws {
        let medium = try kind.medium()
        let journal = try medium.open()
        let ids = try journal.append(JournalSamples.payload(1), JournalSamples.payload(2)).flatMap(\.stored).map(\.id)
        let (first, second) = (try medium.posting(), try medium.posting())
        let tenure = try take(first, as: "a")
        #expect(try first.exchange(draft(begins: [begin(ids)]), under: tenure) == .permitted([hook]))
        let next = try take(second, as: "b")
        #expect(try first.exchange(draft(begins: [begin(ids)]), under: tenure) == .tenureLost)
        // What a room was shown is delivered, also by a former owner. A late verdict is void.
        let late = [settled(ids[0], .delivered), settled(ids[1], JournalSamples.death)]
        #expect(try first.exchange(draft(ends: [.init(hook: hook)], late), under: tenure) == .tenureLost)
        #expect(try journal.all(.warning).map(\.id) == [ids[1]])
        #expect(try journal.deadLetters(after: nil, limit: 9).isEmpty)
        #expect(try second.hooks()[hook]?.unfinished != nil, "a late end is not recorded")
        #expect(try second.exchange(draft([late[1]]), under: next) == .permitted([]))
        #expect(try journal.deadLetters(after: nil, limit: 9).map(\.id) == [ids[1]])
    }

    /// A holder that was frozen settles late, after its successor has loaded the entry.
    @Test(arguments: EngineKind.shared)
    func onlyPendingEntriesArePosted(kind: EngineKind) throws {
        let medium = try kind.medium()
        let journal = try medium.open()
        let ids = try journal.append(JournalSamples.payload(1), JournalSamples.payload(2)).flatMap(\.stored).map(\.id)
        let (first, second) = (try medium.posting(), try medium.posting())
        let earlier = try take(first, as: "a")
        let tenure = try take(second, as: "b")
        _ = try first.exchange(draft([settled(ids[0], .delivered)]), under: earlier)
        let other = HookKey(bytes: [UInt8](repeating: 9, count: 32))
        let posting = draft(begins: [begin(ids), begin([ids[1]], at: other)])
        #expect(try second.exchange(posting, under: tenure) == .permitted([other]))
        #expect(try second.hooks()[hook] == nil, "a refused post is not recorded")
        // Settlements of the same exchange come first. A follow-up has no entries.
        let last = draft(
            ends: [.init(hook: other)], [settled(ids[1], .delivered)],
            begins: [begin([ids[1]], at: other), begin([], through: ids[1])])
        #expect(try second.exchange(last, under: tenure) == .permitted([hook]))
    }

    @Test(arguments: EngineKind.shared)
    func recordsOfHooksGoToTheNextHolder(kind: EngineKind) throws {
        let medium = try kind.medium()
        let journal = try medium.open()
        let id = try journal.append(JournalSamples.payload(1))[0].stored[0].id
        let (first, second) = (try medium.posting(), try medium.posting())
        let tenure = try take(first, as: "a")
        let start = draft(begins: [begin([id])], postsKept: 3)
        for _ in 0..<4 {
            #expect(try first.exchange(start, under: tenure) == .permitted([hook]))
            try medium.pass(.seconds(2))
            _ = try first.exchange(draft(ends: [.init(hook: hook)]), under: tenure)
            try medium.pass(.seconds(8))
        }
        var record = try #require(try second.hooks()[hook])
        #expect(record.posts.map { Int($0 / .seconds(1)) } == [28, 18, 8], "by their ends, the oldest first")
        #expect(record.unfinished == nil && record.pauseLeft == nil && record.failingFor == nil)

        // A post of which nothing was sent does not count.
        _ = try first.exchange(start, under: tenure)
        let end = PostingDraft.End(hook: hook, isCounted: false, pause: .seconds(30), failingFor: .seconds(100))
        _ = try first.exchange(draft(ends: [end]), under: tenure)
        try medium.pass(.seconds(10))
        record = try #require(try second.hooks()[hook])
        #expect(record.posts.map { Int($0 / .seconds(1)) } == [28, 18])
        #expect(try (19...20).contains(Int(#require(record.pauseLeft) / .seconds(1))))
        #expect(try Int(#require(record.failingFor) / .seconds(1)) == 110)

        _ = try first.exchange(start, under: tenure)
        try medium.pass(.seconds(4))
        _ = try take(second, as: "b")
        record = try #require(try second.hooks()[hook])
        let unfinished = try #require(record.unfinished)
        #expect(unfinished.through == id && unfinished.form == 2 && Int(unfinished.age / .seconds(1)) == 4)
        #expect(record.posts.last.map { Int($0 / .seconds(1)) } == 4, "it counts from its beginning")
        #expect(try first.exchange(start, under: tenure) == .tenureLost)
    }

    /// The answer of an exchange is lost. It is repeated as it was.
    @Test(arguments: EngineKind.shared)
    func anExchangeCanBeRepeated(kind: EngineKind) throws {
        let medium = try kind.medium()
        let journal = try medium.open()
        let ids = try journal.append(JournalSamples.payload(1), JournalSamples.payload(2)).flatMap(\.stored).map(\.id)
        let posting = try medium.posting()
        let tenure = try take(posting, as: "a")
        _ = try posting.exchange(draft(begins: [begin([ids[0]])]), under: tenure)
        let next = draft(ends: [.init(hook: hook)], [settled(ids[0], .delivered)], begins: [begin([ids[1]])])
        try medium.loseNextAnswer()
        #expect(throws: JournalStoreError.self) { try posting.exchange(next, under: tenure) }
        #expect(try posting.exchange(next, under: tenure) == .permitted([hook]))
        #expect(try journal.all(.warning).map(\.id) == [ids[1]])
        let record = try #require(try posting.hooks()[hook])
        #expect(record.unfinished?.through == ids[1] && (2...3).contains(record.posts.count))
    }

    @Test(arguments: EngineKind.shared)
    func settlementsOfAnExchangeWriteTheHistory(kind: EngineKind) throws {
        let medium = try kind.medium()
        let journal = try medium.open()
        let id = try journal.append(JournalSamples.payload(1))[0].stored[0].id
        let posting = try medium.posting()
        let tenure = try take(posting, as: "a")
        var delivered = settled(id, .delivered)
        delivered.history = HistoryRecord(.init(.delivered), id: id, group: 7, acceptedAt: .sample, isFiring: true)
        for _ in 0..<2 { _ = try posting.exchange(draft([delivered]), under: tenure) }
        #expect(try journal.history(before: nil, limit: 9, byteLimit: .max).rows.count == 1)
    }

    // MARK: News of other replicas

    @Test(arguments: EngineKind.shared)
    func theNewestEntriesOfOthersAreSeen(kind: EngineKind) throws {
        let medium = try kind.medium()
        let (journal, posting) = (try medium.open(), try medium.posting())
        #expect(try posting.newest(behind: [:]).isEmpty)
        let first = try journal.append(JournalSamples.payload(1, .unknown, [.critical, .info]))[0].stored.map(\.id)
        #expect(try posting.newest(behind: [:]) == [.critical: first[0], .info: first[1]])
        let known: [Destination: JournalID] = [.critical: first[0], .info: first[1]]
        #expect(try posting.newest(behind: known).isEmpty)
        let second = try journal.append(JournalSamples.payload(2, .unknown, [.info]))[0].stored[0].id
        #expect(try posting.newest(behind: known) == [.info: second])
    }

    // MARK: Outages

    @Test(arguments: EngineKind.shared, UnavailableReason.allCases)
    func callsFailWhileTheDatabaseIsUnavailable(kind: EngineKind, reason: UnavailableReason) throws {
        let medium = try kind.medium()
        let (journal, posting) = (try medium.open(), try medium.posting())
        let tenure = try take(posting, as: "a")
        try medium.fail(reason)
        let expected = JournalStoreError.unavailable(reason)
        #expect(throws: expected) { try journal.append(JournalSamples.payload(1)) }
        #expect(throws: expected) { try journal.inspect() }
        #expect(throws: expected) { try journal.all(.warning) }
        #expect(throws: expected) { try posting.sight() }
        #expect(throws: expected) { try posting.keep(tenure) }
        #expect(throws: expected) { try posting.exchange(draft(begins: [begin([])]), under: tenure) }
        // Opening does not wait for the database.
        _ = try medium.engine(window: .zero).open(at: medium.now)
        try medium.fail(nil)
        #expect(try journal.inspect() == .ample)
        #expect(try posting.keep(tenure), "nobody has taken the tenure")
        #expect(try posting.exchange(draft(begins: [begin([])]), under: tenure) == .permitted([hook]))
    }

    /// After a freeze the retry of the payload may be outside the window.
    @Test(arguments: EngineKind.shared)
    func aDraftIsNotSentAfterItsTime(kind: EngineKind) throws {
        let engine = try kind.medium().open()
        var draft = JournalDraft(payloads: [JournalSamples.payload(1)], at: .sample, sendBefore: .now)
        #expect(throws: JournalStoreError.unavailable(.timedOut)) { try engine.commit(draft) }
        draft.sendBefore = .now.advanced(by: .seconds(60))
        #expect(try engine.commit(draft)[0].stored.count == 1)
    }
}
