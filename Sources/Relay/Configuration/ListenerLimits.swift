import Libevent

/// The limits of the listener as settings. The listener has them from its start, so that all need a restart.
extension HTTPLimits: SettingGroup {
    static let settings: [Setting<HTTPLimits>] = [
        maxBodySize,
        Setting(
            "max_header_size", \.headerSize, .bytes(1 << 10...1 << 20), needsRestart: true,
            "size limit of a request's header"),
        Setting(
            "max_header_fields", \.headerFields, .count(1...10_000), needsRestart: true, "header fields of a request"),
        Setting(
            "max_connections", \.connections, .count(1...1_000_000), needsRestart: true,
            "concurrent connections; above it a new one replaces the one that was silent longest"),
        Setting(
            "max_connections_per_address", \.connectionsPerAddress, .count(1...1_000_000), needsRestart: true,
            """
            concurrent connections of one client: an IPv4 address, or an IPv6 /64; trusted proxies are exempt, \
            the clients they report are not
            """),
        memoryLimit,
        Setting(
            "idle_timeout", \.idleTimeout, .timeout(upTo: .seconds(86_400)), needsRestart: true,
            "time limit of a connection between requests; a new one has 5 s for its first byte"),
        Setting(
            "request_timeout", \.requestTimeout, .timeout(upTo: .seconds(3600)), needsRestart: true,
            "time limit from a request's first byte to its last"),
        Setting(
            "reply_timeout", \.replyTimeout, .timeout(upTo: .seconds(3600)), needsRestart: true,
            "a webhook is answered with 503 if its commit takes longer"),
    ]

    private static let maxBodySize: Setting<HTTPLimits> = Setting(
        "max_body_size", \.bodySize, .bytes(1 << 10...1 << 30), needsRestart: true,
        "size limit of a webhook, compressed and decompressed; 10,000 alerts of 1.5 kB fit")

    private static let memoryLimit: Setting<HTTPLimits> = Setting(
        "memory_limit", \.memory, .bytes(32 << 20...1 << 40), needsRestart: true,
        // Unless it is set, the memory grows with the bodies that it has to hold.
        before: { _, limits, _ in limits.memory = max(limits.memory, limits.bodySize * 2) },
        after: { reader, limits, scope in
            guard limits.memory / 4 * 3 < limits.bodySize else { return }
            reader.problem(
                memoryLimit.name.scoped(to: scope),
                "three quarters of it must hold a body of \(maxBodySize.variable)")
        },
        "for all requests and replies in flight; a quarter is reserved for authenticated senders")
}
