import Glibc
import Support

/// The configuration file: the same settings as the environment's, and what is wrong with it.
struct SettingsFile: Sendable {
    let path: String
    /// By the environment variable that would say the same; a list's items are joined by commas.
    private(set) var values: [String: String] = [:]
    private(set) var places: [String: YAMLNode.Place] = [:]
    /// The file's own names of the variables.
    private(set) var keys: [String: String] = [:]
    /// The places of the items in `receivers` that can be read.
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
            take(members, prefix: "")
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

    private mutating func take(_ members: [YAMLNode.Member], prefix: String) {
        for member in distinct(members, prefix: prefix) { take(prefix + member.key, member) }
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

    private mutating func take(_ key: String, _ member: YAMLNode.Member) {
        if key == "receivers" { return takeReceivers(member.value) }
        if Self.sections.contains(key) {
            switch member.value {
            case .map(let members, _): take(members, prefix: key + ".")
            case .scalar(nil, _): break
            case .scalar, .list: problem(key, member.value.place, "must hold keys and values")
            }
            return
        }
        guard let variable = Self.variables[key] else {
            return problem(key, member.place, Self.unknown(key, among: Array(Self.variables.keys) + Self.sections))
        }
        // Where a problem with the lack of a value is to be told.
        if case .scalar(nil, let place) = member.value { return set(variable, key, nil, place) }
        guard let text = Self.pairs(key, member.value) ?? text(key, member.value) else { return }
        set(variable, key, text, member.value.place)
    }

    private mutating func set(_ variable: String, _ key: String, _ text: String?, _ place: YAMLNode.Place) {
        if let text { values[variable] = text }
        places[variable] = place
        keys[variable] = key
    }

    // MARK: Receivers

    /// The variable that stands for a receiver's setting among the others; one without a name is what they begin with.
    static func variable(receiver index: Int, _ name: String) -> String {
        "RELAY_RECEIVERS_\(index)_\(name.uppercased())"
    }

    private mutating func takeReceivers(_ node: YAMLNode) {
        guard case .list(let items, _) = node else {
            if case .scalar(nil, _) = node { return }
            return problem("receivers", node.place, "must be a list; each item has a name, matchers and a webhook")
        }
        for (index, item) in items.enumerated() {
            let prefix = "receivers[\(index)]"
            guard case .map(let members, _) = item else {
                problem(prefix, item.place, "must hold keys and values")
                continue
            }
            receivers.append(index)
            // Where what is missing is to be told.
            for name in ["name", "matchers", "webhook"] {
                set(Self.variable(receiver: index, name), "\(prefix).\(name)", nil, item.place)
            }
            for member in distinct(members, prefix: prefix + ".") {
                takeReceiver(index, "\(prefix).\(member.key)", member)
            }
        }
    }

    private mutating func takeReceiver(_ index: Int, _ key: String, _ member: YAMLNode.Member) {
        guard Setting.receiverKeys.contains(member.key) else {
            return problem(key, member.place, Self.unknown(member.key, among: Setting.receiverKeys))
        }
        // Commas are part of matchers, which are one a line here.
        let separator = member.key == "matchers" ? "\n" : ","
        guard let text = text(key, member.value, separator: separator) else { return }
        set(Self.variable(receiver: index, member.key), key, text, member.value.place)
    }

    /// Users may be written as a map from name to hash, as in the `basic_auth_users` of Prometheus's web.config.file.
    private static func pairs(_ key: String, _ node: YAMLNode) -> String? {
        guard key == "basic_auth", case .map(let members, _) = node else { return nil }
        return members.map { member in
            if case .scalar(let hash?, _) = member.value { "\(member.key):\(hash)" } else { "\(member.key):" }
        }.joined(separator: ",")
    }

    /// Nil where there is no value, or a problem was noted.
    private mutating func text(_ key: String, _ node: YAMLNode, separator: String = ",") -> String? {
        switch node {
        case .scalar(let text, _): return text
        case .list(let items, let place):
            var texts: [String] = []
            for item in items {
                guard case .scalar(let text?, _) = item else {
                    problem(key, place, "its items must be single values")
                    return nil
                }
                texts.append(text)
            }
            return texts.joined(separator: separator)
        case .map(_, let place):
            problem(key, place, "must be a single value or a list")
            return nil
        }
    }

    private mutating func problem(_ key: String?, _ place: YAMLNode.Place, _ message: String) {
        problems.append(ConfigurationProblem(key: key ?? "", message: message, place: describe(place)))
    }

    func describe(_ place: YAMLNode.Place) -> String { "\(path):\(place.line):\(place.column)" }

    // MARK: Names

    private static let variables: [String: String] = Dictionary(
        uniqueKeysWithValues: Setting.all.flatMap { setting in
            [(setting.key, setting.variable)]
                + (setting.isSecret ? [(setting.key + "_file", setting.variable + "_FILE")] : [])
        })

    private static let sections = Set(
        ["receivers"]
            + Setting.all.compactMap { $0.key.contains(".") ? String($0.key.prefix { $0 != "." }) : nil })

    /// Says so, and names the known key that it is most like, where one is near.
    private static func unknown(_ key: String, among known: [String]) -> String {
        let nearest = NearestName.close(to: key, among: known)
        return "is not a setting" + (nearest.map { ", did you mean \($0)?" } ?? "")
    }
}
