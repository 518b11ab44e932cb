import Configuration
import Glibc
import Libevent
import Logging

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

/// Reads the configuration: flags over environment over file over defaults; all problems are reported at once.
struct ConfigurationReader {
    private let reader: ConfigReader
    private var problems: [ConfigurationProblem] = []
    let file: SettingsFile?
    /// The variables that the file does not decide.
    private let overridden: Set<String>
    let readsSecrets: Bool

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
        self.readsSecrets = readsSecrets
        // A value and its `_FILE` twin are one setting: whichever of them a higher source gives hides the lower's.
        overridden = Set(flags.keys).union(environment.filter { !$0.value.isEmpty }.keys)
        var hidden = Set(
            overridden.flatMap { [$0, $0 + "_FILE", $0.hasSuffix("_FILE") ? String($0.dropLast(5)) : $0] })
        // PORT says less than a list of addresses does, but from a higher place.
        if overridden.contains("PORT") { hidden.insert("RELAY_LISTEN") }
        self.file = file
        reader = ConfigReader(providers: [
            EnvironmentVariablesProvider(environmentVariables: flags),
            EnvironmentVariablesProvider(environmentVariables: environment),
            EnvironmentVariablesProvider(
                environmentVariables: file?.values.filter { !hidden.contains($0.key) } ?? [:]),
        ])
        problems = file?.problems ?? []
    }

    /// The process's own environment.
    static var processEnvironment: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let pointer = entry.pointee {
            let parts = String(cString: pointer).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
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

    /// The default stands in for each value with a problem.
    mutating func readLeniently() -> (configuration: RelayConfiguration, problems: [ConfigurationProblem]) {
        var configuration = RelayConfiguration(hooks: readHooks())
        readListen(&configuration)
        if let path = text("RELAY_STORAGE_PATH") { configuration.storagePath = path }
        readAuthentication(&configuration)
        readNetworks(&configuration)
        readTLS(&configuration)
        readPosting("RELAY_", &configuration.posting)
        readReceivers(&configuration)
        readDuration("RELAY_DEDUPE_WINDOW") { configuration.dedupeWindow = $0 }
        readDuration("RELAY_FALLBACK_AFTER") { patience in
            for severity in Severity.allCases { configuration.fallbackAfter[severity] = patience }
        }
        for severity in Severity.allCases {
            readDuration("RELAY_FALLBACK_AFTER_\(severity.rawValue.uppercased())") {
                configuration.fallbackAfter[severity] = $0
            }
            guard let list = text("RELAY_SEVERITY_ALIASES_\(severity.rawValue.uppercased())") else { continue }
            configuration.severityAliases[severity] = Self.items(list)
        }
        let tiers = Severity.allCases.map(\.rawValue).joined(separator: ", ")
        read("RELAY_SEVERITY_DEFAULT", "one of \(tiers)", { Severity(rawValue: $0.lowercased()) }) {
            configuration.severityDefault = $0
        }
        readFlag("RELAY_THREADS") { configuration.usesThreads = $0 }
        readFlag("RELAY_ENABLE_RELOAD") { configuration.isReloadEnabled = $0 }
        readDuration("RELAY_MAX_AGE") { configuration.maxAge = $0 }
        readBytes("RELAY_JOURNAL_LIMIT", atLeast: 1 << 20) { configuration.journalLimit = $0 }
        readDuration("RELAY_DRAIN_TIMEOUT") { configuration.drainTimeout = $0 }
        read(
            "LOG_LEVEL", "one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))",
            {
                Logger.Level(rawValue: $0.lowercased() == "warn" ? "warning" : $0.lowercased())
            }
        ) { configuration.logLevel = $0 }
        read("LOG_FORMAT", "logfmt or json", { LogFormat(rawValue: $0.lowercased()) }) { configuration.logFormat = $0 }
        readLimits(&configuration.limits)
        return (configuration, problems)
    }

    // MARK: Groups of settings

    private mutating func readHooks() -> [Severity: HookURL] {
        var hooks: [Severity: HookURL] = [:]
        var isAnyGiven = false
        for severity in Severity.allCases {
            let key = "ROCKETCHAT_WEBHOOK_\(severity.rawValue.uppercased())"
            guard let url = secret(key) else { continue }
            isAnyGiven = true
            hooks[severity] = hook(url, of: key)
        }
        if !isAnyGiven && problems.isEmpty && readsSecrets {
            problem(
                "ROCKETCHAT_WEBHOOK_CRITICAL", "no hook is set; give the incoming-webhook URL of at least one severity")
        }
        return hooks
    }

    /// Nil where a problem was noted.
    mutating func hook(_ url: String, of key: String) -> HookURL? {
        do {
            return try HookURL(url)
        } catch {
            problem(key, "\(error)")
            return nil
        }
    }

    private mutating func readListen(_ configuration: inout RelayConfiguration) {
        if let port = text("PORT") {
            if let number = UInt16(port) {
                configuration.listen = [SocketAddress(host: "0.0.0.0", port: number)]
            } else {
                problem("PORT", "\"\(port)\" is not a port from 0 to 65535")
            }
        }
        guard let list = text("RELAY_LISTEN") else { return }
        var addresses: [SocketAddress] = []
        for item in list.split(separator: ",").map(\.trimmed) {
            if let address = SocketAddress(item) {
                addresses.append(address)
            } else {
                problem("RELAY_LISTEN", "\"\(item)\" is not an address; write host:port, [::]:8093 or :8093")
            }
        }
        if addresses.isEmpty && problems.isEmpty { problem("RELAY_LISTEN", "holds no address") }
        if !addresses.isEmpty { configuration.listen = addresses }
    }

    private mutating func readLimits(_ limits: inout HTTPLimits) {
        var found = limits
        readBytes("RELAY_MAX_BODY_SIZE", atLeast: 1024) { found.bodySize = $0 }
        readBytes("RELAY_MAX_HEADER_SIZE", atLeast: 1024) { found.headerSize = $0 }
        readCount("RELAY_MAX_HEADER_FIELDS") { found.headerFields = $0 }
        readCount("RELAY_MAX_CONNECTIONS") { found.connections = $0 }
        readDuration("RELAY_IDLE_TIMEOUT") { found.idleTimeout = $0 }
        readDuration("RELAY_REQUEST_TIMEOUT") { found.requestTimeout = $0 }
        readDuration("RELAY_REPLY_TIMEOUT") { found.replyTimeout = $0 }
        limits = found
    }

    // MARK: Single values

    func text(_ key: String) -> String? {
        // The provider's own spelling: `RELAY_LISTEN` is asked for as relay.listen.
        let value = reader.string(forKey: ConfigKey(key.lowercased().split(separator: "_").map(String.init)))
        return value.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A value that may stand in a file instead, named by the key's `_FILE` twin.
    mutating func secret(_ key: String) -> String? {
        guard readsSecrets else { return nil }
        let value = text(key)
        guard let path = text(key + "_FILE") else { return value?.trimmed }
        if value != nil {
            problem(key, "is given together with \(key)_FILE; give one of them")
            return nil
        }
        guard let bytes = FileContent.read(path, limit: 64 * 1024) else {
            problem(key + "_FILE", "cannot read \(path): \(String(cString: strerror(errno)))")
            return nil
        }
        let content = String(decoding: bytes, as: UTF8.self).trimmed
        if content.isEmpty { problem(key + "_FILE", "\(path) is empty") }
        return content.isEmpty ? nil : content
    }

    mutating func read<Value>(
        _ key: String, _ expected: String, _ parse: (String) -> Value?, _ set: (Value) -> Void
    ) {
        guard let text = text(key) else { return }
        if let value = parse(text.trimmed) {
            set(value)
        } else {
            problem(key, "\"\(text)\" is not \(expected)")
        }
    }

    mutating func readFlag(_ key: String, _ set: (Bool) -> Void) {
        read(key, "true or false", { Bool($0.lowercased()) }, set)
    }

    mutating func readDuration(_ key: String, _ set: (Duration) -> Void) {
        read(key, "a duration as in 8s, 500ms or 1m30s", Quantity.duration, set)
    }

    private mutating func readBytes(_ key: String, atLeast minimum: Int, _ set: (Int) -> Void) {
        read(
            key, "a size of at least \(minimum) bytes, as in 64MiB",
            { Quantity.bytes($0).flatMap { $0 >= minimum ? $0 : nil } }, set)
    }

    private mutating func readCount(_ key: String, _ set: (Int) -> Void) {
        read(key, "a whole number above 0", { Int($0).flatMap { $0 > 0 ? $0 : nil } }, set)
    }

    /// Names the file's key and place where it was the file that said so.
    mutating func problem(_ variable: String, _ message: String) {
        guard let file, !overridden.contains(variable), let place = file.places[variable] else {
            return problems.append(ConfigurationProblem(key: variable, message: message))
        }
        let key = file.keys[variable] ?? variable
        problems.append(ConfigurationProblem(key: key, message: message, place: file.describe(place)))
    }

    /// The items of a list that commas part.
    static func items(_ list: String) -> [String] {
        list.split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
    }
}
