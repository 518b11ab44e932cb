@testable import DeliveryCore
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay

/// Which records the delivery audit makes for the history.
@Suite struct DeliveryHistoryTests {
    private func ids(_ count: Int64) -> [JournalID] {
        (1...count).map { JournalID(sequence: $0, destination: .warning) }
    }

    private func members(_ ids: [JournalID]) -> HistoryMembers {
        var members = HistoryMembers()
        for id in ids {
            let alert = HistoryEntry.Alert(name: "A\(id.sequence)", fingerprint: "", isFiring: true)
            members.add(id: id, group: 1, acceptedAt: .sample, isFiring: true, alerts: [alert])
        }
        return members
    }

    private func entries(_ groups: [SettledGroup]) -> [HistoryEntry] {
        groups.flatMap { $0.record?.decoded(endedAt: .sample) ?? [] }
    }

    @Test func deliveryHasItsRoomPostsAndMessages() throws {
        var bench = try AuditBench()
        var manifest = try Manifest.of(ids(1)[0])
        manifest.members = members(ids(1))
        bench.audit.note(manifest, of: bench.warnings)
        bench.post(.retry(.timeout, maybeDelivered: false, detail: "timed out"), number: 1)
        bench.audit.note(manifest, of: bench.warnings)
        bench.post(.delivered(DeliveryReceipt(posted: [.init(messageID: "m1")])), number: 2, at: bench.fallback)
        let groups = bench.audit.settled(ids(1).map { EntryID($0) }, as: .delivered, in: bench.warnings, bench.map)
        #expect(groups.map(\.ids) == [ids(1)] && groups[0].settlement == .delivered)
        let entry = try #require(entries(groups).first)
        #expect(entry.outcome == .delivered && entry.room == "fallback" && entry.isRerouted)
        #expect(entry.posts == 1 && entry.attempts == 2 && entry.messageIDs == ["m1"] && entry.detail == nil)
        #expect(entry.alerts.map(\.name) == ["A1"] && entry.foldedWith == 0 && entry.fold == nil)
    }

    @Test func digestHasOneRecordForEachGroup() throws {
        var bench = try AuditBench()
        let ids = ids(600)
        var manifest = Manifest()
        manifest.entries = try ids.map { id in try #require(try Manifest.of(id).entries.first) }
        manifest.members = members(ids)
        bench.audit.note(manifest, of: bench.warnings)
        bench.post(.delivered(DeliveryReceipt()))
        let groups = bench.audit.settled(ids.map { EntryID($0) }, as: .delivered, in: bench.warnings, bench.map)
        #expect(groups.map(\.ids.count) == [256, 256, 88] && groups.flatMap(\.ids) == ids)
        #expect(entries(groups).allSatisfy { $0.foldedWith == 599 && $0.fold == ids[0] && $0.room == "warning" })
        bench.note(.delivered(bench.warnings, bench.own, [], .full))
        let again = bench.audit.settled(ids.map { EntryID($0) }, as: .delivered, in: bench.warnings, bench.map)
        #expect(again.allSatisfy { $0.record == nil } && again.flatMap(\.ids) == ids, "the memory is freed")
    }

    /// Notifications that the message did not have are settled, too.
    @Test func unknownNotificationsAreSettledWithoutARecord() throws {
        var bench = try AuditBench()
        let ids = ids(5)
        var manifest = Manifest()
        manifest.expired = ids[1...2].map { EntryID($0) }
        manifest.expiredMembers = members(Array(ids[1...2]))
        bench.audit.note(manifest, of: bench.warnings)
        let groups = bench.audit.settled(ids.map { EntryID($0) }, as: .expired, in: bench.warnings, bench.map)
        #expect(Set(groups.flatMap(\.ids)) == Set(ids) && groups.flatMap(\.ids).count == 5)
        #expect(entries(groups).map(\.id) == Array(ids[1...2]) && entries(groups)[0].outcome == .expired)
    }

    @Test func refusedDeadLetterHasItsAlertsAndTheResponse() throws {
        var bench = try AuditBench()
        var manifest = try Manifest.of(ids(1)[0])
        manifest.members = members(ids(3))
        bench.audit.note(manifest, of: bench.warnings)
        bench.post(.unknown(.clientError, maybeDelivered: false, detail: "HTTP 400: odd"), number: 3)
        let id = ids(3)[1]
        let groups = bench.audit.settled([EntryID(id)], as: .dead(.refused), in: bench.warnings, bench.map)
        #expect(
            groups.count == 1 && groups[0].settlement == .dead(reason: .refused, attempts: 3, answer: "HTTP 400: odd"))
        let entry = try #require(entries(groups).first)
        #expect(entry.id == id && entry.outcome == .deadLetter && entry.alerts.map(\.name) == ["A2"])
        #expect(entry.detail == "HTTP 400: odd" && entry.attempts == 3 && entry.room == "warning")
        let crashed = bench.audit.settled([EntryID(id)], as: .dead(.crashed), in: bench.warnings, bench.map)
        #expect(crashed[0].record == nil, "the journal makes it")
    }

    @Test func expiredNotificationIsLoggedWithItsAgeAndAlerts() throws {
        var bench = try AuditBench()
        var manifest = Manifest()
        let alert = HistoryEntry.Alert(name: "DiskFull", fingerprint: "", isFiring: true)
        manifest.expiredMembers.add(
            id: ids(1)[0], group: 1, acceptedAt: .now().advanced(bySeconds: -90_000), isFiring: true, alerts: [alert])
        bench.audit.note(manifest, of: bench.warnings)
        bench.note(.expired(bench.warnings, [EntryID(ids(1)[0])]))
        let line = try #require(bench.log.lines.first)
        #expect(line.hasPrefix("notice notification expired age=9000") && line.contains(" alerts=DiskFull "))
    }

    @Test func reroutedDeliveryIsMarkedInTheLog() throws {
        var bench = try AuditBench()
        bench.audit.note(try .of(ids(1)[0]), of: bench.warnings)
        bench.note(.delivered(bench.warnings, bench.fallback, [], .full))
        #expect(bench.log.lines[0].contains(" rerouted=true "))
    }
}
