@testable import DeliveryCore
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay

@Suite struct DeliveryAuditTests {
    private let id = JournalID(sequence: 5, destination: .warning)
    private let second = JournalID(sequence: 6, destination: .warning)

    // MARK: Posts

    @Test func postInTheOwnRoomIsCounted() throws {
        var bench = try AuditBench()
        bench.post(.delivered(DeliveryReceipt()))
        #expect(
            bench.counted() == [
                #"relay_messages_sent_total{severity="warning"} 1"#,
                #"relay_delivery_duration_seconds_sum{severity="warning"} 0.25"#,
                #"relay_delivery_duration_seconds_count{severity="warning"} 1"#,
            ])
        #expect(bench.log.lines.isEmpty)
    }

    @Test func postInAnotherRoomIsCountedAsRerouted() throws {
        var bench = try AuditBench()
        bench.post(.delivered(DeliveryReceipt()), at: bench.fallback)
        #expect(
            bench.counted(without: "relay_delivery_duration") == [
                #"relay_messages_sent_total{severity="warning"} 1"#,
                #"relay_messages_rerouted_total{severity="warning"} 1"#,
            ])
    }

    /// A template that fails for every message is logged once.
    @Test func failedTemplateIsCountedPerMessageAndLoggedOnce() throws {
        var bench = try AuditBench()
        for _ in 0..<3 {
            bench.audit.note(
                try .of(id) { $0.faults = [RenderFault(part: "text", reason: "tooLong")] }, of: bench.warnings)
            bench.note(.delivered(bench.warnings, bench.own, [], .full))
        }
        #expect(
            bench.counted().contains(
                #"relay_template_failures_total{severity="warning",part="text",reason="tooLong"} 3"#))
        #expect(
            bench.log.lines.filter { $0.contains("template failed") } == [
                "warning template failed, built-in form used part=text reason=tooLong severity=warning",
                "debug template failed, built-in form used part=text reason=tooLong severity=warning",
                "debug template failed, built-in form used part=text reason=tooLong severity=warning",
            ])
    }

    @Test func failedPostIsCountedByReason() throws {
        var bench = try AuditBench()
        bench.audit.note(try .of(id, second), of: bench.warnings)
        bench.post(.retry(.timeout, maybeDelivered: true, detail: "timed out"), number: 4, at: bench.fallback)
        #expect(
            bench.counted(without: "relay_delivery_duration") == [
                #"relay_notifications_failed_total{severity="warning",reason="timeout"} 1"#,
                #"relay_possible_duplicates_total{severity="warning"} 1"#,
            ])
        #expect(
            bench.log.lines == [
                "warning delivery attempt failed attempt=4 detail=timed out id=\(id) notifications=3 reason=timeout "
                    + "room=fallback severity=warning"
            ])
    }

    @Test func postThatDidNotLeaveIsNotCounted() throws {
        var bench = try AuditBench()
        bench.post(nil)
        #expect(bench.counted().isEmpty && bench.log.lines.isEmpty)
    }

    @Test func receiverIsALabelAndAKey() throws {
        var bench = try AuditBench()
        bench.post(.misconfigured(.authError, detail: "HTTP 401"), at: bench.receiversHook, of: bench.receivers)
        bench.post(.delivered(DeliveryReceipt()), at: bench.receiversHook, of: bench.receivers)
        #expect(
            bench.counted(without: "relay_delivery_duration") == [
                #"relay_notifications_failed_total{severity="warning",reason="authError",receiver="database"} 1"#,
                #"relay_messages_sent_total{severity="warning",receiver="database"} 1"#,
            ])
        #expect(
            bench.counted().contains(
                #"relay_delivery_duration_seconds_count{severity="warning",receiver="database"} 2"#))
        #expect(
            bench.log.lines == [
                "warning delivery attempt failed attempt=1 detail=HTTP 401 id= notifications=3 reason=authError "
                    + "receiver=database room=database severity=warning"
            ])
    }

    @Test func repeatedFailureIsLoggedOnceAboveDebug() throws {
        var bench = try AuditBench()
        func levels() -> [String] { bench.log.drainLines().map { String($0.prefix { $0 != " " }) } }
        let (reset, refused) = (
            DeliveryOutcome.retry(.network, maybeDelivered: false, detail: "reset"),
            DeliveryOutcome.misconfigured(.clientError, detail: "HTTP 404")
        )
        for outcome in [reset, reset, reset, refused, refused, reset] { bench.post(outcome) }
        #expect(levels() == ["warning", "debug", "debug", "warning", "debug", "warning"])
        bench.post(reset, at: bench.receiversHook, of: bench.receivers)
        #expect(levels() == ["warning"], "another queue's first failure")
        bench.post(.delivered(DeliveryReceipt()))
        bench.post(reset)
        #expect(levels() == ["warning"], "a delivery in between resets the level")
        let wait = DeliveryOutcome.rateLimited(wait: .seconds(7))
        for outcome in [wait, wait] { bench.post(outcome) }
        #expect(levels() == ["info", "debug"], "waiting for the budget is no failure")
    }

    // MARK: Deliveries

    @Test func deliveryIsCountedAndLogged() throws {
        var bench = try AuditBench()
        let manifest = try Manifest.of(id, second, acceptedAgo: 7) { manifest in
            manifest.foldedAlerts = 9
            manifest.names = ["DiskFull", "HostDown"]
        }
        bench.audit.note(manifest, of: bench.warnings)
        bench.post(.retry(.timeout, maybeDelivered: false, detail: "timed out"), number: 1)
        bench.audit.note(manifest, of: bench.warnings)
        for _ in 0..<2 { bench.post(.delivered(DeliveryReceipt()), number: 2) }
        _ = bench.log.drainLines()
        bench.note(.delivered(bench.warnings, bench.own, [], .full))
        #expect(
            bench.counted(without: "relay_delivery_duration", "relay_end_to_end_seconds_sum").filter {
                !$0.contains("messages_sent") && !$0.contains("failed")
            } == [
                #"relay_notifications_total{severity="warning"} 2"#,
                #"relay_coalesced_alerts_total{severity="warning"} 9"#,
                #"relay_end_to_end_seconds_count{severity="warning"} 2"#,
            ])
        let line = try #require(bench.log.drainLines().first)
        #expect(
            line == "info delivered alerts=DiskFull, HostDown attempts=2 id=\(second) notifications=2 posts=2 "
                + "room=warning seconds=7 severity=warning")
        #expect(bench.counted().contains { $0.hasPrefix("relay_end_to_end_seconds_sum") && $0.contains(" 14") })

        bench.note(.delivered(bench.warnings, bench.fallback, [], .plain))
        #expect(bench.log.drainLines()[0].contains("attempts=0 "), "the attempts of the next batch are counted anew")
    }

    @Test func furtherNamesAreShownAsAnEllipsis() throws {
        var bench = try AuditBench()
        bench.audit.note(
            try .of(id) {
                $0.names = ["A", "B"]
                $0.hasMoreNames = true
            }, of: bench.warnings)
        bench.note(.delivered(bench.warnings, bench.own, [], .full))
        #expect(bench.log.lines[0].contains("alerts=A, B, … attempts"))
    }

    @Test func noticeIsNoDelivery() throws {
        var bench = try AuditBench()
        bench.note(.delivered(bench.warnings, bench.own, [], .full))
        bench.audit.note(try .of(id), of: bench.warnings)
        bench.note(.delivered(bench.warnings, bench.own, [], .notice))
        #expect(bench.counted().isEmpty && bench.log.lines.isEmpty)
    }

    @Test func vanishedRowsDoNotCountAsExpired() throws {
        var bench = try AuditBench()
        bench.audit.note(try .of(id) { $0.gone = [EntryID(3)] }, of: bench.warnings)
        bench.note(.expired(bench.warnings, [EntryID(2), EntryID(3), EntryID(4)]))
        #expect(bench.counted() == [#"relay_notifications_expired_total{severity="warning"} 2"#])
        let (message, keys) = ("notice notification expired", "max_age=86400 resolved=true severity=warning")
        #expect(bench.log.lines == ["\(message) id=2 \(keys)", "\(message) id=4 \(keys)"])
    }
}
