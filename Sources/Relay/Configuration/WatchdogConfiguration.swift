import Alerts

/// A watchdog: alerts that always fire, and the room that is told when none arrives. Set in the file only.
struct WatchdogConfiguration: Sendable {
    static let defaultName = "watchdog"

    var name = Self.defaultName
    /// An alert must match them all.
    var matchers: [LabelMatcher] = []
    /// The longest time without an alert that is not reported.
    var timeout = Duration.seconds(600)
    /// A severity, or the name of a receiver.
    var room = Severity.critical.rawValue
    /// The label whose values are watched separately; nil for one watch.
    var label: String?
}

extension WatchdogConfiguration {
    /// Whether it matches an alert that nobody has named.
    fileprivate var matchesAnything: Bool {
        let other: Labels = ["alertname": "AnAlertThatNobodyNamed", "severity": "critical"]
        return matchers.allSatisfy { $0.matches(other) }
    }

    fileprivate static func matchersName(_ scope: SettingScope) -> SettingName {
        matchersSetting.name.scoped(to: scope)
    }
}

extension WatchdogConfiguration: SettingGroup {
    static let settings: [Setting<WatchdogConfiguration>] = [
        matchersSetting, timeoutSetting, roomSetting,
        Setting(
            "label", \.label, .optional(.line), default: "none",
            "watch each value of this label separately, for example `prometheus`"),
        nameSetting,
    ]

    /// The settings without which there is no watchdog.
    static let needed = [matchersSetting]

    private static let matchersSetting: Setting<WatchdogConfiguration> = Setting(
        "matchers", \.matchers, .matchers, default: "required",
        after: { reader, _, scope in
            let name = matchersSetting.name.scoped(to: scope)
            if reader.lookup.value(of: name) == nil {
                reader.problem(name, "is missing; a watchdog needs a matcher as in alertname=\"Watchdog\"")
            }
        },
        "one or a list; all must match")

    private static let timeoutSetting: Setting<WatchdogConfiguration> = Setting(
        "timeout", \.timeout, .duration(.seconds(1) ... .seconds(30 * 86_400)),
        "the longest time without such an alert; at least twice the `repeat_interval` of its route")

    fileprivate static let roomSetting: Setting<WatchdogConfiguration> = Setting(
        "room", \.room, .text, "a severity or the name of a receiver, whose room is told")

    fileprivate static let nameSetting: Setting<WatchdogConfiguration> = Setting(
        "name", \.name, .receiverName, "the metric label `watchdog`; several watchdogs need different names")
}

extension ConfigurationReader {
    /// More would make the messages of a total failure a storm.
    private static let watchdogLimit = 20

    /// Must be called after `readReceivers`, whose names are rooms.
    mutating func readWatchdogs(_ configuration: inout RelayConfiguration) {
        guard let file = lookup.file else { return }
        let name = { (scope: SettingScope) in WatchdogConfiguration.nameSetting.name.scoped(to: scope) }
        if file.watchdogs.count > Self.watchdogLimit {
            let first = SettingScope.section(file.watchdogs[Self.watchdogLimit])
            problem(name(first), "there may be \(Self.watchdogLimit) watchdogs at most")
        }
        for prefix in file.watchdogs.prefix(Self.watchdogLimit) {
            let scope = SettingScope.section(prefix)
            var watchdog = WatchdogConfiguration()
            read(WatchdogConfiguration.settings, into: &watchdog, scope)
            checkRoom(watchdog.room, configuration, WatchdogConfiguration.roomSetting.name.scoped(to: scope))
            if watchdog.matchers.isEmpty { continue }
            if watchdog.matchesAnything {
                warn(
                    WatchdogConfiguration.matchersName(scope),
                    "matches alerts of any name; what a watchdog matches is not posted")
            }
            if configuration.watchdogs.contains(where: { $0.name == watchdog.name }) {
                problem(name(scope), "\"\(watchdog.name)\" is given twice; give each watchdog a name of its own")
            } else {
                configuration.watchdogs.append(watchdog)
            }
        }
    }

    private mutating func checkRoom(_ room: String, _ configuration: RelayConfiguration, _ name: SettingName) {
        let rooms = Severity.allCases.map(\.rawValue) + configuration.queuedReceivers
        if rooms.contains(room) { return }
        let nearest = NearestName.close(to: room, among: rooms).map { "; did you mean \($0)?" } ?? ""
        problem(
            name, "\(SettingNotes.quoted(room)) is neither a severity nor the name of a receiver that posts\(nearest)")
    }
}

extension WatchdogMatcher {
    init(_ watchdogs: [WatchdogConfiguration]) {
        self.init(watchdogs.map { Entry(name: $0.name, matchers: $0.matchers, label: $0.label) })
    }
}
