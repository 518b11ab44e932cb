import Glibc
import Support

/// The configuration file: typed values of the settings by their keys, and what is wrong with it.
struct SettingsFile: Sendable {
    struct Entry: Sendable {
        /// Nil for a key without a value, and for a key that a receiver or a watchdog needs and does not have.
        var value: SettingValue?
        var place: YAMLNode.Place
    }

    let path: String
    private(set) var entries: [String: Entry] = [:]
    /// The indices of the items in `receivers` that can be read.
    private(set) var receivers: [Int] = []
    /// The keys of the watchdogs that can be read: `watchdog`, or `watchdog[0]` and so on.
    private(set) var watchdogs: [String] = []
    private(set) var problems: [ConfigurationProblem] = []
    /// What `TemplateReader` reads: the templates, those of receivers by their index, and the file's content.
    private(set) var templates: YAMLNode?
    private(set) var receiverTemplates: [Int: YAMLNode] = [:]
    private(set) var source: [UInt8] = []

    /// Nobody writes more by hand.
    private static let sizeLimit = 1 << 20

    init(path: String) {
        self.path = path
        if let members = readMembers() { record(members, prefix: "") }
    }

    /// Reads templates alone: a file with the key, other keys being ignored, or with its content.
    init(templates path: String) {
        self.path = path
        guard let members = readMembers() else { return }
        let key = members.first { $0.key == Self.templatesKey }
        templates = key?.value ?? .map(members, YAMLNode.Place(line: 1, column: 1))
    }

    /// The members of the file's map; nil if a problem was noted.
    private mutating func readMembers() -> [YAMLNode.Member]? {
        guard let bytes = readFile(path) else { return nil }
        source = bytes
        do throws(YAMLNode.Failure) {
            let root = try YAMLNode.read(bytes)
            guard case .map(let members, _) = root else {
                problem(nil, root.place, "the file must hold keys and values")
                return nil
            }
            return members
        } catch {
            problem(nil, error.place, error.message)
            return nil
        }
    }

    private mutating func readFile(_ path: String) -> [UInt8]? {
        guard let bytes = FileContent.read(path, limit: Self.sizeLimit + 1) else {
            problems.append(
                ConfigurationProblem(key: path, message: "cannot be read: \(String(cString: strerror(errno)))"))
            return nil
        }
        guard bytes.count <= Self.sizeLimit else {
            problems.append(ConfigurationProblem(key: path, message: "is larger than \(Self.sizeLimit) bytes"))
            return nil
        }
        return bytes
    }

    private mutating func record(_ members: [YAMLNode.Member], prefix: String) {
        for member in distinct(members, prefix: prefix) { record(prefix + member.key, member) }
    }

    /// The first of each key; the others are problems.
    private mutating func distinct(_ members: [YAMLNode.Member], prefix: String) -> [YAMLNode.Member] {
        var seen: Set<String> = []
        return members.filter { member in
            let isFirst = seen.insert(member.key).inserted
            if !isFirst { problem(prefix + member.key, member.place, "is given twice") }
            return isFirst
        }
    }

    private mutating func record(_ key: String, _ member: YAMLNode.Member) {
        if key == Self.receiversKey { return recordReceivers(member.value) }
        if key == Self.watchdogKey { return recordWatchdogs(member.value) }
        if key == Self.templatesKey { return templates = member.value }
        if Self.sections.contains(key) {
            switch member.value {
            case .map(let members, _): record(members, prefix: key + ".")
            case .scalar(nil, _): break
            case .scalar, .list: problem(key, member.value.place, "must hold keys and values")
            }
            return
        }
        guard let shape = Self.shapes[key] else {
            return problem(key, member.place, Self.unknown(key, among: Array(Self.shapes.keys) + Self.sections))
        }
        record(key, shape, member.value)
    }

    private mutating func record(_ key: String, _ shape: SettingShape, _ node: YAMLNode) {
        // Without a value, the place is needed for the problem that there is none.
        if case .scalar(nil, let place) = node {
            entries[key] = Entry(value: nil, place: place)
        } else if let value = value(key, shape, node) {
            entries[key] = Entry(value: value, place: node.place)
        }
    }

    // MARK: Receivers

    private mutating func recordReceivers(_ node: YAMLNode) {
        guard case .list(let items, _) = node else {
            if case .scalar(nil, _) = node { return }
            return problem(
                Self.receiversKey, node.place, "must be a list; each item has a name, matchers and a webhook")
        }
        for (index, item) in items.enumerated() {
            let prefix = "\(Self.receiversKey)[\(index)]"
            guard case .map(let members, _) = item else {
                problem(prefix, item.place, "must hold keys and values")
                continue
            }
            receivers.append(index)
            for setting in ReceiverConfiguration.needed {
                entries[setting.name.scoped(to: .receiver(index)).key] = Entry(value: nil, place: item.place)
            }
            for member in distinct(members, prefix: prefix + ".") {
                if member.key == Self.templatesKey {
                    receiverTemplates[index] = member.value
                    continue
                }
                recordReceiver("\(prefix).\(member.key)", member)
            }
        }
    }

