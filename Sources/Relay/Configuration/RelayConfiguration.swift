import Alerts
import Libevent
import Logging
import RocketChat
import Support

/// Everything that can be set, with its defaults: what `serve` runs on.
struct RelayConfiguration: Sendable {
    /// The hook of each severity that has one of its own; empty only where secrets were not read.
    var hooks: [Severity: HookURL]
    /// How messages look and travel, where no receiver says otherwise.
    var posting = PostingSettings()
    /// Rooms beyond those of the severities, in the order in which they are tried.
    var receivers: [ReceiverConfiguration] = []
    var listen: [SocketAddress] = [SocketAddress(host: "0.0.0.0", port: 8093)]
    var storagePath = "./data"
    /// Bearer tokens of which a webhook must carry one; empty for none.
    var authTokens: [Secret] = []
    /// Users of whom a webhook may come in place of a token; none where secrets were not read.
    var users = BasicAuthentication()
    /// Where webhooks may come from; anywhere if empty.
    var allowedNetworks = NetworkList()
    /// Whose `X-Forwarded-For` is believed.
    var trustedProxies = NetworkList()
    /// What the listener speaks TLS by; nil for plain HTTP.
    var tlsFiles: TLSFiles?
    /// The content of those files, which is a secret: nil where secrets were not read.
    var tls: TLSContext?
    /// How long an identical payload is taken for a duplicate; zero for never.
    var dedupeWindow = Duration.seconds(60)
    /// Bytes of the spool above which webhooks are refused.
    var journalLimit = 1 << 30
    /// From SIGTERM to exit.
    var drainTimeout = Duration.seconds(8)
    /// How long a severity's hook may fail before the fallback takes over.
    var fallbackAfter: [Severity: Duration] = [
        .critical: .seconds(60), .warning: .seconds(300), .info: .seconds(300), .fallback: .seconds(300),
    ]
    /// Where neither a severity's own hook nor the fallback works, the others carry its alerts.
    var usesOtherRooms = true
    /// A firing notification that is older, and resolved since, is not told any more.
    var maxAge = Duration.seconds(24 * 3600)
    /// The words that stand for each tier; a word of none is of the default.
    var severityAliases = SeverityMap.defaultAliases
    /// The tier of a word of none, and of an alert without one.
    var severityDefault = Severity.fallback
    /// A resolve is posted to its firing's thread too.
    var usesThreads = false
    /// `POST /-/reload` is answered.
    var isReloadEnabled = false
    var logLevel = Logger.Level.info
    var logFormat = LogFormat.logfmt
    var limits = HTTPLimits()
    /// What looks wrong and may be right, in the order of reading.
    var warnings: [ConfigurationProblem] = []

    /// Where alerts of a severity go: to its own hook, else to the fallback, else to the nearest hook that is at least
    /// as urgent, else to the nearest below. An accepted alert always has a room.
    func hook(for severity: Severity) -> HookURL {
        guard let hook = rooms(for: severity).first.flatMap({ hooks[$0] }) else {
            preconditionFailure("a configuration without any hook is refused when it is read")
        }
        return hook
    }

    /// The severities that have a hook, in the order in which they are asked to carry this one's alerts.
    func rooms(for severity: Severity) -> [Severity] {
        Self.preference(for: severity).filter { hooks[$0] != nil }
    }

    private static func preference(for severity: Severity) -> [Severity] {
        switch severity {
        case .critical: [.critical, .fallback, .warning, .info]
        case .warning: [.warning, .fallback, .critical, .info]
        case .info: [.info, .fallback, .warning, .critical]
        case .fallback: [.fallback, .warning, .critical, .info]
        }
    }

    var severities: SeverityMap { SeverityMap(aliases: severityAliases, default: severityDefault) }

    /// The settings that differ from those that the process began with and are not taken up while it runs, by their
    /// variables.
    func needingRestart(since start: RelayConfiguration) -> [String] {
        [
            ("RELAY_LISTEN", listen != start.listen), ("RELAY_STORAGE_PATH", storagePath != start.storagePath),
            ("RELAY_DEDUPE_WINDOW", dedupeWindow != start.dedupeWindow),
            ("RELAY_JOURNAL_LIMIT", journalLimit != start.journalLimit), ("LOG_FORMAT", logFormat != start.logFormat),
            ("the limits of the listener", limits != start.limits),
        ].filter(\.1).map(\.0)
    }
}

/// How messages to a hook look and travel. A receiver begins with those of all hooks and changes some.
struct PostingSettings: Sendable, Equatable {
    /// Posts to the hook; nil for no limit.
    var rateLimit: RateLimit? = .rocketChat
    /// Rocket.Chat's Message_MaxAllowedSize, in UTF-16 units.
    var textLimit = 5000
    /// The labels to show, in this order; all where empty.
    var shownLabels: [String] = []
    var hiddenLabels = ["prometheus", "prometheus_replica"]
    /// The avatar as a short name.
    var emoji: String?
    /// The name that messages are shown under.
    var alias: String?
    /// To Rocket.Chat; nil for what the environment's `https_proxy` says.
    var proxy: Secret?
    var noProxy: String?
    /// Certificates to trust in place of the system's.
    var caFile: String?
    /// What to show a server that asks for a certificate.
    var clientCertificate: ClientCertificate?
    /// To connect to Rocket.Chat, TLS included.
    var connectTimeout = Duration.seconds(5)
    /// Of one whole post to Rocket.Chat.
    var postTimeout = Duration.seconds(20)

    var renderSettings: RenderSettings {
        RenderSettings(
            textLimit: textLimit, shownLabels: shownLabels, hiddenLabels: hiddenLabels, emoji: emoji, alias: alias)
    }

    var delivererSettings: DelivererSettings {
        DelivererSettings(
            userAgent: "relay/\(Version.current)", connectTimeout: connectTimeout, timeout: postTimeout, proxy: proxy,
            noProxy: noProxy, caFile: caFile, clientCertificate: clientCertificate)
    }
}

/// A room of its own for some alerts, beyond the severities' four.
struct ReceiverConfiguration: Sendable {
    var name: String
    /// An alert must match them all.
    var matchers: [LabelMatcher]
    /// Nil only where secrets were not read.
    var hook: HookURL?
    /// Whether an alert that it takes goes on to those after it, and to its severity's room if none of them takes it.
    var continues = false
    /// How long the hook may fail before the fallback takes over; nil for what the severity's hook has.
    var fallbackAfter: Duration?
    var posting: PostingSettings
}

/// Where the configuration comes from, so that it can be read again, and what of it lives outside the app.
struct ConfigurationSources: Sendable {
    /// Reads everything anew; touches files, so never on the loop.
    var read: @Sendable () throws(ConfigurationError) -> RelayConfiguration
    /// Puts into force what the app does not hold: the log's threshold.
    var apply: @Sendable (RelayConfiguration) -> Void
}

extension AlertRouter {
    /// - Parameter numbers: the journal's names of receivers by their numbers.
    init(_ receivers: [ReceiverConfiguration], numbers: [ReceiverID: String]) {
        let byName = Dictionary(numbers.map { ($0.value, $0.key) }) { first, _ in first }
        self.init(
            receivers.compactMap { receiver in
                byName[receiver.name].map {
                    Entry(receiver: $0, matchers: receiver.matchers, continues: receiver.continues)
                }
            })
    }
}
