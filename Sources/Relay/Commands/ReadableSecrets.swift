import Glibc

/// Files with secrets that every user of the machine can read.
enum ReadableSecrets {
    private static let secrets = [
        "ROCKETCHAT_WEBHOOK_", "RELAY_AUTH_TOKEN_FILE", "RELAY_BASIC_AUTH_FILE", "RELAY_TLS_KEY_FILE",
        "RELAY_PROXY_FILE",
        "RELAY_CLIENT_KEY_FILE",
    ]

    /// A sentence for `.env` in the working folder, and for each file that a variable names. Files below `/run/secrets`
    /// are left out: a container's engine puts them there, and nobody else is in the container.
    static func warnings(environment: [String: String]) -> [String] {
        let named = environment.filter { name, path in
            name.hasSuffix("_FILE") && secrets.contains { name.hasPrefix($0) } && !path.hasPrefix("/run/secrets/")
        }
        return ([".env"] + named.values.sorted()).filter(isReadableByAll).map {
            "every user of this machine can read \($0), which holds secrets; chmod 600 \($0)"
        }
    }

    private static func isReadableByAll(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IROTH != 0
    }
}
