import Alerts
import Glibc
import Posting

/// A room of its own for some alerts, beyond the severities' four. Its settings stand in the file alone.
struct ReceiverConfiguration: Sendable {
    var name = ""
    /// An alert must match them all.
    var matchers: [LabelMatcher] = []
    /// Nil only where secrets were not read.
    var hook: HookURL?
    /// Whether an alert that it takes goes on to those after it, and to its severity's room if none of them takes it.
    var continues = false
    /// How long the hook may fail before the fallback takes over; nil for what the severity's hook has.
    var fallbackAfter: Duration?
    /// Nil for those of the severity.
    var mentions: [String]?
    /// Nil for the hook's own room.
    var channel: String?
    /// Its alerts are counted and posted nowhere. It has no hook.
    var drops = false
    var posting = PostingSettings()
}

extension ReceiverConfiguration: SettingGroup {
    static let settings: [Setting<ReceiverConfiguration>] =
        [
            matchersSetting, nameSetting,
            Setting("continue", \.continues, .flag, "whether to try the receivers after it too"),
            Setting(
                "fallback_after", \.fallbackAfter, .optional(.duration(upToDays: 365)), default: "the severity's",
                "how long the hook may fail before another room takes over"),
            Setting(
                "mentions", \.mentions, .optional(.mentions), default: "the severity's",
                "users and groups, `@here` or `@all`, which the first message on a newly firing alert mentions; or `none`"
            ),
            Setting(
                "channel", \.channel, .optional(.channel), default: "the hook's",
                "`#room` or `@user` to post to instead; the integration must allow overwriting the channel"),
            dropSetting,
        ] + PostingSettings.settings.map { $0.within(\.posting) } + [hookSetting]

    /// The settings without which there is no receiver.
    static let needed = [nameSetting, matchersSetting, hookSetting]

    private static let matchersSetting: Setting<ReceiverConfiguration> = Setting(
        "matchers", \.matchers, .matchers, default: "required",
        after: { reader, _, scope in
            let name = matchersSetting.name.scoped(to: scope)
            if reader.lookup.value(of: name) == nil { reader.problem(name, missingMatchers) }
        },
        "one or a list; all must match")

    private static let dropSetting: Setting<ReceiverConfiguration> = Setting(
        "drop", \.drops, .flag,
        after: { reader, receiver, scope in
            guard receiver.drops else { return }
            let kept: Set = ["name", "matchers", "drop"]
            for setting in settings where !kept.contains(setting.key) {
                for name in setting.names.map({ $0.scoped(to: scope) }) where reader.lookup.value(of: name) != nil {
                    reader.problem(name, "has no effect in a receiver that drops its alerts; take it out")
                }
            }
        },
        "count matching alerts and post them nowhere; needs no webhook")

    fileprivate static let nameSetting: Setting<ReceiverConfiguration> = Setting(
        "name", \.name, .receiverName, default: "required",
        after: { reader, _, scope in
            let name = nameSetting.name.scoped(to: scope)
            if reader.lookup.value(of: name) == nil { reader.problem(name, "is missing; a receiver needs a name") }
        },
        "letters, digits and `.` `_` `-`; also the metric label `receiver` and the key in the spool")

    private static let hookSetting: Setting<ReceiverConfiguration> = Setting(
        "webhook", \.hook, .optional(.hook), default: "required", secrecy: .value,
        after: { reader, receiver, scope in
            if receiver.drops { return }
            let name = hookSetting.name.scoped(to: scope)
            let isGiven = [name, name.file].contains { reader.lookup.value(of: $0) != nil }
            guard reader.readsSecrets, !isGiven else { return }
            let credential = ServiceCredentials.hookFile(
                ofReceiver: receiver.name, environment: reader.lookup.environment
            ) { access($0, F_OK) == 0 }
            if let credential {
                receiver.hook = reader.value(inFile: credential, for: name, .hook)
            } else {
                reader.problem(name, "is missing; a receiver needs the URL of an incoming webhook")
            }
        },
        "the incoming-webhook URL; under systemd `/etc/relay/hooks/NAME` can replace both")
}

private let missingMatchers = "is missing; a receiver needs a matcher as in team=\"db\""

extension SettingFormat where Value == [LabelMatcher] {
    /// An item of a list is one matcher, or several in Alertmanager's form. In a text, each line is such an item.
    static var matchers: Self {
        Self(.list, text: { _ in nil }) { value, notes in
            var items = value.items
            if case .text(let text) = value { items = text.split(whereSeparator: \.isNewline).map(String.init) }
            var (matchers, isValid) = ([LabelMatcher](), true)
            for item in items {
                do throws(LabelMatcher.Invalid) {
                    matchers += try LabelMatcher.parse(item)
                } catch {
                    isValid = false
                    notes.problems.append(items.count > 1 ? "\(SettingNotes.quoted(item)): \(error)" : "\(error)")
                }
            }
            guard isValid else { return nil }
            if matchers.isEmpty { notes.problems.append(missingMatchers) }
            return matchers
        }
    }
}

extension SettingFormat where Value == String {
    static var receiverName: Self {
        .single("a name of up to 63 letters, digits and . _ -") { text in
            text.count <= 63 && text.allSatisfy { isASCIIWord($0) || "._-".contains($0) } ? text : nil
        }
    }
}

extension ConfigurationReader {
    /// Each has queues and tables of its own, and the spool knows them by a byte.
    private static let receiverLimit = 100

    mutating func readReceivers(_ configuration: inout RelayConfiguration) {
        guard let file = lookup.file else { return }
        let nameOf = { (index: Int) in ReceiverConfiguration.nameSetting.name.scoped(to: .receiver(index)) }
        if file.receivers.count > Self.receiverLimit {
            problem(
                nameOf(file.receivers[Self.receiverLimit]), "there may be \(Self.receiverLimit) receivers at most")
        }
        var names: Set<String> = []
        for index in file.receivers.prefix(Self.receiverLimit) {
            var receiver = ReceiverConfiguration()
            receiver.posting = configuration.posting
            read(ReceiverConfiguration.settings, into: &receiver, .receiver(index))
            readTemplates(ofReceiver: index, &receiver)
            if receiver.name.isEmpty || receiver.matchers.isEmpty { continue }
            if names.insert(receiver.name).inserted {
                configuration.receivers.append(receiver)
            } else {
                problem(nameOf(index), "\"\(receiver.name)\" is given twice")
            }
        }
    }
}

extension AlertRouter {
    /// - Parameter numbers: the journal's names of receivers by their numbers.
    init(_ receivers: [ReceiverConfiguration], numbers: [ReceiverID: String]) {
        let byName = Dictionary(numbers.map { ($0.value, $0.key) }) { first, _ in first }
        self.init(
            receivers.compactMap { receiver in
                if receiver.drops { return Entry(dropping: receiver.name, matchers: receiver.matchers) }
                return byName[receiver.name].map {
                    Entry(receiver: $0, matchers: receiver.matchers, continues: receiver.continues)
                }
            })
    }
}
