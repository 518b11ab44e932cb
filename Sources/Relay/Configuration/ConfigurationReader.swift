import Alerts
import Configuration
import Glibc
import Libevent
import Logging
import RocketChat
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

/// Reads the configuration: flags over environment over file over defaults; all problems are reported at once.
struct ConfigurationReader {
    private let reader: ConfigReader
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [ConfigurationProblem] = []
    /// No problem with the file or with a variable's name explains why there are no hooks.
    private let mustHaveHooks: Bool
    let environment: [String: String]
    let file: SettingsFile?
    /// The variables that the file does not decide.
    let overridden: Set<String>
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
        overridden = Set(flags.keys).union(environment.filter { !$0.value.trimmed.isEmpty }.keys)
        var hidden = Set(
            overridden.flatMap { [$0, $0 + "_FILE", $0.hasSuffix("_FILE") ? String($0.dropLast(5)) : $0] })
        // PORT says less than a list of addresses does, but from a higher place.
        if overridden.contains("PORT") { hidden.insert("RELAY_LISTEN") }
        self.file = file
        self.environment = environment
        reader = ConfigReader(providers: [
            EnvironmentVariablesProvider(environmentVariables: flags),
            EnvironmentVariablesProvider(environmentVariables: environment.filter { !$0.value.trimmed.isEmpty }),
            EnvironmentVariablesProvider(
                environmentVariables: file?.values.filter { !hidden.contains($0.key) } ?? [:]),
        ])
        let unknown = UnknownVariables.problems(in: environment)
        problems = (file?.problems ?? []) + unknown
        mustHaveHooks = (file?.problems ?? []).isEmpty && !unknown.contains { $0.key.hasPrefix("ROCKETCHAT_") }
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
        checkStorage(configuration.storagePath)
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
        let names = Severity.allCases.map(\.rawValue).joined(separator: ", ")
        read("RELAY_SEVERITY_DEFAULT", "one of \(names)", { Severity(rawValue: $0.lowercased()) }) {
            configuration.severityDefault = $0
        }
        readFlag("RELAY_FAILOVER") { configuration.usesOtherRooms = $0 }
        readFlag("RELAY_THREADS") { configuration.usesThreads = $0 }
        readFlag("RELAY_ENABLE_RELOAD") { configuration.isReloadEnabled = $0 }
        readDuration("RELAY_MAX_AGE") { configuration.maxAge = $0 }
        readBytes("RELAY_JOURNAL_LIMIT") { configuration.journalLimit = $0 }
        readDuration("RELAY_DRAIN_TIMEOUT") { configuration.drainTimeout = $0 }
        read(
            "LOG_LEVEL", "one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))",
            {
                Logger.Level(rawValue: $0.lowercased() == "warn" ? "warning" : $0.lowercased())
            }
        ) { configuration.logLevel = $0 }
        read("LOG_FORMAT", "logfmt or json", { LogFormat(rawValue: $0.lowercased()) }) { configuration.logFormat = $0 }
        readLimits(&configuration.limits)
        checkEmptyValues()
        checkQuotes()
        checkIntegrations(configuration)
        configuration.warnings = warnings
        return (configuration, problems)
    }

    // MARK: Groups of settings

    private mutating func readHooks() -> [Severity: HookURL] {
        var hooks: [Severity: HookURL] = [:]
        var isAnyGiven = false
        for severity in Severity.allCases {
            let key = "ROCKETCHAT_WEBHOOK_\(severity.rawValue.uppercased())"
            if text(key) != nil || text(key + "_FILE") != nil { isAnyGiven = true }
            if let url = secret(key) { hooks[severity] = hook(url, of: key) }
        }
        if !isAnyGiven && mustHaveHooks && readsSecrets {
            problem(
                "ROCKETCHAT_WEBHOOK_CRITICAL", "no hook is set; give the incoming-webhook URL of at least one severity")
        }
        return hooks
    }

    private mutating func readListen(_ configuration: inout RelayConfiguration) {
        if let port = text("PORT") {
            if let number = UInt16(port) {
                configuration.listen = [SocketAddress(host: "0.0.0.0", port: number)]
            } else {
                problem("PORT", "\(Self.quoted(port)) is not a port from 0 to 65535")
            }
        }
        guard let list = text("RELAY_LISTEN") else { return }
        var addresses: [SocketAddress] = []
        for item in list.split(separator: ",").map(\.trimmed) {
            guard let address = SocketAddress(item) else {
                problem(
                    "RELAY_LISTEN", "\(Self.quoted(item)) is not an address; write host:port, [::]:8093 or :8093")
                continue
            }
            // Port 0 is another port each time.
            if address.port != 0, addresses.contains(address) {
                problem("RELAY_LISTEN", "\(address) is given twice")
            } else {
                addresses.append(address)
            }
        }
        if addresses.isEmpty && list.allSatisfy({ $0 == "," || $0.isWhitespace }) {
            problem("RELAY_LISTEN", "holds no address")
        }
        if !addresses.isEmpty { configuration.listen = addresses }
    }

    private mutating func readLimits(_ limits: inout HTTPLimits) {
        var found = limits
        readBytes("RELAY_MAX_BODY_SIZE") { found.bodySize = $0 }
        readBytes("RELAY_MAX_HEADER_SIZE") { found.headerSize = $0 }
        readCount("RELAY_MAX_HEADER_FIELDS") { found.headerFields = $0 }
        readCount("RELAY_MAX_CONNECTIONS") { found.connections = $0 }
        readCount("RELAY_MAX_CONNECTIONS_PER_ADDRESS") { found.connectionsPerAddress = $0 }
        // Unless it is set, the memory grows with the bodies that it has to hold.
        found.memory = max(found.memory, found.bodySize * 2)
        readBytes("RELAY_MEMORY_LIMIT") { found.memory = $0 }
        if found.memory / 4 * 3 < found.bodySize {
            problem("RELAY_MEMORY_LIMIT", "three quarters of it must hold a body of RELAY_MAX_BODY_SIZE")
        }
        readDuration("RELAY_IDLE_TIMEOUT") { found.idleTimeout = $0 }
        readDuration("RELAY_REQUEST_TIMEOUT") { found.requestTimeout = $0 }
        readDuration("RELAY_REPLY_TIMEOUT") { found.replyTimeout = $0 }
        limits = found
    }

    // MARK: Single values

    /// The value without white space at its ends; nil if nothing is left.
    func text(_ key: String) -> String? {
        // The provider's own spelling: `RELAY_LISTEN` is asked for as relay.listen.
        let value = reader.string(forKey: ConfigKey(key.lowercased().split(separator: "_").map(String.init)))
        return value.map(\.trimmed).flatMap { $0.isEmpty ? nil : $0 }
    }

    mutating func read<Value>(
        _ key: String, _ expected: String, _ parse: (String) -> Value?, _ set: (Value) -> Void
    ) {
        guard let text = text(key) else { return }
        if let value = parse(text) {
            set(value)
        } else {
            let hint = text.isQuoted ? "; take the quotes out" : ""
            problem(key, "\(Self.quoted(text)) is not \(expected)\(hint)")
        }
    }

    mutating func readFlag(_ key: String, _ set: (Bool) -> Void) {
        read(key, "true or false", { Bool($0.lowercased()) }, set)
    }

    mutating func readDuration(_ key: String, _ set: (Duration) -> Void) {
        let range = Self.range(of: key)
        read(key, range.expectation, range.duration, set)
    }

    private mutating func readBytes(_ key: String, _ set: (Int) -> Void) {
        let range = Self.range(of: key)
        read(key, range.expectation, range.bytes, set)
    }

    mutating func readCount(_ key: String, _ set: (Int) -> Void) {
        let range = Self.range(of: key)
        read(key, range.expectation, range.count, set)
    }

    mutating func readRate(_ key: String, _ set: (RateLimit?) -> Void) {
        let range = Self.range(of: key)
        read(key, range.expectation, range.rate, set)
    }

    private static func range(of key: String) -> SettingRange {
        guard let range = SettingRange.of(key) else { preconditionFailure("\(key) has no range in SettingRange.all") }
        return range
    }

    /// In quotes, with control characters written out, not too long for a line.
    static func quoted(_ text: String) -> String { String(text.unicodeScalars.prefix(100)).debugDescription }

    mutating func problem(_ variable: String, _ message: String) { problems.append(report(variable, message)) }

    /// Notes what looks wrong and may be right: it is told, and the configuration is taken.
    mutating func warn(_ variable: String, _ message: String) { warnings.append(report(variable, message)) }

    /// Names the file's key and place where it was the file that said so.
    private func report(_ variable: String, _ message: String) -> ConfigurationProblem {
        guard let file, !overridden.contains(variable), let place = file.places[variable] else {
            return ConfigurationProblem(key: variable, message: message)
        }
        let key = file.keys[variable] ?? variable
        return ConfigurationProblem(key: key, message: message, place: file.describe(place))
    }

    /// The items of a list that commas part.
    static func items(_ list: String) -> [String] {
        list.split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
    }
}
