import Alerts
import Glibc
import Journaling
import Libevent
import Logging
import Posting
import Support

/// The values of all settings, with their defaults. `settings` below says what each of them means.
struct RelayConfiguration: Sendable {
    /// The hook of each severity that has one of its own; empty only where secrets were not read.
    var hooks: [Severity: HookURL] = [:]
    /// How messages look and travel, where no receiver says otherwise.
    var posting = PostingSettings()
    /// Rooms beyond those of the severities, in the order in which they are tried.
    var receivers: [ReceiverConfiguration] = []
    /// Empty if no alert is expected regularly.
    var watchdogs: [WatchdogConfiguration] = []
    var listen: [SocketAddress] = [SocketAddress(host: "0.0.0.0", port: 8093)]
    var storagePath = "./data"
    /// Empty if senders need no token.
    var authTokens: [Secret] = []
    /// Empty if no user is configured, or secrets were not read.
    var users = BasicAuthentication()
    /// Without secrets if signatures are not configured, or secrets were not read.
    var signatures = SignatureSettings()
    /// Empty if all networks are allowed.
    var allowedNetworks = NetworkList()
    var trustedProxies = NetworkList()
    /// Nil for plain HTTP.
    var tlsFiles: TLSFiles?
    /// The content of those files, which is a secret: nil where secrets were not read.
    var tls: TLSContext?
    /// Zero for never.
    var dedupeWindow = Duration.seconds(60)
    /// In bytes.
    var journalLimit = 1 << 30
    var history = HistoryLimits.standard
    var drainTimeout = Duration.seconds(8)
    var fallbackAfter: [Severity: Duration] = [
        .critical: .seconds(60), .warning: .seconds(300), .info: .seconds(300), .fallback: .seconds(300),
    ]
    var usesOtherRooms = true
    var maxAge = Duration.seconds(24 * 3600)
    var severityAliases = SeverityMap.defaultAliases
    var severityDefault = Severity.fallback
    var usesThreads = false
    /// Who is mentioned by the first message on a newly firing alert.
    var mentions: [Severity: [String]] = [:]
    var mentionsWhenRerouted = false
    /// The channel of a severity that does not use its hook's own room.
    var channels: [Severity: String] = [:]
    var isReloadEnabled = false
    var statusPage = StatusAccess.authenticated
    /// The zone of times in messages.
    var timezone = ZoneName.utc
    var logLevel = Logger.Level.info
    var logFormat = LogFormat.logfmt
    var limits = HTTPLimits()
    /// Commands that people type in rooms.
    var chatOps = ChatOpsConfiguration()
    /// The Alertmanager that carries them out.
    var alertmanager = AlertmanagerConfiguration()
    /// The mail when no room can be told.
    var lastResort = LastResortConfiguration()
    /// What looks wrong and may be right, in the order of reading.
    var warnings: [ConfigurationProblem] = []

    var severities: SeverityMap { SeverityMap(aliases: severityAliases, default: severityDefault) }

    /// The variables of the settings that differ from the start's and that a reload does not apply.
    func needingRestart(since start: RelayConfiguration) -> [String] {
        Self.settings.filter { $0.needsRestart && !$0.isSame(self, start) }.map(\.variable)
    }

    /// The same for all severities; nil if they differ.
    private var fallbackAfterAll: Duration? {
        get { Set(fallbackAfter.values).count == 1 ? fallbackAfter.values.first : nil }
        set { for severity in Severity.allCases { fallbackAfter[severity] = newValue } }
    }
}

// MARK: Settings

extension RelayConfiguration: SettingGroup {
    static let settings: [Setting<RelayConfiguration>] = connections + operation

    /// Where alerts come from and go to. Receivers begin with these, so they are read next.
    static let connections =
        hookSettings + inboundSettings + signatureSettings + tlsSettings + [zoneSetting]
        + PostingSettings.settings.map { $0.within(\.posting) } + chatOpsSettings

    /// How the relay works on what it has accepted.
    static let operation =
        deliverySettings + Severity.allCases.flatMap(severitySettings(of:)) + processSettings
        + HTTPLimits.settings.map { $0.within(\.limits) }
        + LastResortConfiguration.settings.map { $0.within(\.lastResort) }

