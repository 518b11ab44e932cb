import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import Support

/// The history on the control socket, as text and as JSON.
@Suite struct HistoryServiceTests {
    private func entry(_ change: (inout HistoryEntry) -> Void = { _ in }) -> HistoryEntry {
        var entry = HistoryEntry(
            id: JournalID(sequence: 1, destination: .critical), group: 7, isFiring: true, acceptedAt: .sample,
            endedAt: .sample.advanced(bySeconds: 65), outcome: .delivered)
        entry.alerts = [HistoryEntry.Alert(name: "DiskFull", fingerprint: "00ab54ac52a1a8fc", isFiring: true)]
        (entry.room, entry.posts, entry.attempts) = ("critical", 1, 2)
        change(&entry)
        return entry
    }

    @Test func queriesRoundTrip() throws {
        var query = HistoryQuery()
        #expect(HistoryQuery(wire: query.wire) == query)
        (query.alert, query.room, query.text) = ("Disk Full*", "ops \u{1F514}", " x ")
        (query.since, query.status, query.outcome) = (.sample, .resolved, .deadLetter)
        (query.fold, query.before) = (.unassigned(.info), HistoryCursor("12.3"))
        query.limit = 1000
        #expect(HistoryQuery(wire: query.wire) == query)
        query.alert = "a\nlimit 5"
        #expect(HistoryQuery(wire: query.wire)?.limit == 1000, "a value cannot add a condition")
    }

    @Test(arguments: [
        "limit 0", "limit 1001", "limit x", "limit", "since yesterday", "status odd", "outcome lost", "before 1",
        "before 0.0", "before 1.-1", "fold x", "color red",
    ])
    func malformedQueriesAreRefused(wire: String) {
        #expect(HistoryQuery(wire: wire) == nil)
    }

    @Test func tableFitsATerminal() {
        let long = String(repeating: "VeryLongName", count: 20)
        let entries = [
            entry(), entry { $0.isRerouted = true },
            entry { entry in
                (entry.outcome, entry.detail, entry.room) = (.deadLetter, "HTTP 400: " + long, long)
                entry.alerts[0].name = long
                entry.foldedWith = 19_999
            },
            entry { ($0.outcome, $0.count, $0.room) = (.duplicate, 12, nil) },
            entry { ($0.alerts, $0.isFiring) = ([], false) },
            entry { $0.alerts[0].name = "\u{1B}[2J\u{202E}\nx" },
        ]
        let lines = HistoryText.list(entries, asJSON: false).split(separator: "\n").map(String.init)
        #expect(lines.count == entries.count + 2, "\(lines)")
        #expect(lines.allSatisfy { $0.count <= 80 }, "\(lines)")
        #expect(lines[0].hasPrefix("ENDED (UTC)") && lines[1].contains("  delivered    critical"))
        #expect(lines[1].contains("firing    1m") && lines[1].hasSuffix("DiskFull"))
        #expect(lines[2].contains("rerouted") && lines[3].contains("+19999"))
        #expect(lines[4].hasPrefix("  HTTP 400: Very") && lines[5].contains("x12"))
        #expect(lines[6].contains("(unknown)") && !lines[7].unicodeScalars.contains { $0.value == 0x1B })
        #expect(HistoryText.list([], asJSON: false) == "no entries\n")
        #expect(HistoryText.list([], asJSON: false, isFirstPage: false).isEmpty)
    }

    @Test func jsonHasEveryField() throws {
        let json = HistoryText.list(
            [
                entry {
                    ($0.messageIDs, $0.foldedWith, $0.fold, $0.detail) = (["m1"], 3, $0.id, "odd \"x\"")
                    $0.omittedAlerts = 4
                }
            ], asJSON: true)
        let list = try JSONSerialization.jsonObject(with: Data("[\(json)]".utf8)) as? [[String: Any]]
        let first = try #require(list?.first)
        #expect(first["id"] as? String == "16" && first["fold"] as? String == "16")
        #expect(first["outcome"] as? String == "delivered" && first["status"] as? String == "firing")
        #expect(first["room"] as? String == "critical" && first["rerouted"] as? Bool == false)
        #expect(first["posts"] as? Int == 1 && first["attempts"] as? Int == 2 && first["foldedWith"] as? Int == 3)
        #expect(first["messageIDs"] as? [String] == ["m1"] && first["detail"] as? String == "odd \"x\"")
        #expect(first["omittedAlerts"] as? Int == 4 && first["count"] as? Int == 1)
        let alert = try #require((first["alerts"] as? [[String: String]])?.first)
        #expect(alert == ["name": "DiskFull", "fingerprint": "00ab54ac52a1a8fc", "status": "firing"])
    }

    @Test func serviceAnswersInPages() throws {
        let disk = Locked(MemoryJournalStore.Content())
        let store = MemoryJournalStore(disk: disk)
        _ = try store.open(at: .sample)
        var transaction = JournalTransaction(at: .now())
        transaction.history = (1...5).map { _ in HistoryRecord(entry(), .init(.delivered)) }
        try store.commit(transaction)
        let journal = try Journal<Int>(
            opening: MemoryJournalStore(disk: disk), onFailure: { _ in }, acknowledge: { _ in })
        let service = HistoryService(journal: journal)
        var (query, lines) = (HistoryQuery(), [Int]())
        query.limit = 2
        repeat {
            let reply = try #require(
                service.execute(ControlRequest(service: "history", verb: "list", body: query.wire + "\n")))
            lines.append(reply.output.split(separator: "\n").count)
            query.before = reply.next.flatMap { HistoryCursor($0) }
        } while query.before != nil
        #expect(lines == [3, 2, 1])
        #expect(service.execute(ControlRequest(service: "history", verb: "list", body: "limit 0")) == nil)
        #expect(service.execute(ControlRequest(service: "history", verb: "drop")) == nil)
        journal.close()
        let problems = service.execute(ControlRequest(service: "history", verb: "list"))?.problems
        #expect(problems?.first?.hasPrefix("the spool cannot be used now: ") == true)
    }
}
