import Glibc

/// Finds files with secrets that every local user can read.
enum ReadableSecrets {
    /// The variables that name a file with a secret.
    private static let variables = Setting.all.compactMap { (setting) -> String? in
        switch setting.secrecy {
        case .none: nil
        case .value: setting.name.file.shown
        case .file: setting.variable
        }
    }

    /// Returns a warning for `.env` in the working folder and for each file that a variable names. Skips
    /// `/run/secrets`: container engines create those files, and the container has no other users.
    static func warnings(environment: [String: String]) -> [String] {
        let named = variables.compactMap { environment[$0] }.filter { !$0.hasPrefix("/run/secrets/") }
        return ([".env"] + named.sorted()).filter(isReadableByAll).map {
            "every user of this machine can read \($0), which holds secrets; chmod 600 \($0)"
        }
    }

    private static func isReadableByAll(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IROTH != 0
    }
}
