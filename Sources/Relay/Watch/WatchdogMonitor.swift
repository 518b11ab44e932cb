import Alerts

/// Decides when a room is told that a watchdog is silent, still silent or back.
///
/// A pure value: both clocks come in with each call. Silence is measured with the steady clock; the wall clock serves
/// for display and for the state that a restart reads.
struct WatchdogMonitor: Sendable {
    typealias Key = WatchdogSignal.Key

    /// A watchdog of the configuration.
    struct Watch: Sendable, Equatable {
        var name: String
        var timeout: Duration
        var label: String?
    }

    struct Reading: Sendable {
        /// Since any fixed moment of this process. Must not decrease.
        var steady: Duration
        var wall: Timestamp
    }

    /// What the room knows.
    struct Alarm: Sendable, Equatable {
        /// When the silence began.
        var since: Timestamp
        var raisedAt: Timestamp
        /// How often the room was told.
        var count = 1
        var lastTold: Timestamp
    }

    /// The state that survives a restart.
    struct Record: Sendable, Equatable {
        var key: Key
        var label: String?
        /// Nil if no alert has ever arrived.
        var lastReceived: Timestamp?
        var alarm: Alarm?
    }

    enum Change: Sendable, Equatable {
        /// The first message, or a later one of the same silence.
        case silent(count: Int)
        case returned
        /// No longer watched. `wasSilent` if the room must be told.
        case dropped(DropReason, wasSilent: Bool)
    }

    enum DropReason: String, Sendable {
        case notConfigured = "no longer configured"
        case tooManySources = "too many sources"
        case abandoned = "silent for a week"
    }

    struct Report: Sendable, Equatable {
        var key: Key
        var change: Change
        var label: String?
        /// The length of the silence.
        var silence: Duration
        /// When the alarm was raised; the time of the report if there was none.
        var raisedAt: Timestamp
    }

    private struct State: Sendable {
        var lastReceived: Timestamp?
        /// The last alert in steady time, or the start of the watch.
        var basis: Duration
        var alarm: Alarm?
        /// When the room is told again.
        var nextAt = Duration.zero
    }

    /// The most sources of all watchdogs together.
    static let sourceLimit = 100
    private static let longestInterval = Duration.seconds(86_400)
    /// A source of a labelled watchdog that is silent for so long has been taken out of service.
    private static let abandonedAfter = Duration.seconds(7 * 86_400)

    private var watches: [Watch] = []
    private var states: [Key: State] = [:]

    /// - Parameter records: the state of an earlier process. Its downtime does not count as silence.
    init(_ watches: [Watch], records: [Record] = [], at now: Reading) {
        self.watches = watches
        for record in records.prefix(Self.sourceLimit) {
            guard let watch = watch(record.key), watch.label == record.label else { continue }
            var state = State(lastReceived: record.lastReceived, basis: now.steady, alarm: record.alarm)
            if let alarm = record.alarm {
                // The wall clock may have been set back since.
                state.basis -= max(.zero, now.wall.since(alarm.since))
                let told = max(.zero, now.wall.since(alarm.lastTold))
                state.nextAt = now.steady + max(watch.timeout, Self.interval(after: alarm.count, watch) - told)
            }
            states[record.key] = state
        }
        addMissing(at: now)
    }

    // MARK: Events

    /// Uses other watchdogs from now on. Those with the same name and label keep their state.
    mutating func adopt(_ watches: [Watch], at now: Reading) -> [Report] {
        let before = self.watches
        self.watches = watches
        var reports: [Report] = []
        for key in sortedKeys {
            let old = before.first { $0.name == key.watchdog }
            if let new = watch(key), new.label == old?.label { continue }
            reports += drop(key, .notConfigured, label: old?.label, at: now)
        }
        addMissing(at: now)
        return reports
    }

    /// Notes arrived alerts. A resolved one is no sign of life.
    mutating func heard(_ signals: [WatchdogSignal], at now: Reading) -> [Report] {
        var reports: [Report] = []
        for signal in signals where signal.firing > 0 {
            guard let watch = watch(signal.key) else { continue }
            let unheard = Key(watchdog: watch.name, source: "")
            if states[signal.key] == nil, let state = states[unheard], state.lastReceived == nil {
                // The first source takes the place of the watchdog that had none.
                states[signal.key] = state
                states[unheard] = nil
                if let alarm = state.alarm { reports.append(report(unheard, .returned, alarm, at: now)) }
                states[signal.key]?.alarm = nil
            } else if states[signal.key] == nil, states.count >= Self.sourceLimit {
                reports += dropOldest(at: now)
            }
            if let alarm = states[signal.key]?.alarm {
                reports.append(report(signal.key, .returned, alarm, at: now))
            }
            states[signal.key] = State(lastReceived: now.wall, basis: now.steady)
        }
        return reports
    }

