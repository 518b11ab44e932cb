import Alerts
import Glibc
import RocketChat
import Support

/// Values that only the relay may know: hooks and credentials, which may stand in files of their own.
extension ConfigurationReader {
    /// Nil where a problem was noted. Notes a warning for each thing that looks wrong.
    ///
    /// - Parameter file: where it was read from, if its variable does not say so.
    mutating func hook(_ url: String, of key: String, from file: String? = nil) -> HookURL? {
        do {
            try HookReview.checkForm(url)
            let hook = try HookURL(url)
            for sentence in try HookReview.review(url) { warn(origin(of: key), sentence) }
            return hook
        } catch {
            problem(origin(of: key), (file.map { "\($0): " } ?? fileNote(of: key)) + "\(error)")
            return nil
        }
    }

    /// A value that may stand in a file instead, named by the key's `_FILE` twin.
    mutating func secret(_ key: String) -> String? {
        guard readsSecrets else { return nil }
        let value = text(key)
        guard let path = text(key + "_FILE") else { return value }
        if value != nil {
            problem(key, "is given together with \(key)_FILE; give one of them")
            return nil
        }
        return content(of: path, key + "_FILE")
    }

    /// The content of a file of a secret; nil where a problem was noted.
    mutating func content(of path: String, _ key: String) -> String? {
        do throws(SecretFile.Failure) {
            return try SecretFile.read(path)
        } catch {
            problem(key, "\(path) \(error)\(adviceOnReading(error))")
            return nil
        }
    }

    /// The service manager's own way to secrets, where it runs the relay as a user that cannot read the file.
    private func adviceOnReading(_ failure: SecretFile.Failure) -> String {
        guard failure == .unreadable(errno: EACCES), environment["CREDENTIALS_DIRECTORY"] != nil else { return "" }
        return "; under systemd the relay reads credentials alone: leave the path out, and put the file into "
            + "/etc/relay/hooks or /etc/relay/secrets under the name that docs/CONFIGURATION.md gives"
    }

    /// The variable that a secret was read from: the `_FILE` twin where there is one.
    func origin(of key: String) -> String { text(key + "_FILE") == nil ? key : key + "_FILE" }

    /// Names the file that a secret was read from, at the beginning of a problem.
    func fileNote(of key: String) -> String { text(key + "_FILE").map { "\($0): " } ?? "" }

    /// Rocket.Chat's limit is one for each integration, and the relay's budget one for each URL as it is written.
    mutating func checkIntegrations(_ configuration: RelayConfiguration) {
        var known: [String: (name: String, hook: HookURL)] = [:]
        let severities = Severity.allCases.map { ($0.rawValue, configuration.hooks[$0]) }
        let receivers = configuration.receivers.map { ("receiver " + $0.name, $0.hook) }
        for (name, hook) in severities + receivers {
            guard let hook, hook.namesIntegration else { continue }
            let integration = hook.integration.lowercased().split(separator: "://").last.map(String.init) ?? ""
            if let first = known[integration], first.hook != hook {
                let message =
                    "is the integration of \(first.name), written otherwise; write both alike to share its limit"
                warn(name, message)
            } else {
                known[integration] = (name, hook)
            }
        }
    }

    // MARK: Empty values

    /// Settings that say who may post. Set but empty, as an unset variable of compose is, they would leave the listener
    /// open to everybody.
    private static let guards = [
        "RELAY_AUTH_TOKEN", "RELAY_AUTH_TOKEN_FILE", "RELAY_BASIC_AUTH", "RELAY_BASIC_AUTH_FILE",
        "RELAY_ALLOWED_NETWORKS", "RELAY_TLS_CERT_FILE", "RELAY_TLS_KEY_FILE", "RELAY_TLS_CLIENT_CA_FILE",
    ]

    /// Empty guards are problems; other variables that are set but empty are worth a warning.
    mutating func checkEmptyValues() {
        guard readsSecrets else { return }
        for key in Self.guards where isSetEmpty(key) {
            problem(key, "is set but empty, which would let anybody in; give it a value, or leave it out")
        }
        let variables = Setting.all.map(\.variable) + Setting.all.filter(\.isSecret).map { $0.variable + "_FILE" }
        for key in variables where !Self.guards.contains(key) && environment[key]?.trimmed.isEmpty == true {
            warn(key, "is set but empty, and counts as not set")
        }
    }

    /// A folder or a name in quotes would be taken as it is, quotes included.
    mutating func checkQuotes() {
        for key in Setting.all.map(\.variable) where environment[key]?.trimmed.isQuoted == true {
            if problems.contains(where: { $0.key == key }) { continue }
            problem(key, "is in quotes, which docker's --env-file keeps; take them out")
        }
    }

    private func isSetEmpty(_ key: String) -> Bool {
        if environment[key]?.trimmed.isEmpty == true { return true }
        guard let file, !overridden.contains(key), file.places[key] != nil else { return false }
        // A key without a value, an empty text, an empty list.
        return file.values[key].map { $0.trimmed.isEmpty } ?? true
    }
}