    private mutating func recordReceiver(_ key: String, _ member: YAMLNode.Member) {
        guard let shape = Self.receiverShapes[member.key] else {
            let known = Array(Self.receiverShapes.keys) + [Self.templatesKey]
            return problem(key, member.place, Self.unknown(member.key, among: known))
        }
        // Without a value, the place of what is missing stays that of the receiver.
        if case .scalar(nil, _) = member.value { return }
        record(key, shape, member.value)
    }

    // MARK: Watchdogs

    /// One map, or a list of maps.
    private mutating func recordWatchdogs(_ node: YAMLNode) {
        switch node {
        case .map(let members, let place): recordWatchdog(Self.watchdogKey, members, place)
        case .list(let items, _):
            for (index, item) in items.enumerated() {
                let prefix = "\(Self.watchdogKey)[\(index)]"
                guard case .map(let members, let place) = item else {
                    problem(prefix, item.place, "must hold keys and values")
                    continue
                }
                recordWatchdog(prefix, members, place)
            }
        case .scalar(nil, _): break
        case .scalar: problem(Self.watchdogKey, node.place, "must hold keys and values, or a list of such")
        }
    }

    private mutating func recordWatchdog(_ prefix: String, _ members: [YAMLNode.Member], _ place: YAMLNode.Place) {
        watchdogs.append(prefix)
        for setting in WatchdogConfiguration.needed {
            entries[setting.name.scoped(to: .section(prefix)).key] = Entry(value: nil, place: place)
        }
        for member in distinct(members, prefix: prefix + ".") {
            let key = "\(prefix).\(member.key)"
            guard let shape = Self.watchdogShapes[member.key] else {
                problem(key, member.place, Self.unknown(member.key, among: Array(Self.watchdogShapes.keys)))
                continue
            }
            // Without a value, the place of what is missing stays that of the watchdog.
            if case .scalar(nil, _) = member.value { continue }
            record(key, shape, member.value)
        }
    }

    // MARK: Values

    /// Returns nil if a problem was noted.
    private mutating func value(_ key: String, _ shape: SettingShape, _ node: YAMLNode) -> SettingValue? {
        switch node {
        case .scalar(let text, _): return .text(text ?? "")
        case .list(let items, let place):
            let texts = items.compactMap { item in if case .scalar(let text, _) = item { text } else { nil } }
            guard texts.count == items.count else {
                problem(key, place, "its items must be single values")
                return nil
            }
            guard shape == .single else { return .list(texts) }
            guard texts.count < 2 else {
                problem(key, place, "must be a single value")
                return nil
            }
            return .text(texts.first ?? "")
        case .map(let members, let place):
            guard shape == .map else {
                problem(key, place, "must be a single value or a list")
                return nil
            }
            return .map(
                members.map { member in
                    if case .scalar(let text?, _) = member.value {
                        .init(key: member.key, value: text)
                    } else {
                        .init(key: member.key, value: "")
                    }
                })
        }
    }

    private mutating func problem(_ key: String?, _ place: YAMLNode.Place, _ message: String) {
        problems.append(ConfigurationProblem(key: key ?? "", message: message, place: describe(place)))
    }

    func describe(_ place: YAMLNode.Place) -> String { "\(path):\(place.line):\(place.column)" }

    // MARK: Names

    private static let receiversKey = "receivers"
    private static let watchdogKey = "watchdog"
    static let templatesKey = "templates"

    private static let shapes = shapes(of: Setting.all)
    private static let receiverShapes = shapes(of: ReceiverConfiguration.settings)
    private static let watchdogShapes = shapes(of: WatchdogConfiguration.settings)

    /// What each key may hold; the key of a secret's twin holds a path.
    private static func shapes<Group>(of settings: [Setting<Group>]) -> [String: SettingShape] {
        Dictionary(
            uniqueKeysWithValues: settings.flatMap { setting in
                [(setting.key, setting.shape)] + setting.names.dropFirst().map { ($0.key, .single) }
            })
    }

    private static let sections = Set(
        [receiversKey, watchdogKey, templatesKey]
            + shapes.keys.filter { $0.contains(".") }.map { String($0.prefix { $0 != "." }) })

    /// Says so, and names the known key that it is most like, where one is near.
    private static func unknown(_ key: String, among known: [String]) -> String {
        let nearest = NearestName.close(to: key, among: known)
        return "is not a setting" + (nearest.map { ", did you mean \($0)?" } ?? "")
    }
}
