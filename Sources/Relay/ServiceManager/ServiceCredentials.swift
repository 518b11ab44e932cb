import Glibc

/// Credentials from the service manager (systemd.exec(5)). A file with the name of a setting, in lower case, holds that
/// setting if it is a secret. Otherwise it is the file that the setting names.
///
/// A unit can load whole folders, in which the operator creates only the needed files. The relay can read them although
/// its user can read nothing else.
enum ServiceCredentials {
    /// The variables that hold secrets.
    static let settings = Setting.all.filter(\.isSecret).map(\.variable)

    /// The variables that name a file.
    static let files = ["RELAY_CONFIG"] + Setting.all.map(\.variable).filter { $0.hasSuffix("_FILE") }

    /// Returns the path of the credential with the hook of a receiver; nil if the service manager does not provide it.
    static func hookFile(
        ofReceiver name: String, environment: [String: String], fileExists: (_ path: String) -> Bool
    ) -> String? {
        guard let folder = environment["CREDENTIALS_DIRECTORY"], !folder.isEmpty, !name.isEmpty else { return nil }
        let path = "\(folder)/rocketchat_webhook_\(name)"
        return fileExists(path) ? path : nil
    }

    /// Returns the variables that the credentials define. Variables that are already set are not changed.
    static func variables(
        beside environment: [String: String], fileExists: (_ path: String) -> Bool
    ) -> [String: String] {
        guard let folder = environment["CREDENTIALS_DIRECTORY"], !folder.isEmpty else { return [:] }
        var variables: [String: String] = [:]
        for setting in settings where environment[setting] == nil && environment[setting + "_FILE"] == nil {
            let path = "\(folder)/\(setting.lowercased())"
            if fileExists(path) { variables[setting + "_FILE"] = path }
        }
        for setting in files where environment[setting] == nil {
            let path = "\(folder)/\(setting.lowercased())"
            if fileExists(path) { variables[setting] = path }
        }
        return variables
    }

    /// Advice for a command that runs without the unit's credentials, on a machine with the unit's folders.
    static func advice(environment: [String: String], fileExists: (_ path: String) -> Bool) -> String {
        guard environment["CREDENTIALS_DIRECTORY"] == nil, fileExists("/etc/relay/hooks") else { return "" }
        return "; to use the unit's hooks in /etc/relay/hooks, run the command as CONFIGURATION.md says (With systemd)"
    }

    /// Adds them to the environment, from which the configuration is read. Must be called before threads exist: access
    /// to the environment is not synchronized.
    static func take() {
        let found = variables(beside: ConfigurationReader.processEnvironment) { access($0, F_OK) == 0 }
        for (key, path) in found { setenv(key, path, 1) }
    }
}
