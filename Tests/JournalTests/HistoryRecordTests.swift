import TestSupport
import Testing

@testable import Alerts
@testable import Journaling

/// The stored form of history entries.
@Suite struct HistoryRecordTests {
    private func alert(_ name: String, _ fingerprint: String = "00ab54ac52a1a8fc", isFiring: Bool = true)
        -> HistoryEntry.Alert
    {
        HistoryEntry.Alert(name: name, fingerprint: fingerprint, isFiring: isFiring)
    }

    private func entry(_ sequence: Int64, alerts: [HistoryEntry.Alert]) -> HistoryEntry {
        var entry = HistoryEntry(
            id: JournalID(sequence: sequence, destination: .critical), group: UInt64(sequence) &* 0x9E37_79B9_7F4A_7C15,
            isFiring: sequence.isMultiple(of: 2),
            acceptedAt: .at(milliseconds: 1_795_000_000_123 + sequence % 1000 * 37),
            endedAt: .sample, outcome: .delivered)
        entry.alerts = alerts
        return entry
    }

    private func records(_ entries: [HistoryEntry], _ summary: HistoryRecord.Summary) -> [HistoryRecord] {
        var members = HistoryMembers()
        for entry in entries { members.add(entry) }
        return members.chunks.map { HistoryRecord(summary, $0) }
    }

    /// Any texts, numbers and outcomes come back, in the order in which they were added.
    @Test func entriesRoundTrip() throws {
        var random = SeededGenerator(seed: 11)
        for round in 0..<200 {
            var summary = HistoryRecord.Summary(
                try #require(HistoryEntry.Outcome.allCases.randomElement(using: &random)))
            if Bool.random(using: &random) { summary.room = "room \u{1F514} \(round)" }
            summary.isRerouted = Bool.random(using: &random)
            (summary.posts, summary.attempts) = (Int.random(in: 0...3, using: &random), round)
            summary.messageIDs = (0..<Int.random(in: 0...4, using: &random)).map { "message\($0)" }
            if Bool.random(using: &random) { summary.detail = "HTTP 400: \"odd\"\n\(round)" }
            if Bool.random(using: &random) {
                (summary.foldedWith, summary.fold) = (round, JournalID(sequence: 9, destination: .critical))
            }
            let entries = (0..<Int64.random(in: 1...20, using: &random)).map { index in
                let sequence = index * 3 + 5
                var entry = entry(
                    sequence,
                    alerts: (0..<Int.random(in: 0...HistoryEntry.maxAlerts, using: &random)).map { number in
                        let fingerprint = ["00ab54ac52a1a8fc", "ffffffffffffffff", "", "ABC", "é"]
                        return alert(
                            ["A", "Disk Full", ""][number % 3], fingerprint[number % 5],
                            isFiring: Bool.random(using: &random))
                    })
                if Bool.random(using: &random) { entry.omittedAlerts = 1 + round }
                if Bool.random(using: &random) { entry.count = 2 + round }
                entry.outcome = summary.outcome
                (entry.room, entry.isRerouted) = (summary.room, summary.isRerouted)
                (entry.posts, entry.attempts) = (summary.posts, summary.attempts)
                (entry.messageIDs, entry.detail) = (summary.messageIDs, summary.detail)
                (entry.foldedWith, entry.fold) = (summary.foldedWith, summary.fold)
                return entry
            }
            let records = records(entries, summary)
            #expect(records.count == 1 && records[0].decoded(endedAt: .sample) == entries)
        }
    }

    @Test func digestIsDividedIntoRows() {
        let entries = (1...600).map { entry($0, alerts: [alert("A")]) }
        let records = records(entries, HistoryRecord.Summary(.delivered))
        #expect(records.map(\.entries) == [256, 256, 88])
        #expect(records.flatMap { $0.decoded(endedAt: .sample) ?? [] }.map(\.id) == entries.map(\.id))
    }

    /// 30 bytes a notification in a digest: two percent of what its body took.
    @Test func rowsAreSmall() {
        let digest = records((1...256).map { entry($0, alerts: [alert("Alert\($0 % 10)")]) }, .init(.delivered))
        #expect(digest[0].bytes.count < 256 * 30)
        var summary = HistoryRecord.Summary(.delivered)
        (summary.room, summary.posts, summary.attempts) = ("critical", 1, 1)
        summary.messageIDs = ["5fWcq8GrSnkTLQ9ab"]
        let single = records([entry(1 << 40, alerts: [alert("HostOutOfDiskSpace")])], summary)
        #expect(single[0].bytes.count < 100, "\(single[0].bytes.count)")
    }

    /// Memory is bounded for any texts and numbers.
    @Test func textsAreCutAndAlertsCounted() throws {
        let name = String(repeating: "é", count: 5000)
        var members = HistoryMembers()
        for sequence in Int64(1)...3000 {
            let names = (0..<50).map { alert(name + "\(sequence) \($0)", String(repeating: "f", count: 5000)) }
            members.add(entry(sequence, alerts: names))
        }
        #expect(members.chunks.reduce(0) { $0 + HistoryRecord(.init(.delivered), $1).bytes.count } < 3 << 20)
        let first = try #require(members.entry(of: JournalID(sequence: 1, destination: .critical), .expired))
        #expect(first.alerts.count == HistoryEntry.maxAlerts && first.omittedAlerts == 30)
        #expect(first.alerts.allSatisfy { $0.name.utf8.count == 200 && $0.name.allSatisfy { $0 == "é" } })
        let last = try #require(members.entry(of: JournalID(sequence: 3000, destination: .critical), .expired))
        #expect(last.alerts.isEmpty && last.omittedAlerts == 50, "only counted above the limit of all")
        var summary = HistoryRecord.Summary(.deadLetter, detail: name)
        summary.messageIDs = Array(repeating: name, count: 50)
        #expect(records([entry(1, alerts: [])], summary)[0].bytes.count < 1200)
    }

    /// A prefix or a changed byte is refused or read as other values, and never traps.
    @Test func damagedBytesDoNotTrap() {
        var random = SeededGenerator(seed: 3)
        var summary = HistoryRecord.Summary(.replayed, detail: "detail")
        (summary.room, summary.fold, summary.messageIDs) = ("room", .unassigned(.info), ["a", "b"])
        let whole = records((1...3).map { entry($0, alerts: [alert("A"), alert("B", "x")]) }, summary)[0].bytes
        for count in 0..<whole.count {
            #expect(HistoryRecord(entries: 1, bytes: Array(whole.prefix(count))).decoded(endedAt: .sample) == nil)
        }
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0 ... .max, using: &random)
            }
            _ = HistoryRecord(entries: 1, bytes: bytes).decoded(endedAt: .sample)
        }
    }

    @Test func extremeTimesAndIDsRoundTrip() {
        for nanoseconds in [Int64.min, -1, 0, .max] {
            var members = HistoryMembers()
            let time = Timestamp(nanosecondsSince1970: nanoseconds)
            for id in [Int64.min, .max, 0] {
                members.add(
                    id: JournalID(rawValue: id), group: .max, acceptedAt: time, isFiring: true, alerts: [],
                    omitted: .max)
            }
            let decoded = HistoryRecord(.init(.expired), members.chunks[0]).decoded(endedAt: .sample)
            #expect(decoded?.map(\.id.rawValue) == [.min, .max, 0] && decoded?[0].omittedAlerts == .max)
        }
    }
}

extension Timestamp {
    static func at(milliseconds: Int64) -> Timestamp {
        Timestamp(nanosecondsSince1970: milliseconds * 1_000_000)
    }
}
