import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay

@Suite struct LastResortTests {
    private let origin = Timestamp(seconds: 1_800_000_000, nanoseconds: 0)
    private let limits = LastResort.Limits(after: .seconds(300), interval: .seconds(600))

    private func at(_ seconds: Int, jump: Int = 0) -> LastResort.Reading {
        .init(steady: .seconds(seconds), wall: origin.advanced(by: .seconds(seconds + jump)))
    }

    private func waiting(_ destination: Destination = .critical, since seconds: Int = 0, cutOff: Bool = true)
        -> LastResort.Waiting
    {
        .init(destination: destination, oldest: origin.advanced(by: .seconds(seconds)), isCutOff: cutOff)
    }

    @Test func mailIsSentAfterTheDelayAndThenAtIntervals() {
        var resort = LastResort(limits, at: at(0))
        var mails: [Int] = []
        for second in 0...2_000 {
            let decision = resort.decide([waiting()], accepted: 0, at: at(second))
            if decision == .none { continue }
            #expect(decision == .tellWaiting([.critical]))
            mails.append(second)
            resort.ended(decision, isSent: true, accepted: 0, at: at(second + 2))
        }
        #expect(mails == [300, 902, 1_504])
    }

    @Test func mailTellsAllThatIsCutOff() {
        var resort = LastResort(limits, at: at(0))
        let queues = [waiting(.info, since: 290), waiting(.critical), waiting(.warning, cutOff: false)]
        #expect(resort.decide(queues, accepted: 0, at: at(300)) == .tellWaiting([.critical, .info]))
        #expect(resort.decide(queues, accepted: 0, at: at(900)) == .none, "one mail is under way")
    }

    @Test func workingHookNeedsNoMail() {
        var resort = LastResort(limits, at: at(0))
        for second in [0, 300, 10_000] {
            #expect(resort.decide([waiting(cutOff: false)], accepted: 0, at: at(second)) == .none)
            #expect(resort.decide([], accepted: 0, at: at(second)) == .none)
        }
    }

    @Test func waitBeginsAnewWhenNothingWaited() {
        var resort = LastResort(limits, at: at(0))
        #expect(resort.decide([waiting()], accepted: 0, at: at(299)) == .none)
        #expect(resort.decide([], accepted: 1, at: at(300)) == .none)
        #expect(resort.decide([waiting(since: 301)], accepted: 1, at: at(301)) == .none)
        #expect(resort.decide([waiting(since: 301)], accepted: 1, at: at(600)) == .none)
        #expect(resort.decide([waiting(since: 301)], accepted: 1, at: at(601)) == .tellWaiting([.critical]))
    }

    @Test func recoveryIsToldOnce() {
        var resort = LastResort(limits, at: at(0))
        let first = resort.decide([waiting()], accepted: 5, at: at(300))
        resort.ended(first, isSent: true, accepted: 5, at: at(301))
        #expect(resort.decide([waiting(cutOff: false)], accepted: 5, at: at(400)) == .none, "no message proves it")
        let recovery = resort.decide([waiting(cutOff: false)], accepted: 6, at: at(401))
        #expect(recovery == .tellRecovery)
        resort.ended(recovery, isSent: true, accepted: 6, at: at(402))
        #expect(resort.decide([], accepted: 9, at: at(500)) == .none)
        // A new failure keeps the distance to the mail before.
        #expect(resort.decide([waiting(since: 500)], accepted: 9, at: at(900)) == .none)
        #expect(resort.decide([waiting(since: 500)], accepted: 9, at: at(901)) == .tellWaiting([.critical]))
    }

    @Test func recoveryIsNotToldWhileARoomIsCutOff() {
        var resort = LastResort(limits, at: at(0))
        let first = resort.decide([waiting(), waiting(.info)], accepted: 0, at: at(300))
        resort.ended(first, isSent: true, accepted: 0, at: at(300))
        #expect(resort.decide([waiting(.info)], accepted: 7, at: at(400)) == .none)
        #expect(resort.decide([], accepted: 7, at: at(401)) == .tellRecovery)
    }

    @Test func failedMailIsRepeatedSoonAndOwesNoRecovery() {
        var resort = LastResort(limits, at: at(0))
        let first = resort.decide([waiting()], accepted: 0, at: at(300))
        resort.ended(first, isSent: false, accepted: 0, at: at(300))
        #expect(resort.decide([], accepted: 9, at: at(301)) == .none, "no mail has reported a failure")
        #expect(resort.decide([waiting()], accepted: 9, at: at(359)) == .none)
        let second = resort.decide([waiting()], accepted: 9, at: at(360))
        #expect(second == .tellWaiting([.critical]))
        resort.ended(second, isSent: true, accepted: 9, at: at(360))
        let recovery = resort.decide([], accepted: 10, at: at(370))
        resort.ended(recovery, isSent: false, accepted: 10, at: at(370))
        #expect(resort.decide([], accepted: 10, at: at(429)) == .none)
        #expect(resort.decide([], accepted: 10, at: at(430)) == .tellRecovery)
    }

    // MARK: Restart and clocks

    @Test func restartKeepsTheIntervalAndTheDebt() throws {
        var before = LastResort(limits, at: at(0))
        before.ended(before.decide([waiting()], accepted: 0, at: at(300)), isSent: true, accepted: 0, at: at(300))
        let row = LastResortKeeper.row(before.record)
        let record = LastResortKeeper.record([row])
        #expect(record == before.record && record.isRecoveryOwed)
        // The process starts anew at 400 of the wall clock.
        var resort = LastResort(limits, record: record, at: .init(steady: .zero, wall: at(400).wall))
        let late = { (second: Int) in LastResort.Reading(steady: .seconds(second), wall: at(400 + second).wall) }
        #expect(resort.decide([waiting(cutOff: false)], accepted: 0, at: late(0)) == .none, "hooks are not tried yet")
        #expect(resort.decide([waiting()], accepted: 0, at: late(499)) == .none)
        #expect(resort.decide([waiting()], accepted: 0, at: late(500)) == .tellWaiting([.critical]))
        var recovered = LastResort(limits, record: record, at: late(0))
        #expect(recovered.decide([], accepted: 1, at: late(1)) == .tellRecovery)
    }

    @Test(arguments: [[], [1], [1, 1], [2, 1, 0, 0, 0, 0, 0, 0, 0, 0], [UInt8](repeating: 0xFF, count: 10)])
    func damagedStateIsNone(value: [UInt8]) {
        let rows = [HookRow(key: LastResortKeeper.stateKey, value: value)]
        #expect(LastResortKeeper.record(rows) == LastResort.Record())
    }

    @Test(arguments: [-1, 0, Int64.max]) func anyStoredTimeIsRead(nanoseconds: Int64) {
        let record = LastResort.Record(lastMail: Timestamp(nanosecondsSince1970: nanoseconds), isRecoveryOwed: true)
        var resort = LastResort(limits, record: LastResortKeeper.record([LastResortKeeper.row(record)]), at: at(0))
        #expect(resort.record == record)
        #expect(resort.decide([waiting()], accepted: 0, at: at(600)) == .tellWaiting([.critical]))
    }

    @Test(arguments: [-86_400 * 400, -400, 400, 86_400 * 400]) func jumpOfTheWallClockDelaysNoMail(seconds: Int) {
        var resort = LastResort(limits, at: at(0))
        #expect(resort.decide([waiting()], accepted: 0, at: at(0)) == .none)
        #expect(resort.decide([waiting()], accepted: 0, at: at(300, jump: seconds)) == .tellWaiting([.critical]))
    }
}
