import Libevent
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import Support

/// The keeper with a clock that the test sets, behind a real listener and with a room. Due alarms are raised by the
/// next signal or reload, because the timer's time is not the test's.
@LoopActor
private final class KeeperBench {
    let bench: ListenerBench
    var elapsed = Duration.zero
    private(set) var keeper: WatchdogKeeper?
    private var configuration: RelayConfiguration

    init(_ watchdogs: [WatchdogConfiguration], rows: [HookRow] = []) throws {
        var changed = RelayConfiguration()
        bench = try ListenerBench { configuration in
            configuration.watchdogs = watchdogs
            changed = configuration
        }
        configuration = changed
        keeper = WatchdogKeeper(
            OutboundPlan(configuration: configuration, receivers: [:]), rows: rows, intake: bench.intake,
            metrics: bench.metrics, logger: bench.log.logger
        ) { [unowned self] in
            .init(steady: elapsed, wall: Timestamp(seconds: 1_800_000_000, nanoseconds: 0).advanced(by: elapsed))
        }
    }

    func reload(_ watchdogs: [WatchdogConfiguration]) {
        configuration.watchdogs = watchdogs
        keeper?.reconfigure(OutboundPlan(configuration: configuration, receivers: [:]))
    }

    /// Advances the clock and lets the timer, which a reload sets, find the due alarms.
    func advance(by duration: Duration) {
        elapsed += duration
        reload(configuration.watchdogs)
    }

    func posts(_ count: Int) async throws -> [String] {
        try await bench.wait { self.bench.room.posts.count >= count }
        return bench.room.posts.map(\.text)
    }

    func storedRow() -> HookRow? {
        bench.script.transactions.flatMap(\.hooks).last { $0.key == WatchdogState.key }
    }

    func stop() async {
        keeper?.stop()
        keeper = nil
        await bench.stop()
    }
}

