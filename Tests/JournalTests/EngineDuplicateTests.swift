import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

/// Requirements for every engine on duplicates and repeats.
@Suite(.timeLimit(.minutes(1))) struct EngineDuplicateTests {
    /// Any sequence of payloads, drafts and pauses has the results of the rule.
    @Test(arguments: EngineKind.allCases, [1, 2, 3])
    func resultsFollowTheRule(kind: EngineKind, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let medium = try kind.medium()
        let engine = try medium.open(window: .seconds(60))
        var states: [UInt64: GroupState] = [:]
        var stored: [Alerts.Notification] = []
        for _ in 0..<60 {
            try medium.pass(.seconds(Int.random(in: 0...40, using: &random)))
            let payloads = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                let reasons: [AlertBatch.Reason] = [.unknown, .news, .repetition]
                return JournalSamples.payload(
                    Int.random(in: 1...2, using: &random), group: UInt64.random(in: 0...2, using: &random),
                    reasons.randomElement(using: &random) ?? .unknown, [.critical])
            }
            let results = try engine.commit(JournalDraft(payloads: payloads, at: medium.now))
            for (payload, result) in zip(payloads, results) {
                let group = payload.notifications[0].group
                let next = GroupState.after(
                    states[group], payload.key, payload.reason, at: medium.now, window: .seconds(60))
                #expect((result == .duplicate) == (next == nil))
                guard let next else { continue }
                states[group] = next
                #expect(result.stored.map(\.notification.repeats) == [next.repeats])
                stored += result.stored.map(\.notification)
            }
        }
        #expect(try engine.all(.critical).map(\.notification) == stored, "the counts are stored, too")
        #expect(stored.count > 20 && stored.contains { ($0.repeats ?? 0) > 0 } && stored.contains { $0.repeats == nil })
    }

    /// A state that is not the last one of its group is news: otherwise the room would keep a wrong last word.
    @Test(arguments: EngineKind.allCases)
    func onlyTheLastStateOfTheGroupCounts(kind: EngineKind) throws {
        let engine = try kind.medium().open()
        let results = try [1, 2, 1, 1].map { try engine.append(JournalSamples.payload($0))[0] == .duplicate }
        #expect(results == [false, false, false, true])
        #expect(try engine.append(JournalSamples.payload(1, group: 8))[0] != .duplicate)
    }

    @Test(arguments: EngineKind.allCases)
    func withoutAWindowNothingIsADuplicateAndRepeatsAreUnknown(kind: EngineKind) throws {
        let engine = try kind.medium().open(window: .zero)
        let results = try engine.append(JournalSamples.payload(1), JournalSamples.payload(1))
        #expect(results.flatMap(\.stored).map(\.notification.repeats) == [nil, nil])
    }

    /// The process ends between the commit and the answer, or the answer is lost. The retry is a duplicate.
    @Test(arguments: EngineKind.allCases)
    func aRetryAfterAnUnknownOutcomeIsADuplicate(kind: EngineKind) throws {
        let medium = try kind.medium()
        let first = try medium.open()
        if medium.isShared {
            try medium.loseNextAnswer()
            #expect(throws: JournalStoreError.self) { try first.append(JournalSamples.payload(1)) }
        } else {
            _ = try first.append(JournalSamples.payload(1))
        }
        first.closeWithoutFlush()
        let second = try medium.open()
        #expect(try second.append(JournalSamples.payload(1)) == [.duplicate])
        #expect(try second.all(.warning).count == 1)
        try medium.pass(.seconds(60))
        #expect(try second.append(JournalSamples.payload(1), at: medium.now)[0] != .duplicate)
    }

    /// A payload that was refused is no duplicate later.
    @Test(arguments: EngineKind.shared)
    func aRefusedPayloadIsNotRemembered(kind: EngineKind) throws {
        let medium = try kind.medium()
        let engine = try medium.open()
        try medium.fail(.readOnly)
        #expect(throws: JournalStoreError.unavailable(.readOnly)) { try engine.append(JournalSamples.payload(1)) }
        try medium.fail(nil)
        #expect(try engine.append(JournalSamples.payload(1))[0].stored.count == 1)
    }

    @Test(arguments: EngineKind.shared)
    func enginesAtOnceShareDuplicatesAndCounts(kind: EngineKind) throws {
        let medium = try kind.medium()
        let engines = try (0..<3).map { _ in try medium.open() }
        for round in 0..<4 {
            let results = try engines.map { try $0.append(JournalSamples.payload(1), at: medium.now)[0] }
            #expect(results.map { $0 == .duplicate } == [false, true, true])
            #expect(results[0].stored.map(\.notification.repeats) == [round])
            try medium.pass(.seconds(61))
        }
        let ids = try engines.map { try $0.append(JournalSamples.payload($0 === engines[0] ? 2 : 3))[0] }
        #expect(ids[2] == .duplicate && ids[0].stored[0].id < ids[1].stored[0].id)
    }
}
