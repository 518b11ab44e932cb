import Testing

@testable import Relay

@Suite struct DedupeIndexTests {
    private let key = ShortDedupeKey(bytes: [1, 2, 3])

    private func index(_ window: Duration = .seconds(60), capacity: Int = 100) -> DedupeIndex {
        DedupeIndex(window: window, capacity: capacity)
    }

    private func key(_ number: Int) -> ShortDedupeKey {
        ShortDedupeKey(bytes: withUnsafeBytes(of: number) { Array($0) })
    }

    @Test(arguments: [(0, true), (59, true), (60, false), (3600, false), (-59, true), (-60, false), (-86_400, false)])
    func aKeyIsSeenWithinTheWindowWhicheverWayTheClockGoes(seconds: Int64, isSeen: Bool) {
        var index = index()
        _ = index.remember(key, at: .sample)
        #expect(index.contains(key, at: .sample.advanced(bySeconds: seconds)) == isSeen)
    }

    @Test func aWindowOfZeroRemembersNothing() {
        var index = index(.zero)
        let seen = index.remember(key, at: .sample)
        #expect(seen == nil)
        #expect(!index.contains(key, at: .sample))
    }

    @Test func whatWasNotCommittedIsForgotten() {
        var index = index()
        let kept = index.remember(key(1), at: .sample)
        _ = index.remember(key(2), at: .sample)
        _ = index.remember(key(3), at: .sample)
        index.forgetNewest(2)
        #expect(index.contains(key(1), at: .sample))
        #expect(!index.contains(key(2), at: .sample) && !index.contains(key(3), at: .sample))
        let next = index.remember(key(4), at: .sample)
        #expect(kept?.id == 1 && next?.id == 2)
    }

    @Test func overTheCapacityTheOldestGoes() {
        var index = index(capacity: 3)
        for number in 1...5 {
            _ = index.remember(key(number), at: .sample)
        }
        _ = index.prune(at: .sample)
        #expect(index.count == 3)
        #expect((1...5).map { index.contains(key($0), at: .sample) } == [false, false, true, true, true])
    }

    @Test func aKeySeenAgainAfterTheWindowKeepsItsLaterMark() {
        var index = index()
        _ = index.remember(key, at: .sample)
        let later = Timestamp.sample.advanced(bySeconds: 90)
        _ = index.remember(key, at: later)
        _ = index.prune(at: later)
        #expect(index.count == 1 && index.contains(key, at: later))
    }

    @Test func rowsAreDeletedInRuns() {
        var index = index(capacity: 100_000)
        for number in 0..<10_000 {
            _ = index.remember(key(number), at: .sample)
        }
        var runs = [index.prune(at: .sample)]
        let later = Timestamp.sample.advanced(bySeconds: 61)
        // The same run again until its rows are gone.
        runs.append(index.prune(at: later))
        runs.append(index.prune(at: later))
        index.deletedRows(through: 4096)
        runs.append(index.prune(at: later))
        index.deletedRows(through: 8192)
        runs.append(index.prune(at: later))
        index.deletedRows(through: 10_000)
        runs.append(index.prune(at: later))
        #expect(runs == [nil, 4096, 4096, 8192, 10_000, nil])
    }

    @Test func itIsRebuiltFromRows() {
        let rows = (5...8).map { SeenKey(id: Int64($0), key: key($0), at: .sample) }
        var index = DedupeIndex(window: .seconds(60), capacity: 100, seen: rows, lastID: 8)
        #expect(index.contains(key(5), at: .sample))
        let next = index.remember(key(9), at: .sample)
        #expect(next?.id == 9)
    }
}