@Suite(.timeLimit(.minutes(1))) @LoopActor struct WatchdogKeeperTests {
    private func watchdog(_ name: String = "watchdog", label: String? = nil) throws -> WatchdogConfiguration {
        WatchdogConfiguration(
            name: name, matchers: try LabelMatcher.parse("alertname=Watchdog"), room: "warning", label: label)
    }

    private func watchdogBody() throws -> [UInt8] { try WebhookFixture.body("watchdog") }

    @Test func watchdogIsAnsweredCountedAndNotPosted() async throws {
        let bench = try KeeperBench([try watchdog()])
        let answer = await bench.bench.post(try watchdogBody())
        #expect(answer?.status == 200 && answer?.body == #"{"status":"ok","processed":1}"#)
        #expect(await bench.bench.post(warningBody("A"))?.status == 200)
        #expect(try await bench.posts(1).map { $0.contains("A") } == [true])
        let metrics = await bench.bench.get("/metrics")?.body ?? ""
        for line in [
            #"relay_watchdog_received_total{watchdog="watchdog",status="firing"} 1"#,
            #"relay_watchdog_up{watchdog="watchdog"} 1"#, #"relay_watchdog_sources{watchdog="watchdog"} 1"#,
            #"relay_watchdog_last_received_timestamp_seconds{watchdog="watchdog"} 1800000000"#,
        ] { #expect(metrics.contains(line), "\(line)") }
        #expect(bench.bench.script.transactions.flatMap(\.appends).count == 1, "the watchdog is not journaled")
        #expect(bench.bench.acceptedAlerts == 1)
        await bench.stop()
    }

    @Test func silenceAndReturnReachTheRoomThroughTheJournal() async throws {
        let bench = try KeeperBench([try watchdog()])
        bench.advance(by: .seconds(725))
        #expect(try await bench.posts(1)[0].contains("No Watchdog from Alertmanager for 12 min"))
        try await bench.bench.wait { bench.storedRow() != nil }
        let up = await bench.bench.get("/metrics")?.body.contains(#"relay_watchdog_up{watchdog="watchdog"} 0"#)
        #expect(up == true)
        #expect(await bench.bench.post(try watchdogBody())?.status == 200)
        #expect(try await bench.posts(2)[1].contains("The Watchdog is back after 12 min"))
        #expect(bench.bench.script.transactions.flatMap(\.appends).count == 2)
        try await bench.bench.wait { WatchdogState.records([bench.storedRow()].compactMap(\.self))[0].alarm == nil }
        #expect(bench.bench.log.lines.contains { $0.hasPrefix("error watchdog silent") })
        #expect(bench.bench.log.lines.contains { $0.hasPrefix("notice watchdog returned") })
        await bench.stop()
    }

    @Test func refusedMessageIsSentWhenTheJournalAcceptsIt() async throws {
        let bench = try KeeperBench([try watchdog()])
        bench.bench.script.plan.withLock { $0.failures = [.full(.diskFull)] }
        bench.advance(by: .seconds(600))
        try await bench.bench.wait { bench.bench.log.lines.contains { $0.contains("refuses the alert") } }
        bench.bench.script.plan.withLock { $0.space = .ample }
        // The journal checks its space once a second; the keeper tries again at the next event.
        try await bench.bench.wait {
            bench.advance(by: .seconds(1))
            return bench.bench.room.posts.count == 1
        }
        #expect(bench.bench.room.posts[0].text.contains("No Watchdog"))
        await bench.stop()
    }

    @Test func alarmOfAnEarlierProcessIsResolved() async throws {
        let alarm = WatchdogMonitor.Alarm(
            since: Timestamp(seconds: 1_799_990_000, nanoseconds: 0),
            raisedAt: Timestamp(seconds: 1_799_990_600, nanoseconds: 0), count: 1,
            lastTold: Timestamp(seconds: 1_799_990_600, nanoseconds: 0))
        let record = WatchdogMonitor.Record(
            key: .init(watchdog: "watchdog", source: ""), lastReceived: nil, alarm: alarm)
        let bench = try KeeperBench([try watchdog()], rows: [WatchdogState.row([record])])
        #expect(await bench.bench.post(try watchdogBody())?.status == 200)
        #expect(try await bench.posts(1)[0].contains("The Watchdog is back after 2 h 46 m"))
        await bench.stop()
    }

    @Test func reloadThatRemovesASilentWatchdogTellsItsRoom() async throws {
        let bench = try KeeperBench([try watchdog()])
        bench.advance(by: .seconds(600))
        _ = try await bench.posts(1)
        bench.reload([])
        #expect(try await bench.posts(2)[1].contains("is not watched any more"))
        await bench.stop()
    }

    /// Otherwise the room of the alarm shows the silence forever.
    @Test func returnIsToldInTheRoomOfTheAlarm() async throws {
        let bench = try KeeperBench([try watchdog()])
        bench.advance(by: .seconds(725))
        try await bench.bench.wait { bench.storedRow() != nil }
        var moved = try watchdog()
        moved.room = "info"
        bench.reload([moved])
        #expect(await bench.bench.post(try watchdogBody())?.status == 200)
        let appends = { bench.bench.script.transactions.flatMap(\.appends).joined().map(\.notification.severity) }
        try await bench.bench.wait { appends().count == 2 }
        #expect(appends() == [.warning, .warning])
        bench.advance(by: .seconds(725))
        try await bench.bench.wait { appends().count == 3 }
        #expect(appends().last == .info)
        await bench.stop()
    }

    @Test func stoppedKeeperRaisesNoAlarm() async throws {
        let bench = try KeeperBench([try watchdog()])
        bench.keeper?.stop()
        bench.advance(by: .seconds(6_000))
        #expect(await bench.bench.post(warningBody("A"))?.status == 200)
        #expect(try await bench.posts(1).map { $0.contains("No Watchdog") } == [false])
        await bench.stop()
    }
}