    private static let inboundSettings: [Setting<RelayConfiguration>] = [
        listenSetting, storageSetting,
        Setting(
            "auth_tokens", \.authTokens, .tokens, variable: "RELAY_AUTH_TOKEN", secrecy: .value, rejectsEmpty: true,
            "bearer tokens; a webhook must have one of them; `_file` and `_FILE` variants"),
        Setting(
            "basic_auth", \.users, .users, secrecy: .value, rejectsEmpty: true,
            """
            `user:bcrypt-hash` of users that may post with a password, of cost 14 at most; a map is also valid \
            in the file; `_file` and `_FILE` variants, as written by `htpasswd -B`
            """),
        Setting(
            "allowed_networks", \.allowedNetworks, .networks, default: "all", rejectsEmpty: true,
            """
            networks or addresses that may use `/webhook`, `/-/reload`, `/rocketchat` and the status page; \
            others are answered with 403
            """),
        Setting(
            "trusted_proxies", \.trustedProxies, .networks,
            "proxies with a trusted `X-Forwarded-For`; the header of other clients is ignored"),
    ]

    private static let zoneSetting: Setting<RelayConfiguration> = Setting(
        "timezone", \.timezone, .zone, needsRestart: true,
        after: { _, configuration, _ in
            configuration.posting.zone = configuration.timezone == .utc ? .utc : .process
        },
        "the time zone of times in messages, as in `Europe/Berlin`")

    private static let deliverySettings: [Setting<RelayConfiguration>] =
        [
            Setting(
                "dedupe_window", \.dedupeWindow, .duration(upToDays: 30), default: "`60s`", needsRestart: true,
                """
                how long a group's last accepted state is dropped as a duplicate; `0s` disables it; must be below \
                the smallest repeat_interval
                """),
            Setting(
                "fallback_after_all", \.fallbackAfterAll, .optional(.duration(upToDays: 365)),
                variable: "RELAY_FALLBACK_AFTER", "`fallback_after` for every severity at once"),
        ]

    private static let processSettings: [Setting<RelayConfiguration>] = [
        Setting(
            "severity_default", \.severityDefault, .severity,
            "the severity of alerts with an unknown or no label `severity`"),
        Setting(
            "failover", \.usesOtherRooms, .flag,
            """
            if a severity's own hook and the fallback both fail, the nearest other severity's room gets its \
            alerts, marked; with `false` they wait
            """),
        Setting(
            "threads", \.usesThreads, .flag,
            "also post a resolve to the thread of its firing (Rocket.Chat 7.9 and later)"),
        Setting(
            "mentions_when_rerouted", \.mentionsWhenRerouted, .flag,
            "also mention in another room, if the own hook does not work"),
        Setting("enable_reload", \.isReloadEnabled, .flag, "enable `POST /-/reload`"),
        Setting(
            "status_page", \.statusPage, .statusAccess,
            """
            the status page at `/` and its API: `authenticated` asks for the credentials of `/webhook`, `open` for none, \
            `off` answers 404
            """),
        Setting(
            "max_age", \.maxAge, .duration(upToDays: 3650), default: "`24h`",
            "an older firing that was resolved since is counted but not posted"),
        Setting(
            "journal_limit", \.journalLimit, .bytes(1 << 20...1 << 40), needsRestart: true,
            """
            the spool's size; above it webhooks are answered with 503; info may fill 70 % of it, warning 80 %, \
            unknown severities 90 %, critical all
            """),
        Setting(
            "history.max_age", \.history.maxAge, .duration(upToDays: 366),
            "how long the ends of notifications are kept for `relay history`; `0s` for none"),
        Setting(
            "history.max_entries", \.history.maxEntries, .count(0...200_000), default: "`20000`",
            "how many ends of notifications are kept; `0` for none"),
        Setting(
            "drain_timeout", \.drainTimeout, .duration(.zero ... .seconds(3600)),
            "time from SIGTERM until posts are aborted; the exit follows within a second"),
        Setting(
            "log_level", \.logLevel, .logLevel, variable: "LOG_LEVEL", flag: "log.level",
            "`trace` `debug` `info` `notice` `warning` `error` `critical`"),
        Setting(
            "log_format", \.logFormat, .logFormat, variable: "LOG_FORMAT", flag: "log.format", needsRestart: true,
            "`logfmt` or `json`"),
    ]

