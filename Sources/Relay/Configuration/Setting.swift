import Alerts

/// Everything that can be set, by both of its names: the environment variable and the key in the file.
struct Setting: Sendable, Equatable {
    var variable: String
    /// Dots part the levels of the file.
    var key: String
    /// It may stand in a file of its own, named by the `_FILE` variable or the `_file` key.
    var isSecret = false

    static let all: [Setting] =
        Severity.allCases.map {
            Setting(
                variable: "ROCKETCHAT_WEBHOOK_\($0.rawValue.uppercased())", key: "webhooks.\($0.rawValue)",
                isSecret: true)
        }
        + Severity.allCases.map {
            Setting(
                variable: "RELAY_FALLBACK_AFTER_\($0.rawValue.uppercased())", key: "fallback_after.\($0.rawValue)")
        }
        + Severity.allCases.filter { $0 != .fallback }.map {
            Setting(
                variable: "RELAY_SEVERITY_ALIASES_\($0.rawValue.uppercased())", key: "severity_aliases.\($0.rawValue)")
        }
        + ["cert", "key", "client_ca"].map {
            Setting(variable: "RELAY_TLS_\($0.uppercased())_FILE", key: "tls.\($0)_file")
        }
        + (posting + [
            "LISTEN", "STORAGE_PATH", "BASIC_AUTH", "ALLOWED_NETWORKS", "TRUSTED_PROXIES", "DEDUPE_WINDOW",
            "JOURNAL_LIMIT", "DRAIN_TIMEOUT", "FALLBACK_AFTER", "FAILOVER", "MAX_AGE", "THREADS", "ENABLE_RELOAD",
            "SEVERITY_DEFAULT", "MAX_BODY_SIZE", "MAX_HEADER_SIZE", "MAX_HEADER_FIELDS", "MAX_CONNECTIONS",
            "MAX_CONNECTIONS_PER_ADDRESS", "MEMORY_LIMIT", "IDLE_TIMEOUT", "REQUEST_TIMEOUT", "REPLY_TIMEOUT",
            "AUTH_TOKEN",
        ]).map {
            Setting(
                variable: "RELAY_\($0)", key: names[$0] ?? $0.lowercased(),
                isSecret: ["AUTH_TOKEN", "BASIC_AUTH", "PROXY"].contains($0))
        } + ["LOG_LEVEL", "LOG_FORMAT"].map { Setting(variable: $0, key: $0.lowercased()) }

    /// Keys that are not the variable's name in lower case.
    private static let names = ["FALLBACK_AFTER": "fallback_after_all", "AUTH_TOKEN": "auth_tokens"]

    /// Those of `PostingSettings`, which receivers have too.
    private static let posting = [
        "RATE_LIMIT", "TEXT_LIMIT", "SHOWN_LABELS", "HIDDEN_LABELS", "EMOJI", "ALIAS", "PROXY", "NO_PROXY", "CA_FILE",
        "CLIENT_CERT_FILE", "CLIENT_KEY_FILE", "CONNECT_TIMEOUT", "POST_TIMEOUT",
    ]

    /// What an item of the file's `receivers` may hold; there are no variables for it.
    static let receiverKeys =
        ["name", "matchers", "continue", "webhook", "webhook_file", "fallback_after", "proxy_file"]
        + posting.map { $0.lowercased() }
}
