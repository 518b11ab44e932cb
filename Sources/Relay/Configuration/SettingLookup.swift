import Support

/// A value as its source wrote it.
enum SettingValue: Sendable, Equatable {
    struct Pair: Sendable, Equatable {
        var key: String
        var value: String
    }

    case text(String)
    case list([String])
    case map([Pair])

    /// The text without white space at its ends. Empty for a list or a map: `SettingsFile` refuses them for settings
    /// that have a single value.
    var single: String {
        guard case .text(let text) = self else { return "" }
        return text.trimmed
    }

    /// The items of a list without white space at their ends, empty ones included. Text is split at commas here only. A
    /// pair becomes `key:value`, as in a file of htpasswd.
    var items: [String] {
        switch self {
        case .text(let text): text.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
        case .list(let items): items.map(\.trimmed)
        case .map(let pairs): pairs.map { "\($0.key):\($0.value)".trimmed }
        }
    }

    /// An empty value counts as not given.
    var isEmpty: Bool {
        switch self {
        case .text: single.isEmpty
        case .list(let items): items.count < 2 && items.allSatisfy(\.trimmed.isEmpty)
        case .map(let pairs): pairs.isEmpty
        }
    }
}

/// Finds the value of a setting: flags over environment over file.
struct SettingLookup: Sendable {
    /// The variable that sets the port only. From a higher source it overrides the addresses of a lower one.
    static let port = SettingName(key: "", variable: "PORT")

    let environment: [String: String]
    let file: SettingsFile?
    /// The values of a web configuration file, which come before all others.
    var web: WebConfigFile?
    private let flags: [String: String]
    /// The variables that flags or the environment give.
    private let overridden: Set<String>
    /// The variables whose values in the file do not count.
    private let hidden: Set<String>

    /// - Parameters:
    ///   - flags: values of command-line flags by the variable that they override.
    init(flags: [String: String], environment: [String: String], file: SettingsFile?) {
        (self.flags, self.environment, self.file) = (flags, environment, file)
        overridden = Set(flags.keys).union(environment.filter { !$0.value.trimmed.isEmpty }.keys)
        // A value and its `_FILE` twin are one setting: a higher source that gives either hides both of a lower one.
        var hidden = Set(
            overridden.flatMap { [$0, $0 + "_FILE", $0.hasSuffix("_FILE") ? String($0.dropLast(5)) : $0] })
        if overridden.contains(Self.port.shown) { hidden.insert(RelayConfiguration.listenSetting.variable) }
        self.hidden = hidden
    }

    /// The value; nil if there is none, or an empty one.
    func value(of name: SettingName) -> SettingValue? {
        web?.entries[name.key]?.value ?? ownValue(of: name)
    }

    /// The value that is given under the relay's own name.
    func ownValue(of name: SettingName) -> SettingValue? {
        let value: SettingValue?
        if let variable = name.variable, overridden.contains(variable) {
            value = (flags[variable] ?? environment[variable]).map { .text($0) }
        } else {
            value = name.variable.map(hidden.contains) == true ? nil : file?.entries[name.key]?.value
        }
        return value.flatMap { $0.isEmpty ? nil : $0 }
    }

    func text(_ name: SettingName) -> String? { value(of: name)?.single }

    /// Where the file gives the value: `relay.yml:12:5`. Nil if a higher source does, or nothing.
    func place(of name: SettingName) -> String? {
        if let entry = web?.entries[name.key] { return entry.place }
        guard !isOverridden(name), let file, let entry = file.entries[name.key] else { return nil }
        return file.describe(entry.place)
    }

    /// The key at that place.
    func key(of name: SettingName) -> String { web?.entries[name.key]?.key ?? name.key }

    /// The setting is given without a value: an empty text, an empty list, a key alone.
    func isGivenEmpty(_ name: SettingName) -> Bool {
        if isEmptyInEnvironment(name) { return true }
        guard !isOverridden(name), let entry = file?.entries[name.key] else { return false }
        return entry.value.map(\.isEmpty) ?? true
    }

    func isEmptyInEnvironment(_ name: SettingName) -> Bool {
        name.variable.flatMap { environment[$0] }.map(\.trimmed.isEmpty) ?? false
    }

    private func isOverridden(_ name: SettingName) -> Bool { name.variable.map(overridden.contains) ?? false }
}
