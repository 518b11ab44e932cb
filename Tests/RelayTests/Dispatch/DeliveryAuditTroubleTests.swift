@testable import DeliveryCore
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay

/// Dead letters, broken hooks and follow-ups.
@Suite struct DeliveryAuditTroubleTests {
    private let id = JournalID(sequence: 5, destination: .warning)
    private var entry: EntryID { EntryID(id) }

    // MARK: Settlements

    @Test func plainSettlementsPassThrough() throws {
        let bench = try AuditBench()
        #expect(bench.audit.settlement(.delivered, of: entry, in: bench.warnings) == .delivered)
        #expect(bench.audit.settlement(.expired, of: entry, in: bench.warnings) == .expired)
    }

    @Test func refusedNotificationKeepsTheLastAnswer() throws {
        var bench = try AuditBench()
        bench.post(.unknown(.clientError, maybeDelivered: false, detail: "HTTP 400: no"), number: 6)
        _ = bench.log.drainLines()
        #expect(
            bench.audit.settlement(.dead(.refused), of: entry, in: bench.warnings)
                == .dead(reason: .refused, attempts: 6, answer: "HTTP 400: no"))
        #expect(
            bench.audit.settlement(.dead(.refused), of: entry, in: bench.receivers)
                == .dead(reason: .refused, attempts: 0, answer: nil), "nothing is known of another queue")
        bench.note(.deadLettered(bench.warnings, entry, .refused, asked: [bench.own, bench.fallback]))
        #expect(
            bench.counted(without: "relay_delivery", "relay_notifications_failed") == [
                #"relay_notifications_dead_total{severity="warning",reason="refused"} 1"#
            ])
        #expect(
            bench.log.lines == [
                "error dead letter: every room refuses the notification attempts=6 detail=HTTP 400: no "
                    + "id=\(id) rooms=warning,fallback severity=warning"
            ])
    }

    @Test func unreadableNotificationKeepsTheParserError() throws {
        var bench = try AuditBench()
        bench.audit.note(try .of { $0.unreadable = [entry: "no object"] }, of: bench.receivers)
        bench.post(.unknown(.clientError, maybeDelivered: false, detail: "HTTP 400"), number: 6, of: bench.receivers)
        _ = bench.log.drainLines()
        #expect(
            bench.audit.settlement(.dead(.unreadable), of: entry, in: bench.receivers)
                == .dead(reason: .unreadable, attempts: 0, answer: "no object"))
        bench.note(.deadLettered(bench.receivers, entry, .unreadable, asked: []))
        #expect(
            bench.counted(without: "relay_delivery", "relay_notifications_failed") == [
                #"relay_notifications_dead_total{severity="warning",reason="unreadable",receiver="database"} 1"#
            ])
        #expect(
            bench.log.lines == [
                "error dead letter: the notification cannot be read attempts=0 detail=no object id=\(id) "
                    + "receiver=database rooms= severity=warning"
            ])
    }

    @Test func crashingNotificationStatesItsCrashes() throws {
        var bench = try AuditBench(crashGuard: .after([(id, 4, 2)]))
        let answer = "the relay crashed 4 times while handling it"
        #expect(
            bench.audit.settlement(.dead(.crashed), of: entry, in: bench.warnings)
                == .dead(reason: .crash, attempts: 0, answer: answer))
        bench.note(.deadLettered(bench.warnings, entry, .crashed, asked: []))
        #expect(bench.counted() == [#"relay_notifications_dead_total{severity="warning",reason="crash"} 1"#])
        #expect(
            bench.log.lines == [
                "error dead letter: the process crashed while handling the notification attempts=0 detail=\(answer) "
                    + "id=\(id) rooms= severity=warning"
            ])
    }

    // MARK: Rooms and hooks

    @Test func refusalsAreLogged() throws {
        var bench = try AuditBench()
        bench.note(.rejected(bench.receivers, bench.receiversHook, entry))
        bench.post(.unknown(.clientError, maybeDelivered: false, detail: "HTTP 400"))
        _ = bench.log.lines
        bench.note(.rejected(bench.warnings, bench.own, entry))
        bench.note(.bisecting(bench.warnings, bench.fallback, entries: 12))
        let lines = bench.log.lines.filter { !$0.contains("attempt failed") }
        #expect(
            lines == [
                "warning room refuses a notification in every form detail= id=\(id) receiver=database room=database "
                    + "severity=warning",
                "warning room refuses a notification in every form detail=HTTP 400 id=\(id) room=warning "
                    + "severity=warning",
                "warning room refuses a digest, splitting it "
                    + "notifications=12 room=fallback severity=warning",
            ])
    }

    @Test func routesAndHealthAreLogged() throws {
        var bench = try AuditBench()
        bench.note(.failedOver(bench.warnings, to: bench.fallback))
        bench.note(.failedBack(bench.warnings, to: bench.own))
        bench.note(.hookWorks(bench.own))
        bench.note(.hookThrottled(bench.own))
        bench.note(.hookFailing(bench.fallback))
        bench.note(.hookBroken(bench.receiversHook))
        let url = AuditBench.url
        #expect(
            bench.log.lines == [
                "error rerouted: the hook does not work severity=warning to=fallback",
                "notice returned to its own room: the hook works again severity=warning to=warning",
                "notice hook recovered hook=\(url)warningID/…",
                "debug hook throttled hook=\(url)warningID/…",
                "warning hook failing hook=\(url)fallbackID/…",
                "error hook broken, needs manual repair hook=\(url)databaseID/…",
            ])
        #expect(bench.counted().isEmpty)
    }

    @Test func roomWithoutRouteHasTheNameOfItsHook() throws {
        var bench = try AuditBench()
        bench.note(.bisecting(bench.warnings, bench.receiversHook, entries: 2))
        #expect(bench.log.lines[0].contains("room=\(AuditBench.url)databaseID/…"))
    }

    // MARK: Follow-ups

    private func followUp(_ queue: QueueID, group: UInt64 = 1) -> FollowUp {
        FollowUp(queue: queue, group: group, id: EntryID(JournalID(sequence: 5, destination: .warning)))
    }

    @Test func subjectOutlivesItsBatch() throws {
        var bench = try AuditBench()
        let followUp = followUp(bench.warnings)
        bench.audit.note(try .of(id) { $0.resolved = [entry: "DiskFull"] }, of: bench.warnings)
        bench.note(.followUpWaits(bench.own, followUp))
        bench.audit.note(try .of(id), of: bench.warnings)
        let unknown = [self.followUp(bench.warnings, group: 2), self.followUp(bench.receivers)]
        #expect(bench.audit.subjects(of: [followUp] + unknown, at: bench.own) == ["DiskFull"])
        #expect(bench.log.lines.isEmpty)
        bench.note(.followedUp(bench.own, [followUp, unknown[0]]))
        #expect(bench.audit.subjects(of: [followUp], at: bench.own).isEmpty)
        #expect(
            bench.log.lines == [
                "info resolve follow-up delivered groups=2 hook=\(AuditBench.url)warningID/…"
            ])
    }

    /// Two rooms may still show the group as firing.
    @Test func eachRoomHasItsSubjects() throws {
        var bench = try AuditBench()
        let followUp = followUp(bench.warnings)
        bench.audit.note(try .of(id) { $0.resolved = [entry: "DiskFull"] }, of: bench.warnings)
        bench.note(.followUpWaits(bench.own, followUp))
        bench.note(.followUpWaits(bench.fallback, followUp))
        bench.note(.followedUp(bench.own, [followUp]))
        #expect(bench.audit.subjects(of: [followUp], at: bench.fallback) == ["DiskFull"])
    }

    @Test func droppedFollowUpIsLogged() throws {
        var bench = try AuditBench()
        let followUp = followUp(bench.warnings)
        bench.audit.note(try .of(id) { $0.resolved = [entry: "DiskFull"] }, of: bench.warnings)
        bench.note(.followUpWaits(bench.own, followUp))
        bench.note(.followUpDropped(bench.own, followUp))
        #expect(bench.audit.subjects(of: [followUp], at: bench.own).isEmpty)
        #expect(
            bench.log.lines == [
                "warning resolve follow-up dropped hook=\(AuditBench.url)warningID/… id=\(id)"
            ])
    }

    @Test func subjectsAreBounded() throws {
        var bench = try AuditBench()
        bench.audit.note(try .of(id) { $0.resolved = [entry: "DiskFull"] }, of: bench.warnings)
        let followUps = (0..<4_097).map { followUp(bench.warnings, group: UInt64($0)) }
        for followUp in followUps.dropLast() { bench.note(.followUpWaits(bench.own, followUp)) }
        #expect(bench.audit.subjects(of: followUps, at: bench.own).count == 4_096)
        bench.note(.followUpWaits(bench.own, followUps[4_096]))
        #expect(bench.audit.subjects(of: followUps, at: bench.own).count == 1)
    }
}