    // MARK: Settings of each severity

    static let hookSettings = Severity.allCases.map(hookSetting(of:))

    private static func hookSetting(of severity: Severity) -> Setting<RelayConfiguration> {
        let sentence =
            switch severity {
            case .critical: "the incoming-webhook URL of that severity; `_file` and `_FILE` name a file that holds it"
            case .warning, .info: "as above"
            case .fallback: "for alerts without a known severity, and for severities with a broken hook"
            }
        // The last one knows whether any is given.
        let check: Setting<RelayConfiguration>.Step = { reader, _, _ in reader.requireHook() }
        return Setting(
            "webhooks.\(severity)", \.hooks[severity], .optional(.hook),
            variable: "ROCKETCHAT_WEBHOOK_\(severity.rawValue.uppercased())",
            default: severity == .fallback ? "none" : "one at least", secrecy: .value,
            after: severity == Severity.allCases.last ? check : nil, sentence)
    }

    private static func severitySettings(of severity: Severity) -> [Setting<RelayConfiguration>] {
        let sentence =
            switch severity {
            case .critical: "how long the hook may fail before the fallback takes over"
            case .warning, .info: "as above"
            case .fallback: "how long the fallback hook may fail before another room takes over"
            }
        let delay: Setting<RelayConfiguration> = Setting(
            "fallback_after.\(severity)", \.fallbackAfter[severity], .optional(.duration(upToDays: 365)),
            default: severity == .critical ? "`60s`" : nil, sentence)
        let sameForAll = severity == .critical ? nil : "as above"
        let mentions: Setting<RelayConfiguration> = Setting(
            "mentions.\(severity)", \.mentions[severity], .optional(.mentions),
            sameForAll ?? """
                users and groups, `@here` or `@all`, which the first message on a newly firing alert mentions; repeats \
                and resolves mention nobody
                """)
        let channel: Setting<RelayConfiguration> = Setting(
            "channel.\(severity)", \.channels[severity], .optional(.channel), default: "the hook's",
            sameForAll
                ?? "`#room` or `@user` to post to instead; the integration must allow overwriting the channel")
        if severity == .fallback { return [delay, mentions, channel] }
        let aliases: Setting<RelayConfiguration> = Setting(
            "severity_aliases.\(severity)", \.severityAliases[severity], .optional(.list), default: "see the example",
            severity == .critical
                ? "values of the label `severity` that mean this severity, separated by commas" : "as above")
        return [delay, aliases, mentions, channel]
    }

    // MARK: Settings that are checked together with others

    static let listenSetting: Setting<RelayConfiguration> = Setting(
        "listen", \.listen, .addresses, flag: "listen", needsRestart: true,
        before: { reader, configuration, _ in
            if let listen = reader.value(of: SettingLookup.port, isSecret: false, SettingFormat.port) {
                configuration.listen = listen
            }
        },
        "addresses to listen on; `PORT` sets only the port")

    private static let storageSetting: Setting<RelayConfiguration> = Setting(
        "storage_path", \.storagePath, .text, flag: "storage.path", needsRestart: true,
        after: { reader, configuration, _ in
            if let file = fileInPlaceOfFolder(configuration.storagePath) {
                reader.problem(storageSetting.name, "\(SettingNotes.quoted(file)) is not a folder")
            }
        },
        "the spool's folder, created if it is missing")

    /// The folder may be missing, since the start makes it. Returns what has its name, or that of a folder above it.
    private static func fileInPlaceOfFolder(_ path: String) -> String? {
        var (part, status) = (path[...], stat())
        while stat(String(part), &status) != 0 {
            guard let slash = part.lastIndex(of: "/"), slash > part.startIndex else { return nil }
            part = part[..<slash]
        }
        return status.st_mode & S_IFMT == S_IFDIR ? nil : String(part)
    }
}

/// Where the configuration comes from, so that it can be read again, and what of it lives outside the app.
struct ConfigurationSources: Sendable {
    /// Reads everything anew; touches files, so never on the loop.
    var read: @Sendable () throws(ConfigurationError) -> RelayConfiguration
    /// Puts into force what the app does not hold: the log's threshold.
    var apply: @Sendable (RelayConfiguration) -> Void
}
