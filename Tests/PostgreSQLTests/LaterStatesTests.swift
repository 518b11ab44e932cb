import Alerts
import TestSupport
import Testing

@testable import Journaling
@testable import PostgreSQLJournal

/// What rooms were shown after a dead letter was accepted.
@Suite(.needsPostgreSQL, .timeLimit(.minutes(3)))
struct DatabaseLaterStatesTests {
    private let test: TestSchema
    private let journal: DatabaseJournal
    private let tenure: JournalTenure

    init() throws {
        test = try TestSchema(on: SharedServer.get())
        journal = try test.journal()
        tenure = try #require(try journal.seize(as: "a"))
    }

    private func body(_ status: String) -> String {
        """
        {"version":"4","groupKey":"g","status":"\(status)","receiver":"r","groupLabels":{},"commonLabels":{},\
        "commonAnnotations":{},"externalURL":"","alerts":[{"status":"\(status)","labels":{"alertname":"A"},\
        "annotations":{},"startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-01T01:00:00Z","generatorURL":"",\
        "fingerprint":"0123456789abcdef"}]}
        """
    }

    private func append(_ state: UInt64, _ status: String, group: UInt64 = 7) throws -> JournalID {
        let payload = DatabaseSamples.payload(group, state: state, body: body(status))
        return try #require(try journal.append([payload])[0]?.first?.id)
    }

    private func settle(_ ids: [(JournalID, JournalSettlement)]) throws {
        let settlements = ids.map { DatabaseSamples.settled($0.0, $0.1) }
        #expect(try journal.exchange(settlements, under: tenure) == [])
    }

    private func states(_ id: JournalID) throws -> [LaterStates.State?] {
        let alerts = try WebhookParser().decode([UInt8](body("firing").utf8)).alerts
        return try (journal.laterStates(of: [id])[id] ?? LaterStates()).states(of: alerts)
    }

    private let resolved = LaterStates.State.resolved(at: Timestamp(rfc3339: "2026-01-01T01:00:00Z"))

    @Test(arguments: [false, true])
    func letterKnowsWhatWasShownLater(isMerged: Bool) throws {
        let letter = try append(1, "firing")
        let later = try append(2, "resolved")
        let other = try append(3, "firing", group: 8)
        try settle([(letter, DatabaseSamples.dead), (later, .delivered), (other, .delivered)])
        if isMerged {
            #expect(try journal.mergeShown() == 1)
            #expect(try journal.mergeShown() == 0)
        }
        #expect(try states(letter) == [resolved])
        let new = try #require(try journal.replay([letter], isForced: false, history: nil, at: .sample)[letter])
        #expect(try states(new) == [resolved])
        // An earlier state does not replace it: the replayed one has the place of its letter.
        try settle([(new, DatabaseSamples.dead)])
        #expect(try states(new) == [resolved])
        let last = try append(4, "firing")
        try settle([(last, .delivered)])
        #expect(try states(new) == [.firing])
        let forced = try #require(try journal.replay([new], isForced: true, history: nil, at: .sample)[new])
        #expect(try states(forced) == [nil])
    }

    @Test func orderOfOneSettlementCounts() throws {
        let (first, second) = (try append(1, "resolved"), try append(2, "firing"))
        // The room was shown the second before the first died.
        try settle([(second, .delivered), (first, DatabaseSamples.dead)])
        #expect(try states(first) == [nil])
    }

    @Test func nothingIsKeptWithoutLetters() throws {
        let (letter, later) = (try append(1, "firing"), try append(2, "resolved"))
        try settle([(letter, DatabaseSamples.dead), (later, .delivered)])
        #expect(try journal.drop([letter], history: nil, at: .sample) == 1)
        #expect(try journal.mergeShown() == 1)
        #expect(try test.server.admin("SELECT count(*)::text FROM \(test.schema.name).shown") == "0")
        let next = try append(3, "firing")
        try settle([(next, .delivered)])
        #expect(try test.server.admin("SELECT count(*)::text FROM \(test.schema.name).shown") == "0")
    }
}
