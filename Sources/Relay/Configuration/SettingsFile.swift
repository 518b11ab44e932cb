import Glibc
import Support

/// The configuration file: typed values of the settings by their keys, and what is wrong with it.
struct SettingsFile: Sendable {
    struct Entry: Sendable {
        /// Nil for a key without a value, and for a key that a receiver needs and does not have.
        var value: SettingValue?
        var place: YAMLNode.Place
    }

    let path: String
    private(set) var entries: [String: Entry] = [:]
    /// The indices of the items in `receivers` that can be read.
    private(set) var receivers: [Int] = []
    private(set) var problems: [ConfigurationProblem] = []

    /// Nobody writes more by hand.
    private static let sizeLimit = 1 << 20

    init(path: String) {
        self.path = path
        guard let bytes = readFile(path) else { return }
        do throws(YAMLNode.Failure) {
            let root = try YAMLNode.read(bytes)
            guard case .map(let members, _) = root else {
                problem(nil, root.place, "the file must hold keys and values")
                return
            }
            record(members, prefix: "")
        } catch {
            problem(nil, error.place, error.message)
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
                recordReceiver("\(prefix).\(member.key)", member)
            }
        }
    }

    private mutating func recordReceiver(_ key: String, _ member: YAMLNode.Member) {
        guard let shape = Self.receiverShapes[member.key] else {
            return problem(key, member.place, Self.unknown(member.key, among: Array(Self.receiverShapes.keys)))
        }
        // Without a value, the place of what is missing stays that of the receiver.
        if case .scalar(nil, _) = member.value { return }
        record(key, shape, member.value)
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

    private static let shapes = shapes(of: Setting.all)
    private static let receiverShapes = shapes(of: ReceiverConfiguration.settings)

    /// What each key may hold; the key of a secret's twin holds a path.
    private static func shapes<Group>(of settings: [Setting<Group>]) -> [String: SettingShape] {
        Dictionary(
            uniqueKeysWithValues: settings.flatMap { setting in
                [(setting.key, setting.shape)] + setting.names.dropFirst().map { ($0.key, .single) }
            })
    }

    private static let sections = Set(
        [receiversKey] + shapes.keys.filter { $0.contains(".") }.map { String($0.prefix { $0 != "." }) })

    /// Says so, and names the known key that it is most like, where one is near.
    private static func unknown(_ key: String, among known: [String]) -> String {
        let nearest = NearestName.close(to: key, among: known)
        return "is not a setting" + (nearest.map { ", did you mean \($0)?" } ?? "")
    }
}