    /// Raises and repeats alarms that are due.
    mutating func tick(at now: Reading) -> [Report] {
        var reports: [Report] = []
        for key in sortedKeys {
            guard let watch = watch(key), var state = states[key], deadline(state, watch) <= now.steady else {
                continue
            }
            let silence = now.steady - state.basis
            if state.alarm != nil, !key.source.isEmpty, silence >= Self.abandonedAfter {
                reports += drop(key, .abandoned, label: watch.label, at: now)
                continue
            }
            var alarm =
                state.alarm
                ?? Alarm(
                    since: now.wall.advanced(by: .zero - silence), raisedAt: now.wall, count: 0, lastTold: now.wall)
            alarm.count = min(alarm.count + 1, 1_000_000)
            alarm.lastTold = now.wall
            state.alarm = alarm
            state.nextAt = now.steady + Self.interval(after: alarm.count, watch)
            states[key] = state
            reports.append(report(key, .silent(count: alarm.count), alarm, at: now))
        }
        addMissing(at: now)
        return reports
    }

    /// When `tick` has something to do; nil without watchdogs.
    var nextDeadline: Duration? {
        states.compactMap { key, state in watch(key).map { deadline(state, $0) } }.min()
    }

    // MARK: State

    var records: [Record] {
        sortedKeys.compactMap { key in
            states[key].map {
                Record(key: key, label: watch(key)?.label, lastReceived: $0.lastReceived, alarm: $0.alarm)
            }
        }
    }

    struct Condition: Sendable, Equatable {
        var watchdog: String
        /// The last alert of any source; nil if none has arrived.
        var lastReceived: Timestamp?
        var sources: Int
        var silentSources: Int
    }

    var conditions: [Condition] {
        watches.map { watch in
            let own = states.filter { $0.key.watchdog == watch.name }.map(\.value)
            return Condition(
                watchdog: watch.name, lastReceived: own.compactMap(\.lastReceived).max(), sources: own.count,
                silentSources: own.count { $0.alarm != nil })
        }
    }

    /// Whether a signal of this source changes more than the time of the last alert.
    func isNews(_ signal: WatchdogSignal) -> Bool {
        signal.firing > 0 && watch(signal.key) != nil && states[signal.key]?.lastReceived == nil
    }

    private func watch(_ key: Key) -> Watch? { watches.first { $0.name == key.watchdog } }

    private var sortedKeys: [Key] { states.keys.sorted { ($0.watchdog, $0.source) < ($1.watchdog, $1.source) } }

    private func deadline(_ state: State, _ watch: Watch) -> Duration {
        state.alarm == nil ? state.basis + watch.timeout : state.nextAt
    }

    /// Doubles with each message: once, twice, four times the timeout, up to a day.
    private static func interval(after count: Int, _ watch: Watch) -> Duration {
        min(watch.timeout * (1 << min(max(count, 1) - 1, 20)), max(longestInterval, watch.timeout))
    }

    /// Begins to watch each watchdog without a source, so that one that never begins is reported too.
    private mutating func addMissing(at now: Reading) {
        for watch in watches where !states.keys.contains(where: { $0.watchdog == watch.name }) {
            states[Key(watchdog: watch.name, source: "")] = State(basis: now.steady)
        }
    }

    private mutating func dropOldest(at now: Reading) -> [Report] {
        guard let oldest = sortedKeys.min(by: { basis($0) < basis($1) }) else { return [] }
        return drop(oldest, .tooManySources, label: watch(oldest)?.label, at: now)
    }

    private func basis(_ key: Key) -> Duration { states[key]?.basis ?? .zero }

    private mutating func drop(_ key: Key, _ reason: DropReason, label: String?, at now: Reading) -> [Report] {
        guard let state = states[key] else { return [] }
        var dropped = report(key, .dropped(reason, wasSilent: state.alarm != nil), state.alarm, at: now)
        dropped.label = label
        states[key] = nil
        return [dropped]
    }

    private func report(_ key: Key, _ change: Change, _ alarm: Alarm?, at now: Reading) -> Report {
        Report(
            key: key, change: change, label: watch(key)?.label,
            silence: max(.zero, now.steady - (states[key]?.basis ?? now.steady)), raisedAt: alarm?.raisedAt ?? now.wall)
    }
}

extension Timestamp {
    /// The time after `duration`, which may be negative.
    func advanced(by duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = Int64(nanoseconds) + attoseconds / 1_000_000_000
        let carry = nanoseconds >= 1_000_000_000 ? Int64(1) : nanoseconds < 0 ? -1 : 0
        return Timestamp(
            seconds: self.seconds.addingReportingOverflow(seconds).partialValue + carry,
            nanoseconds: Int32(nanoseconds - carry * 1_000_000_000))
    }
}
