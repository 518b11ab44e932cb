import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay

private typealias Watch = WatchdogMonitor.Watch
private typealias Change = WatchdogMonitor.Change

/// A monitor with one clock, of which the wall clock can jump.
private struct Driver {
    static let origin = Timestamp(seconds: 1_800_000_000, nanoseconds: 0)
    var monitor: WatchdogMonitor
    var now: Duration
    var jump = Duration.zero

    init(_ watches: [Watch], records: [WatchdogMonitor.Record] = [], at now: Duration = .zero) {
        self.now = now
        monitor = WatchdogMonitor(watches, records: records, at: .init(steady: now, wall: Self.wall(now)))
    }

    static func wall(_ now: Duration) -> Timestamp { origin.advanced(by: now) }
    var reading: WatchdogMonitor.Reading { .init(steady: now, wall: Self.wall(now + jump)) }

    mutating func hear(_ source: String = "", of name: String = "w", firing: Int = 1) -> [Change] {
        let key = WatchdogSignal.Key(watchdog: name, source: source)
        return monitor.heard([WatchdogSignal(key, firing: firing, resolved: 1 - firing)], at: reading).map(\.change)
    }

    /// The times and changes of all reports up to a moment. The clock goes from deadline to deadline, as the timer does.
    mutating func run(until end: Duration) -> [(at: Duration, report: WatchdogMonitor.Report)] {
        var reports: [(at: Duration, report: WatchdogMonitor.Report)] = []
        while let next = monitor.nextDeadline, next <= end {
            #expect(next >= now, "a deadline in the past would spin")
            now = next
            let found = monitor.tick(at: reading)
            #expect(!found.isEmpty, "a deadline without a report would spin")
            reports += found.map { (now, $0) }
        }
        now = end
        return reports
    }
}

@Suite struct WatchdogMonitorTests {
    private let watch = Watch(name: "w", timeout: .seconds(600))
    private let labelled = Watch(name: "w", timeout: .seconds(600), label: "prometheus")

    private func minutes(_ count: Int) -> Duration { .seconds(60 * count) }

    @Test func silenceIsToldAtGrowingDistance() {
        var driver = Driver([watch])
        #expect(driver.hear() == [])
        let reports = driver.run(until: .seconds(6 * 86_400))
        let told = reports.map { Int($0.at.components.seconds / 60) }
        #expect(told.prefix(8) == [10, 20, 40, 80, 160, 320, 640, 1_280])
        // A day at most.
        #expect(zip(told.dropFirst(9), told.dropFirst(8)).allSatisfy { $0 - $1 == 1_440 })
        #expect(reports.map(\.report.change).prefix(3) == [.silent(count: 1), .silent(count: 2), .silent(count: 3)])
        #expect(reports.map(\.report.silence).prefix(3) == [minutes(10), minutes(20), minutes(40)])
        #expect(Set(reports.map(\.report.raisedAt)) == [Driver.wall(minutes(10))])
    }

    @Test func regularAlertsKeepItQuiet() {
        var driver = Driver([watch])
        for minute in stride(from: 9, through: 900, by: 9) {
            #expect(driver.run(until: minutes(minute)).isEmpty)
            #expect(driver.hear() == [])
        }
        #expect(driver.monitor.conditions.map(\.silentSources) == [0])
    }

    @Test func returnIsToldOnceAndEndsTheAlarm() {
        var driver = Driver([watch])
        #expect(driver.run(until: minutes(12)).count == 1)
        #expect(driver.monitor.conditions.map(\.silentSources) == [1])
        let reports = driver.monitor.heard(
            [WatchdogSignal(.init(watchdog: "w", source: ""), firing: 1)], at: driver.reading)
        #expect(reports.map(\.change) == [.returned] && reports.map(\.silence) == [minutes(12)])
        #expect(reports.map(\.raisedAt) == [Driver.wall(minutes(10))])
        #expect(driver.hear() == [])
        #expect(driver.run(until: minutes(21)).isEmpty)
        #expect(driver.run(until: minutes(22)).map(\.report.change) == [.silent(count: 1)], "the distance begins anew")
    }

