import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

@Suite struct RepeatCountsTests {
    private func key(_ number: UInt8) -> ShortDedupeKey { ShortDedupeKey(bytes: [number]) }

    @Test func unchangedStatesAreCounted() {
        var counts = RepeatCounts()
        let found = [1, 1, 1, 2, 2, 1].map { counts.count(key($0), of: 7, .unknown) }
        #expect(found == [0, 1, 2, 0, 1, 0])
        #expect(counts.count(key(1), of: 8, .unknown) == 0, "another group")
    }

    /// After a restart the first notification can be any repeat.
    @Test func firstNotificationThatIsARepeatIsUnknown() {
        var counts = RepeatCounts()
        #expect([.repetition, .repetition, .news].map { counts.count(key(1), of: 7, $0) } == [nil, nil, nil])
        #expect([.news, .repetition, .repetition].map { counts.count(key(2), of: 7, $0) } == [0, 1, 2])
    }

    /// A member of the cluster sends the same news more than the dedupe window later.
    @Test func lateNewsIsNoRepeat() {
        var counts = RepeatCounts()
        let reasons: [AlertBatch.Reason] = [.news, .repetition, .news, .repetition]
        #expect(reasons.map { counts.count(key(1), of: 7, $0) } == [0, 1, 1, 2])
    }

    @Test func failedTransactionIsReverted() {
        var counts = RepeatCounts()
        _ = counts.count(key(1), of: 7, .unknown)
        counts.commit()
        _ = counts.count(key(1), of: 7, .unknown)
        _ = counts.count(key(2), of: 7, .unknown)
        _ = counts.count(key(1), of: 8, .unknown)
        counts.undo(3)
        #expect(counts.count(key(1), of: 7, .unknown) == 1)
        #expect(counts.count(key(1), of: 8, .unknown) == 0)
    }

    @Test func groupsThatWereNotCountedLatelyAreEvicted() {
        var counts = RepeatCounts(capacity: 4)
        for group in 1...4 as ClosedRange<UInt64> { _ = counts.count(key(1), of: group, .unknown) }
        #expect(counts.count(key(1), of: 5, .unknown) == 0, "the first four are the older half now")
        #expect(counts.count(key(1), of: 1, .unknown) == 1)
        for group in 6...9 as ClosedRange<UInt64> { _ = counts.count(key(1), of: group, .unknown) }
        #expect(counts.count(key(1), of: 1, .unknown) == 2)
        #expect(counts.count(key(1), of: 2, .unknown) == 0)
    }

    @Test func countsAreBounded() {
        var counts = RepeatCounts()
        for _ in 0...Notification.maxRepeats { _ = counts.count(key(1), of: 7, .unknown) }
        #expect(counts.count(key(1), of: 7, .unknown) == Notification.maxRepeats)
    }
}
