import Alerts
import Glibc
import Posting
import Support

/// One thing wrong with the configuration: which key, and what about it. Never holds a secret's value.
struct ConfigurationProblem: Equatable, CustomStringConvertible {
    var key: String
    var message: String
    /// Where in the file: `relay.yml:12:5`.
    var place: String?

    var description: String { [place, key.isEmpty ? nil : key, message].compactMap { $0 }.joined(separator: ": ") }
}

struct ConfigurationError: Error, CustomStringConvertible {
    var problems: [ConfigurationProblem]

    var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Reads the configuration by the declarations of its settings; all problems are reported at once.
struct ConfigurationReader {
    private(set) var lookup: SettingLookup
    let readsSecrets: Bool
    private var problems: [ConfigurationProblem]
    private var warnings: [ConfigurationProblem] = []
    /// No problem with the file or with a variable's name explains why there are no hooks.
    private let mustHaveHooks: Bool

    /// - Parameters:
    ///   - flags: values of command-line flags by the name of the environment variable that they override.
    ///   - environment: the environment variables.
    ///   - file: the configuration file, read already.
    ///   - readsSecrets: false for a command that posts nothing: it needs no hook, and may run as another user, who
    ///     cannot read the files of secrets.
    init(
        flags: [String: String] = [:], environment: [String: String], file: SettingsFile? = nil,
        readsSecrets: Bool = true
    ) {
        lookup = SettingLookup(flags: flags, environment: environment, file: file)
        self.readsSecrets = readsSecrets
        let unknown = UnknownVariables.problems(in: environment)
        problems = (file?.problems ?? []) + unknown
        let webName = RelayConfiguration.webConfigSetting.name
        if let path = lookup.text(webName) {
            let web = WebConfigFile(path: path, name: webName.shown)
            lookup.web = web
            problems += web.problems
        }
        mustHaveHooks = (file?.problems ?? []).isEmpty && !unknown.contains { $0.key.hasPrefix("ROCKETCHAT_") }
    }