    @Test func resolvedAlertIsNoSignOfLife() {
        var driver = Driver([watch])
        _ = driver.run(until: minutes(9))
        #expect(driver.hear(firing: 0) == [])
        #expect(driver.run(until: minutes(10)).count == 1)
        #expect(driver.hear(firing: 0) == [])
        #expect(driver.monitor.conditions.map(\.silentSources) == [1])
    }

    @Test func unknownWatchdogIsIgnored() {
        var driver = Driver([watch])
        #expect(driver.hear(of: "x") == [])
        #expect(driver.monitor.conditions.map(\.sources) == [1])
        #expect(Driver([]).monitor.nextDeadline == nil)
    }

    // MARK: Sources

    @Test func eachSourceIsWatched() {
        var driver = Driver([labelled])
        #expect(driver.hear("eu") == [] && driver.hear("us") == [])
        _ = driver.run(until: minutes(5))
        #expect(driver.hear("us") == [])
        let reports = driver.run(until: minutes(14))
        #expect(reports.map(\.report.key.source) == ["eu"] && reports.map(\.report.label) == ["prometheus"])
        #expect(driver.monitor.conditions.map(\.sources) == [2])
        #expect(driver.run(until: minutes(15)).map(\.report.key.source) == ["us"])
        #expect(driver.hear("eu") == [.returned])
        #expect(driver.monitor.conditions.map(\.silentSources) == [1])
    }

    @Test func firstSourceEndsTheAlarmOfTheWatchdogThatHadNone() {
        var driver = Driver([labelled])
        #expect(driver.run(until: minutes(10)).map(\.report.key.source) == [""])
        #expect(driver.hear("eu") == [.returned])
        #expect(driver.monitor.records.map(\.key.source) == ["eu"])
        #expect(driver.run(until: minutes(20)).map(\.report.key.source) == ["eu"])
    }

    @Test func oldestSourceIsDroppedAboveTheLimit() {
        var driver = Driver([labelled])
        for number in 0..<100 {
            #expect(driver.hear("s\(number)") == [])
            driver.now += .milliseconds(1)
        }
        #expect(driver.hear("s0") == [])
        driver.now += .milliseconds(1)
        #expect(driver.hear("new") == [.dropped(.tooManySources, wasSilent: false)])
        #expect(driver.monitor.conditions.map(\.sources) == [100])
        #expect(!driver.monitor.records.map(\.key.source).contains("s1"), "s1 was heard longest ago")
    }

    @Test func sourceSilentForAWeekIsDroppedAndItsRoomTold() {
        var driver = Driver([labelled])
        #expect(driver.hear("gone") == [])
        let reports = driver.run(until: .seconds(8 * 86_400))
        let last = reports.last { $0.report.key.source == "gone" }
        #expect(last?.report.change == .dropped(.abandoned, wasSilent: true))
        #expect(last.map { $0.at >= .seconds(7 * 86_400) } == true)
        #expect(driver.monitor.conditions.map(\.sources) == [1], "the watchdog itself is watched again")
    }

    // MARK: Restart

    @Test func restartRaisesNoAlarmBeforeOneTimeout() {
        var before = Driver([watch])
        #expect(before.hear() == [])
        var driver = Driver([watch], records: before.monitor.records, at: .seconds(3 * 86_400))
        let start = driver.now
        let reports = driver.run(until: start + minutes(12))
        #expect(reports.map { $0.at - start } == [minutes(10)])
        #expect(reports.map(\.report.silence) == [minutes(10)], "the relay's downtime is no silence of the watchdog")
    }

    @Test func restartKeepsTheAlarmAndItsDistance() throws {
        var before = Driver([watch])
        #expect(before.run(until: minutes(45)).count == 3)
        let records = before.monitor.records
        var driver = Driver([watch], records: records, at: minutes(50))
        #expect(driver.monitor.records == records)
        let reports = driver.run(until: minutes(100))
        // The fourth message was due at 80 minutes.
        #expect(reports.map(\.at) == [minutes(80)] && reports.map(\.report.change) == [.silent(count: 4)])
        #expect(reports.map(\.report.silence) == [minutes(80)])
        #expect(driver.hear() == [.returned])
    }

