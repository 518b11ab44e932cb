import TestSupport
import Testing

@testable import Alerts
@testable import Journaling

@Suite struct DedupeIndexTests {
    private let key = ShortDedupeKey(bytes: [1, 2, 3])

    private func index(_ window: Duration = .seconds(60), capacity: Int = 100) -> DedupeIndex {
        DedupeIndex(window: window, capacity: capacity)
    }

    /// Remembers a key in a group of its own.
    private func remember(_ number: Int, in index: inout DedupeIndex, at now: Timestamp = .sample) -> SeenKey? {
        index.remember(key(number), of: UInt64(number), at: now)
    }

    private func isLast(_ number: Int, in index: DedupeIndex) -> Bool {
        index.isDuplicate(key(number), of: UInt64(number), at: .sample)
    }

    private func key(_ number: Int) -> ShortDedupeKey {
        ShortDedupeKey(bytes: withUnsafeBytes(of: number) { Array($0) })
    }

    @Test(arguments: [(0, true), (59, true), (60, false), (3600, false), (-59, true), (-60, false), (-86_400, false)])
    func stateIsLastWithinTheWindowInBothClockDirections(seconds: Int64, isSeen: Bool) {
        var index = index()
        _ = index.remember(key, of: 7, at: .sample)
        #expect(index.isDuplicate(key, of: 7, at: .sample.advanced(bySeconds: seconds)) == isSeen)
    }

    @Test func aWindowOfZeroRemembersNothing() {
        var index = index(.zero)
        let seen = index.remember(key, of: 7, at: .sample)
        #expect(seen == nil)
        #expect(!index.isDuplicate(key, of: 7, at: .sample))
    }

    @Test func uncommittedKeysAreForgotten() {
        var index = index()
        let kept = remember(1, in: &index)
        _ = remember(2, in: &index)
        _ = remember(3, in: &index)
        index.removeNewest(2)
        #expect(isLast(1, in: index))
        #expect(!isLast(2, in: index) && !isLast(3, in: index))
        let next = remember(4, in: &index)
        #expect(kept?.id == 1 && next?.id == 2)
    }

    @Test func oldestKeysAreEvictedBeyondTheCapacity() {
        var index = index(capacity: 3)
        for number in 1...5 {
            _ = remember(number, in: &index)
        }
        _ = index.prune(at: .sample)
        #expect(index.count == 3)
        #expect((1...5).map { isLast($0, in: index) } == [false, false, true, true, true])
    }

    @Test func stateAcceptedAgainAfterTheWindowKeepsItsLaterTime() {
        var index = index()
        _ = index.remember(key, of: 7, at: .sample)
        let later = Timestamp.sample.advanced(bySeconds: 90)
        _ = index.remember(key, of: 7, at: later)
        _ = index.prune(at: later)
        #expect(index.count == 1 && index.isDuplicate(key, of: 7, at: later))
    }

    @Test func rowsAreDeletedInRuns() {
        var index = index(capacity: 100_000)
        for number in 0..<10_000 {
            _ = remember(number, in: &index)
        }
        var runs = [index.prune(at: .sample)]
        let later = Timestamp.sample.advanced(bySeconds: 61)
        // The same run is returned until its rows are deleted.
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

    @Test func indexIsRebuiltFromRows() {
        let rows = (5...8).map { SeenKey(id: Int64($0), group: UInt64($0), key: key($0), at: .sample) }
        var index = DedupeIndex(window: .seconds(60), capacity: 100, seen: rows, lastID: 8)
        #expect(isLast(5, in: index))
        let next = remember(9, in: &index)
        #expect(next?.id == 9)
    }

    @Test func onlyTheLastStateOfAGroupCounts() {
        var index = index()
        for (number, isDuplicate) in [(1, false), (2, false), (1, false), (1, true), (2, false)] {
            #expect(index.isDuplicate(key(number), of: 7, at: .sample) == isDuplicate)
            if !isDuplicate { _ = index.remember(key(number), of: 7, at: .sample) }
        }
        #expect(!index.isDuplicate(key(2), of: 8, at: .sample), "another group")
    }

    @Test func failedCommitRestoresThePreviousState() {
        var index = index()
        _ = index.remember(key(1), of: 7, at: .sample)
        _ = index.remember(key(2), of: 7, at: .sample)
        _ = index.remember(key(3), of: 7, at: .sample)
        index.removeNewest(2)
        #expect(index.isDuplicate(key(1), of: 7, at: .sample))
    }

    @Test func aRowOfAnEarlierVersionFindsNoDuplicateAndIsCounted() {
        let old = key(5).bytes.withUnsafeBytes { SeenKey(id: 5, bytes: $0, at: .sample) }
        #expect(old.group == nil)
        var index = DedupeIndex(window: .seconds(60), capacity: 100, seen: [old], lastID: 5)
        #expect(index.count == 1 && !isLast(5, in: index))
        index.removeNewest(1)
        #expect(index.count == 0)
    }

    @Test func aRowHoldsKeyAndGroup() {
        let seen = SeenKey(id: 3, group: 0x0102_0304_0506_0708, key: key(9), at: .sample)
        #expect(seen.bytes.count == 24)
        #expect(seen.bytes.withUnsafeBytes { SeenKey(id: 3, bytes: $0, at: .sample) } == seen)
    }

    /// Two cluster members send each state of a group in order, one later than the other, and some states twice.
    @Test(arguments: 1...300)
    func lastAcceptedStateIsTheNewest(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var states = [0]
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            states.append(([0, 1, 2].filter { $0 != states.last }).randomElement(using: &random) ?? 0)
        }
        var waiting = (0..<2).map { _ in
            states.flatMap { [Int](repeating: $0, count: Int.random(in: 1...2, using: &random)) }[...]
        }
        var (index, accepted, now) = (index(), [Int](), Timestamp.sample)
        while let member = (0..<2).filter({ !waiting[$0].isEmpty }).randomElement(using: &random) {
            let state = waiting[member].removeFirst()
            now = now.advanced(bySeconds: Int64.random(in: 0...9, using: &random))
            if index.isDuplicate(key(state), of: 7, at: now) { continue }
            _ = index.remember(key(state), of: 7, at: now)
            accepted.append(state)
        }
        #expect(accepted.last == states.last)
    }
}