    /// The process's own environment.
    static var processEnvironment: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let pointer = entry.pointee {
            let text = String(cString: pointer)
            if let end = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
                variables[String(text[..<end])] = String(text[text.utf8.index(after: end)...])
            }
            entry += 1
        }
        return variables
    }

    mutating func read() throws(ConfigurationError) -> RelayConfiguration {
        let (configuration, problems) = readLeniently()
        // In the order of the file, so that a person can go through them.
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return configuration
    }

    /// A value with a problem is replaced by its default.
    mutating func readLeniently() -> (configuration: RelayConfiguration, problems: [ConfigurationProblem]) {
        var configuration = RelayConfiguration()
        read(RelayConfiguration.connections, into: &configuration)
        readTemplates(&configuration)
        readReceivers(&configuration)
        readWatchdogs(&configuration)
        read(RelayConfiguration.operation, into: &configuration)
        checkEmptyValues()
        checkQuotes()
        checkIntegrations(configuration)
        configuration.warnings = warnings
        return (configuration, problems)
    }

    /// The severities for which a hook or its file is given. Needs no access to the secrets.
    var hookedSeverities: Set<Severity> {
        let hooks = zip(Severity.allCases, RelayConfiguration.hookSettings)
        return Set(hooks.filter { $0.1.names.contains { lookup.value(of: $0) != nil } }.map(\.0))
    }

    mutating func read<Group>(_ settings: [Setting<Group>], into group: inout Group, _ scope: SettingScope = .all) {
        for setting in settings { setting.read(&self, &group, scope) }
    }

    // MARK: Values

    /// The value; nil if none is given, or a problem was noted.
    mutating func value<Value>(of name: SettingName, isSecret: Bool, _ format: SettingFormat<Value>) -> Value? {
        guard isSecret else {
            return lookup.value(of: name).flatMap { parse($0, of: name, format) }
        }
        guard readsSecrets else { return nil }
        let value = lookup.value(of: name)
        guard let path = lookup.text(name.file) else {
            return value.flatMap { parse($0, of: name, format) }
        }
        if value != nil {
            problem(name, "is given together with \(name.file.shown); give one of them")
            return nil
        }
        return self.value(inFile: path, for: name.file, format)
    }

    /// The value in a file of its own; nil if a problem was noted. Blocks while it reads the file.
    ///
    /// - Parameter name: what problems are reported with.
    mutating func value<Value>(inFile path: String, for name: SettingName, _ format: SettingFormat<Value>) -> Value? {
        do throws(SecretFile.Failure) {
            return parse(.text(try SecretFile.read(path)), of: name, inFile: path, format)
        } catch {
            problem(name, "\(path) \(error)\(adviceOnReading(error))")
            return nil
        }
    }

    private mutating func parse<Value>(
        _ value: SettingValue, of name: SettingName, inFile path: String? = nil, _ format: SettingFormat<Value>
    ) -> Value? {
        var notes = SettingNotes()
        let result = format.parse(value, &notes)
        for message in notes.problems { problem(name, (path.map { "\($0): " } ?? "") + message) }
        for message in notes.warnings { warn(name, message) }
        return result
    }

    /// The service manager's own way to secrets, where it runs the relay as a user that cannot read the file.
    private func adviceOnReading(_ failure: SecretFile.Failure) -> String {
        guard failure == .unreadable(errno: EACCES), lookup.environment["CREDENTIALS_DIRECTORY"] != nil else {
            return ""
        }
        return "; under systemd the relay reads credentials alone: leave the path out, and put the file into "
            + "/etc/relay/hooks or /etc/relay/secrets under the name that docs/CONFIGURATION.md gives"
    }

    /// The paths of a certificate and its key; nil if neither is given, or a problem was noted.
    ///
    /// - Parameters:
    ///   - others: the settings that need the two.
    ///   - message: the problem if one of the two is missing and any other is given.
    mutating func certificateAndKey(
        _ certificate: SettingName, _ key: SettingName, others: [SettingName] = [], orElse message: String
    ) -> (certificate: String, key: String)? {
        if let certificate = lookup.text(certificate), let key = lookup.text(key) { return (certificate, key) }
        if let given = ([certificate, key] + others).first(where: { lookup.text($0) != nil }) {
            problem(given, message)
        }
        return nil
    }

    // MARK: Problems

    mutating func note(_ others: [ConfigurationProblem]) { problems += others }

    mutating func problem(_ name: SettingName, _ message: String) {
        let problem = report(name, message)
        if !problems.contains(problem) { problems.append(problem) }
    }

    /// Adds a warning: the value looks wrong, but the configuration is accepted.
    mutating func warn(_ name: SettingName, _ message: String) { warnings.append(report(name, message)) }

    /// Names the file's key and place if the file gives the value.
    private func report(_ name: SettingName, _ message: String) -> ConfigurationProblem {
        let place = lookup.place(of: name)
        let key = place == nil ? name.shown : lookup.key(of: name)
        return ConfigurationProblem(key: key, message: message, place: place)
    }

    // MARK: Checks of the whole

    /// A value in the web configuration file is a problem if the setting has one too.
    mutating func checkWebConfig() {
        for setting in Setting.all {
            guard lookup.web?.entries[setting.key] != nil,
                let own = setting.names.first(where: { lookup.ownValue(of: $0) != nil })
            else { continue }
            problem(setting.name, "is given together with \(own.shown); give one of them")
        }
    }

    /// Notes a problem if no severity has a hook.
    mutating func requireHook() {
        let names = RelayConfiguration.hookSettings.flatMap(\.names)
        guard mustHaveHooks, readsSecrets, !names.contains(where: { lookup.value(of: $0) != nil }) else { return }
        let advice = ServiceCredentials.advice(environment: lookup.environment) { access($0, F_OK) == 0 }
        problem(names[0], "no hook is set; give the incoming-webhook URL of at least one severity\(advice)")
    }

    /// An empty value of a setting that says who may post is a problem: set but empty, as an unset variable of compose
    /// is, it would leave the listener open to everybody. Other variables that are set but empty are worth a warning.
    private mutating func checkEmptyValues() {
        guard readsSecrets else { return }
        for name in Setting.all.filter(\.rejectsEmpty).flatMap(\.names) where lookup.isGivenEmpty(name) {
            problem(name, "is set but empty, which would let anybody in; give it a value, or leave it out")
        }
        let others = Setting.all.filter { !$0.rejectsEmpty }
        for name in others.map(\.name) + others.filter(\.isSecret).map(\.name.file)
        where lookup.isEmptyInEnvironment(name) {
            warn(name, "is set but empty, and counts as not set")
        }
    }

    /// A folder or a name in quotes would be taken as it is, quotes included.
    private mutating func checkQuotes() {
        for name in Setting.all.map(\.name) where lookup.environment[name.shown]?.trimmed.isQuoted == true {
            if problems.contains(where: { $0.key == name.shown }) { continue }
            problem(name, "is in quotes, which docker's --env-file keeps; take them out")
        }
    }

    /// Warns if two URLs name one integration: the server limits integrations, and the relay limits URLs as written.
    private mutating func checkIntegrations(_ configuration: RelayConfiguration) {
        var known: [String: (name: String, hook: HookURL)] = [:]
        let severities = Severity.allCases.map { ($0.rawValue, configuration.hooks[$0]) }
        let receivers = configuration.receivers.map { ("receiver " + $0.name, $0.hook) }
        for (name, hook) in severities + receivers {
            guard let hook, hook.namesIntegration else { continue }
            let integration = hook.integration.lowercased().split(separator: "://").last.map(String.init) ?? ""
            if let first = known[integration], first.hook != hook {
                let message =
                    "is the integration of \(first.name), written otherwise; write both alike to share its limit"
                warnings.append(ConfigurationProblem(key: name, message: message))
            } else {
                known[integration] = (name, hook)
            }
        }
    }
}
