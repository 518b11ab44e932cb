import Glibc

/// The service manager's credentials (systemd.exec(5)): a file that bears the name of a secret setting, in lower case,
/// holds that setting.
///
/// So a unit can load a whole folder of hooks, of which the operator has filled in those that there are.
enum ServiceCredentials {
    static let settings =
        Severity.allCases.map { "ROCKETCHAT_WEBHOOK_\($0.rawValue.uppercased())" }
        + ["RELAY_AUTH_TOKEN", "RELAY_BASIC_AUTH"]

    /// The `_FILE` variables that the credentials stand for. A setting that the environment has already stays as it is.
    static func variables(
        beside environment: [String: String], fileExists: (_ path: String) -> Bool
    ) -> [String: String] {
        guard let folder = environment["CREDENTIALS_DIRECTORY"], !folder.isEmpty else { return [:] }
        var variables: [String: String] = [:]
        for setting in settings where environment[setting] == nil && environment[setting + "_FILE"] == nil {
            let path = "\(folder)/\(setting.lowercased())"
            if fileExists(path) { variables[setting + "_FILE"] = path }
        }
        return variables
    }

    /// Puts them into the process's environment, where the configuration is read from. To be called before there are
    /// threads: the environment has no lock.
    static func take() {
        let found = variables(beside: ConfigurationReader.processEnvironment) { access($0, F_OK) == 0 }
        for (key, path) in found { setenv(key, path, 1) }
    }
}
