/// How messages to a hook look and travel. A receiver begins with those of all hooks and changes some.
struct PostingSettings: Sendable, Equatable {
    /// Posts to the hook; nil for no limit.
    var rateLimit: PostLimit? = .rocketChat
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

/// The files of a certificate and its key, both PEM.
struct ClientCertificate: Sendable, Equatable {
    var certificate: String
    var key: String
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
