import Testing

@testable import Alerts
@testable import Support

@Suite struct LaterStatesTests {
    private static let end = Timestamp(seconds: 1_795_000_300, nanoseconds: 5)

    private func alert(_ name: String, resolvedAt end: Timestamp?) -> Alert {
        Alert(
            status: .resolved, labels: [:], annotations: [:], endsAt: end, generatorURL: "", fingerprint: name)
    }

    private func firing(_ name: String) -> Alert {
        Alert(status: .firing, labels: [:], annotations: [:], generatorURL: "", fingerprint: name)
    }

    private func states(_ states: LaterStates, _ names: String...) -> [LaterStates.State?] {
        states.states(of: names.map(firing))
    }

    @Test func lastStateOfEachAlertCounts() {
        var later = LaterStates()
        #expect(later.isEmpty && states(later, "a") == [nil])
        later.add([firing("a"), alert("b", resolvedAt: Self.end), alert("c", resolvedAt: nil)], at: 5)
        #expect(states(later, "a", "b", "c", "d") == [.firing, .resolved(at: Self.end), .resolved(at: nil), nil])
        later.add([alert("a", resolvedAt: Self.end), firing("b")], at: 6)
        #expect(states(later, "a", "b", "c") == [.resolved(at: Self.end), .firing, .resolved(at: nil)])
    }

    @Test func earlierNotificationReplacesNothing() {
        var later = LaterStates()
        later.add([firing("a")], at: 6)
        later.add([alert("a", resolvedAt: Self.end), alert("b", resolvedAt: Self.end)], at: 5)
        #expect(states(later, "a", "b") == [.firing, .resolved(at: Self.end)])
    }

    @Test func firingCountsIfANotificationHasBothStates() {
        for alerts in [[firing("a"), alert("a", resolvedAt: nil)], [alert("a", resolvedAt: nil), firing("a")]] {
            var later = LaterStates()
            later.add(alerts, at: 1)
            #expect(states(later, "a") == [.firing])
        }
    }

    /// Several alerts without a fingerprint cannot be distinguished.
    @Test func alertWithoutFingerprintIsUnknown() {
        var later = LaterStates()
        later.add([alert("", resolvedAt: Self.end)], at: 1)
        #expect(later.isEmpty && states(later, "") == [nil])
    }

    /// Times before 1677 and after 2262 do not fit into 64 bits.
    @Test(arguments: [-62_135_596_800, 253_402_300_799, 0, -1] as [Int64])
    func anyTimeOfAResolveIsAResolve(seconds: Int64) {
        var later = LaterStates()
        later.add([alert("a", resolvedAt: Timestamp(seconds: seconds, nanoseconds: 0))], at: 1)
        let isFiring = states(later, "a") == [.firing]
        #expect(!isFiring && states(later, "a") != [nil])
    }

    @Test func oldestAlertsAreRemovedBeyondTheLimit() {
        var later = LaterStates()
        later.add([firing("old")], at: 1)
        later.add((0..<LaterStates.limit - 1).map { firing("\($0)") }, at: 2)
        #expect(states(later, "old") == [.firing])
        later.add([firing("new")], at: 3)
        #expect(states(later, "old", "0", "new") == [nil, .firing, .firing])
        #expect(later.bytes.count == 24 * LaterStates.limit)
    }

    @Test func bytesRoundTrip() {
        var later = LaterStates()
        #expect(LaterStates(bytes: []) == later && later.bytes.isEmpty)
        later.add([firing("a"), alert("b", resolvedAt: Self.end), alert("c", resolvedAt: nil)], at: .max - 1)
        #expect(later.bytes.count == 72 && LaterStates(bytes: later.bytes) == later)
        #expect(LaterStates(bytes: Array(later.bytes.dropLast())) == nil)
        #expect(LaterStates(bytes: [UInt8](repeating: 0, count: 24 * (LaterStates.limit + 1))) == nil)
    }
}
