import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

/// Requirements for every engine: what is stored, read, settled and replayed. `EngineDuplicateTests` has those on
/// duplicates, `SharedEngineTests` those on engines that share a storage.
@Suite(.timeLimit(.minutes(1))) struct JournalEngineTests {
    @Test(arguments: EngineKind.allCases)
    func aNewJournalIsEmpty(kind: EngineKind) throws {
        let medium = try kind.medium()
        let engine = try medium.engine(window: .seconds(60))
        #expect(try engine.open(at: medium.now) == JournalOpening())
        #expect(engine.pendingCounts.values.allSatisfy { $0 == 0 } && engine.receivers.isEmpty)
        #expect(try engine.oldestPending(.critical) == nil)
        #expect(try engine.pending(.critical, after: nil, limit: 1, byteLimit: 1, at: .sample) == StoredWindow())
        #expect(try engine.commit(JournalDraft(at: .sample)).isEmpty)
        #expect(try engine.inspect() == .ample)
    }

    /// One draft with several payloads: a result for each, in their order, with ascending ids.
    @Test(arguments: EngineKind.allCases)
    func resultsAreInOrderAndRowsComeBackUnchanged(kind: EngineKind) throws {
        let engine = try kind.medium().open()
        let payloads = [
            JournalSamples.payload(1, group: 1, .unknown, [.critical, .info]),
            JournalSamples.payload(2, group: .max, .unknown, [.critical], isResolved: true),
            JournalSamples.payload(3, group: 3, .unknown, []),
            JournalSamples.payload(1, group: 1, .unknown, [.critical, .info]),
            JournalSamples.payload(4, group: 1, .unknown, [.warning]),
        ]
        let results = try engine.commit(JournalDraft(payloads: payloads, at: .sample))
        #expect(results.map(\.stored.count) == [2, 1, 0, 0, 1])
        #expect(results.map { $0 == .duplicate } == [false, false, false, true, false])
        for (payload, result) in zip(payloads, results) where result != .duplicate {
            var expected = payload.notifications
            for index in expected.indices { expected[index].repeats = 0 }
            #expect(result.stored.map(\.notification) == expected)
            #expect(result.stored.allSatisfy { $0.id.destination == $0.notification.destination })
        }
        for destination in Destination.severityRooms {
            let stored = results.flatMap(\.stored).filter { $0.id.destination == destination }
            #expect(try engine.all(destination) == stored && stored.map(\.id) == stored.map(\.id).sorted())
            #expect(engine.pendingCounts[destination] == stored.count)
        }
        #expect(try engine.oldestPending(.info) == .sample)
    }

    @Test(arguments: EngineKind.allCases)
    func bodiesOfAnySizeComeBack(kind: EngineKind) throws {
        let engine = try kind.medium().open(window: .zero)
        let bodies = [0, 1, 8157, 70_000, 3_000_000].enumerated().map { index, size in
            (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) }
        }
        let notifications = bodies.map { Alerts.Notification(severity: .info, group: 0, acceptedAt: .sample, body: $0) }
        let payloads = notifications.map { JournalDraft.Payload(JournalSamples.batch(0, [$0])) }
        _ = try engine.commit(JournalDraft(payloads: payloads, at: .sample))
        #expect(try engine.all(.info).map(\.notification) == notifications)
    }

    /// A process ends by a crash or by closing, and another one continues. What was settled does not come back, and no
    /// id is used twice.
    @Test(arguments: EngineKind.allCases, [false, true])
    func contentOutlivesTheProcess(kind: EngineKind, isClosed: Bool) throws {
        let medium = try kind.medium()
        var kept: [StoredNotification] = []
        var highest: Int64 = 0
        for round in 0..<3 {
            let engine = try medium.engine(window: .seconds(60))
            let opening = try engine.open(at: medium.now)
            #expect(opening.wasClosed == (isClosed || round == 0 || kind.isShared) && opening.degraded == nil)
            #expect(try engine.all(.warning) == kept)
            let results = try engine.append(
                JournalSamples.payload(round * 2), JournalSamples.payload(round * 2 + 1))
            let stored = results.flatMap(\.stored)
            #expect(stored.count == 2 && stored.allSatisfy { $0.id.sequence > highest })
            highest = stored.map(\.id.sequence).max() ?? 0
            try engine.settle([stored[1].id, stored[1].id], as: .delivered)
            kept.append(stored[0])
            if isClosed { try engine.close(at: medium.now) } else { engine.closeWithoutFlush() }
        }
    }

    @Test(arguments: EngineKind.allCases)
    func aPageIsBoundedByCountAndBytes(kind: EngineKind) throws {
        let engine = try kind.medium().open(window: .zero)
        let payloads = (1...10).map { _ in JournalSamples.payload(1, body: "0123456789") }
        let rows = try engine.commit(JournalDraft(payloads: payloads, at: .sample)).flatMap(\.stored)
        let three = try engine.pending(.warning, after: nil, limit: 3, byteLimit: .max, at: .sample)
        #expect(three.notifications == Array(rows[0..<3]) && three.cursor == rows[2].id && !three.isLast)
        let two = try engine.pending(.warning, after: three.cursor, limit: 9, byteLimit: 15, at: .sample)
        #expect(two.notifications == Array(rows[3..<5]) && !two.isLast)
        let rest = try engine.rows(.warning, after: two.cursor, limit: 5, at: .sample)
        #expect(rest.rows.rows == rows[5...].map { PendingRow($0) } && rest.rows.isLast && rest.damaged == 0)
        let some = try engine.rows(.warning, after: two.cursor, limit: 4, at: .sample).rows
        #expect(some.cursor == rows[8].id && !some.isLast)
    }

    @Test(arguments: EngineKind.allCases)
    func deadLettersAreReadReplayedAndDropped(kind: EngineKind) throws {
        let medium = try kind.medium()
        let engine = try medium.open()
        let dead = try engine.append(
            JournalSamples.payload(1, isResolved: true), JournalSamples.payload(2)
        ).flatMap(\.stored)
        let late = try engine.append(JournalSamples.payload(3))[0].stored[0]
        try engine.settle(dead.map(\.id), as: JournalSamples.death, at: .sample.advanced(bySeconds: 9))
        #expect(engine.pendingCounts[.warning] == 1 && engine.deadLetterCounts[.warning] == 2)

        let letters = try engine.deadLetters(after: nil, limit: 10)
        #expect(letters.map(\.id) == dead.map(\.id))
        #expect(letters[0].diedAt == .sample.advanced(bySeconds: 9) && letters[0].size == 6)
        #expect(letters[0].attempts == 3 && letters[0].answer == "no \u{1F4A5}")
        #expect(try engine.deadLetters(after: dead[0].id, limit: 10).map(\.id) == [dead[1].id])
        #expect(try engine.deadLetter(dead[0].id)?.body == dead[0].notification.body)
        #expect(try engine.deadLetter(late.id) == nil)

        let replay = try engine.replay([dead[0].id, late.id])
        #expect(replay.missing == [late.id] && replay.damaged.isEmpty)
        let replayed = try #require(replay.entries.first)
        #expect(replayed.id > late.id && replayed.notification.isReplayed && replayed.notification.isResolved)
        #expect(try engine.all(.warning) == [late, replayed])
        // Its number is not used again.
        #expect(try engine.append(JournalSamples.payload(4))[0].stored[0].id > replayed.id)
        #expect(try engine.drop(dead.map(\.id), history: nil) == 1)
        #expect(try engine.deadLetters(after: nil, limit: 10).isEmpty)
    }

    /// A replay knows what rooms were shown since, also if another process replays.
    @Test(arguments: EngineKind.allCases)
    func aDeadLetterCollectsLaterStates(kind: EngineKind) throws {
        let medium = try kind.medium()
        let first = try medium.open()
        let alert = alertJSON(status: #""resolved""#, labels: #"{"alertname":"A"}"#, fingerprint: #""f""#)
        let body = webhookBody(status: #""resolved""#, alerts: "[\(alert)]")
        let letter = try first.append(JournalSamples.payload(1, body: body))[0].stored[0]
        try first.settle([letter.id], as: JournalSamples.death)
        let later = try first.append(JournalSamples.payload(2, body: body))[0].stored[0]
        try first.settle([later.id], as: .delivered)
        first.closeWithoutFlush()
        let second = try medium.open()
        let replayed = try #require(try second.replay([letter.id]).entries.first)
        let alerts = try WebhookParser().decode(replayed.notification.body).alerts
        #expect(replayed.notification.laterStates.states(of: alerts).compactMap(\.self).count == 1)
        try second.settle([replayed.id], as: JournalSamples.death)
        #expect(try second.replay([replayed.id], isForced: true).entries[0].notification.laterStates.isEmpty)
    }

    @Test(arguments: EngineKind.allCases)
    func rowsOfComponentsAreReplacedAndKept(kind: EngineKind) throws {
        let medium = try kind.medium()
        let first = try medium.open()
        let all = (0...255).map { UInt8($0) }
        let rows = [HookRow(key: [1], value: [1]), HookRow(key: [2], value: all), HookRow(key: [1], value: [2])]
        _ = try first.commit(JournalDraft(hooks: rows, at: .sample))
        first.closeWithoutFlush()
        let found = try medium.engine(window: .zero).open(at: .sample).hooks
        #expect(found.sorted { $0.key.lexicographicallyPrecedes($1.key) } == [rows[2], rows[1]])
    }

    @Test(arguments: EngineKind.allCases)
    func receiversKeepTheirNumbers(kind: EngineKind) throws {
        let medium = try kind.medium()
        let first = try medium.open()
        let known = try first.register(["a", "b"], forgettingOthers: true)
        #expect(known.values.sorted() == ["a", "b"] && first.receivers == known)
        first.closeWithoutFlush()
        let second = try medium.open()
        let others = try second.register(["b", "c"], forgettingOthers: true)
        #expect(others.values.sorted() == (kind.isShared ? ["a", "b", "c"] : ["b", "c"]))
        #expect(others.first { $0.value == "b" }?.key == known.first { $0.value == "b" }?.key)
    }

    /// The history of settled notifications is written by their transaction, once, and read newest first.
    @Test(arguments: EngineKind.allCases)
    func settlementsWriteTheHistory(kind: EngineKind) throws {
        let engine = try kind.medium().open()
        engine.historyLimits = .standard
        let stored = try engine.append(JournalSamples.payload(1), JournalSamples.payload(2)).flatMap(\.stored)
        for notification in stored {
            let record = HistoryRecord(
                .init(.delivered), id: notification.id, group: 7, acceptedAt: .sample, isFiring: true)
            let settled = JournalTransaction.Settled(id: notification.id, settlement: .delivered, history: record)
            for _ in 0..<2 { _ = try engine.commit(JournalDraft(settlements: [settled], at: .sample)) }
        }
        let loose = HistoryRecord(.init(.duplicate), id: stored[0].id, group: 7, acceptedAt: .sample, isFiring: true)
        _ = try engine.commit(JournalDraft(history: [loose], at: .sample))
        let page = try engine.history(before: nil, limit: 10, byteLimit: .max)
        let entries = page.rows.compactMap { $0.record.decoded(endedAt: $0.at) }.joined()
        #expect(entries.map(\.outcome) == [.duplicate, .delivered, .delivered])
        #expect(entries.map(\.id) == [stored[0].id, stored[1].id, stored[0].id])
        #expect(engine.historyUsage.entries == 3)
        let rest = try engine.history(before: page.rows[0].number, limit: 1, byteLimit: .max)
        #expect(rest.rows.map(\.number) == [page.rows[1].number])
    }
}
