import Alerts
import Glibc
import Journaling
import RocketChat
import SQLiteJournal

/// The service manager's credentials (systemd.exec(5)): a file that bears the name of a setting, in lower case, holds that
/// setting if it is a secret, or is the file that the setting names.
///
/// So a unit can load whole folders, of which the operator has filled in what there is, and the relay reads everything
/// as a user that can read nothing else.
enum ServiceCredentials {
    /// The variables of secrets.
    static let settings = Setting.all.filter(\.isSecret).map(\.variable)

    /// The variables that name a file.
    static let files = ["RELAY_CONFIG"] + Setting.all.map(\.variable).filter { $0.hasSuffix("_FILE") }

    /// The credential that holds the hook of a receiver of the configuration file; nil where the service manager loads
    /// none of its name.
    static func hookFile(
        ofReceiver name: String, environment: [String: String], fileExists: (_ path: String) -> Bool
    ) -> String? {
        guard let folder = environment["CREDENTIALS_DIRECTORY"], !folder.isEmpty, !name.isEmpty else { return nil }
        let path = "\(folder)/rocketchat_webhook_\(name)"
        return fileExists(path) ? path : nil
    }

    /// The variables that the credentials stand for. A setting that the environment has already stays as it is.
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

    /// Puts them into the process's environment, where the configuration is read from. To be called before there are
    /// threads: the environment has no lock.
    static func take() {
        let found = variables(beside: ConfigurationReader.processEnvironment) { access($0, F_OK) == 0 }
        for (key, path) in found { setenv(key, path, 1) }
    }
}