    @Test func restartRepeatsAnAlarmNotBeforeOneTimeout() {
        var before = Driver([watch])
        #expect(before.run(until: minutes(10)).count == 1)
        var driver = Driver([watch], records: before.monitor.records, at: .seconds(86_400))
        #expect(driver.run(until: .seconds(86_400) + minutes(9)).isEmpty)
        #expect(driver.run(until: .seconds(86_400) + minutes(10)).count == 1)
    }

    @Test func stateSurvivesItsEncoding() {
        var driver = Driver([labelled, Watch(name: "x", timeout: .seconds(60))])
        _ = driver.hear("ä\"\n")
        _ = driver.run(until: minutes(11))
        let records = driver.monitor.records
        #expect(records.count == 2 && records.allSatisfy { $0.alarm != nil })
        let row = WatchdogState.row(records)
        #expect(WatchdogState.records([row]) == records)
        #expect(WatchdogState.records([]) == [])
        for size in row.value.indices.dropFirst(2) {
            let cut = WatchdogState.records([.init(key: row.key, value: Array(row.value.prefix(size)))])
            #expect(cut.isEmpty || cut == [records[0]], "a damaged row must not trap")
        }
    }

    // MARK: Clocks

    @Test(arguments: [-400 * 86_400, -3_600, 3_600, 400 * 86_400])
    func jumpOfTheWallClockIsNoSilence(seconds: Int) {
        var driver = Driver([watch])
        _ = driver.hear()
        driver.now = minutes(5)
        driver.jump = .seconds(seconds)
        #expect(driver.run(until: minutes(9)).isEmpty)
        #expect(driver.run(until: minutes(10)).map(\.report.silence) == [minutes(10)])
    }

    @Test(arguments: [Int64.min, -1, 0, Int64.max]) func storedTimesOfAnyClockAreRead(seconds: Int64) {
        let time = Timestamp(nanosecondsSince1970: seconds)
        let alarm = WatchdogMonitor.Alarm(since: time, raisedAt: time, count: 1_000_000, lastTold: time)
        let record = WatchdogMonitor.Record(
            key: .init(watchdog: "w", source: "s"), label: "prometheus", lastReceived: time, alarm: alarm)
        var driver = Driver([labelled], records: [record])
        _ = driver.run(until: .seconds(30 * 86_400))
        #expect(driver.hear("s") == [.returned] || driver.monitor.conditions.first?.sources == 1)
    }

    // MARK: Reload

    @Test func reloadKeepsWhatIsStillWatched() {
        var driver = Driver([watch, Watch(name: "x", timeout: minutes(10))])
        #expect(driver.run(until: minutes(10)).count == 2)
        let changed = Watch(name: "w", timeout: minutes(1))
        let reports = driver.monitor.adopt([changed, Watch(name: "y", timeout: minutes(5))], at: driver.reading)
        #expect(reports.map(\.key.watchdog) == ["x"])
        #expect(reports.map(\.change) == [.dropped(.notConfigured, wasSilent: true)])
        #expect(driver.monitor.conditions.map(\.watchdog) == ["w", "y"])
        #expect(driver.monitor.conditions.map(\.silentSources) == [1, 0])
        #expect(driver.run(until: minutes(14)).isEmpty, "a new watchdog has a whole timeout")
        #expect(driver.run(until: minutes(15)).map(\.report.key.watchdog) == ["y"])
    }

    @Test func reloadOfTheLabelBeginsAnew() {
        var driver = Driver([labelled])
        _ = driver.hear("eu")
        let reports = driver.monitor.adopt([watch], at: driver.reading)
        #expect(reports.map(\.change) == [.dropped(.notConfigured, wasSilent: false)])
        #expect(driver.monitor.records.map(\.key.source) == [""])
    }
}
