import Alerts
import Libevent
import Posting

/// What a configuration comes to, for an operator: who may post, how the listener is protected, which rooms there are.
///
/// `check-config` prints it, `serve` logs it. It names integrations by their ids and never holds a token.
struct ConfigurationSummary: Equatable {
    struct Line: Equatable {
        var key: String
        var text: String
    }

    /// The severities' rooms, then the receivers', then the rest.
    let lines: [Line]
    /// The listener takes webhooks from other machines without asking who sends them.
    let isOpenToAnybody: Bool

    init(_ configuration: RelayConfiguration) {
        var lines = Severity.allCases.map { Line(key: $0.rawValue, text: Self.room(of: $0, configuration)) }
        lines += configuration.receivers.map { receiver in
            Line(key: "receiver \(receiver.name)", text: Self.room(of: receiver, configuration))
        }
        lines += configuration.watchdogs.map { Line(key: "watchdog \($0.name)", text: Self.watchdog($0)) }
        lines.append(Line(key: "failover", text: Self.failover(configuration)))
        lines.append(Line(key: "last resort", text: Self.lastResort(configuration.lastResort)))
        lines.append(Line(key: "senders", text: Self.senders(configuration)))
        lines.append(Line(key: "status page", text: configuration.statusPage.summary(configuration)))
        lines.append(Line(key: "tls", text: Self.tls(configuration)))
        lines.append(Line(key: "commands", text: Self.commands(configuration)))
        lines.append(
            Line(key: "listen", text: configuration.listen.map(\.description).joined(separator: ", ")))
        lines.append(Line(key: "storage", text: configuration.storagePath))
        self.lines = lines
        isOpenToAnybody = !Self.asksForSenders(configuration) && !configuration.listen.allSatisfy(Self.isLoopback)
    }

    // MARK: Rooms

    private static func room(of severity: Severity, _ configuration: RelayConfiguration) -> String {
        let hook = configuration.hook(for: severity)
        var text = hook.integration
        if configuration.hooks[severity] == nil {
            let owner = Severity.allCases.first { configuration.hooks[$0] == hook }
            text += " (no hook of its own, so it goes to \(owner?.rawValue ?? "another room"))"
        }
        return text + sharing(hook, except: severity.rawValue, configuration)
            + addressees(
                configuration.mentions(for: severity, nil), configuration.channelRule(for: severity, nil))
    }

    private static func room(of receiver: ReceiverConfiguration, _ configuration: RelayConfiguration) -> String {
        let matchers = receiver.matchers.map(\.description).joined(separator: ", ")
        if receiver.drops { return "drops alerts with {\(matchers)}" }
        let goesOn = receiver.continues ? ", and on" : ""
        guard let hook = receiver.hook else { return " for {\(matchers)}\(goesOn)" }
        return "\(hook.integration) for {\(matchers)}\(goesOn)"
            + sharing(hook, except: "receiver " + receiver.name, configuration)
            + addressees(receiver.mentions ?? [], configuration.channelRule(for: .critical, receiver))
    }

    /// The channel and the mentions, if the settings name any.
    private static func addressees(_ mentions: [String], _ rule: ChannelRule) -> String {
        var text = rule.channel.map { ", in \($0)" } ?? ""
        if let label = rule.label {
            text += ", in the channel of the label \(label) (\(rule.allowed.map(\.text).joined(separator: " ")))"
        }
        return text + (mentions.isEmpty ? "" : ", mentions \(mentions.joined(separator: " "))")
    }

    /// Whose own hook is the same one: they share its budget and its room.
    private static func sharing(_ hook: HookURL, except name: String, _ configuration: RelayConfiguration) -> String {
        var others = Severity.allCases.filter { configuration.hooks[$0] == hook }.map(\.rawValue)
        others += configuration.receivers.filter { $0.hook == hook }.map { "receiver " + $0.name }
        let owns = others.contains(name)
        others.removeAll { $0 == name }
        return owns && !others.isEmpty ? " (the same hook as \(others.joined(separator: ", ")))" : ""
    }

    private static func failover(_ configuration: RelayConfiguration) -> String {
        let others =
            configuration.usesOtherRooms
            ? "the nearest other severity's hook that works" : "no other hook, so that its alerts wait until it does"
        guard let fallback = configuration.hooks[.fallback] else {
            let room = configuration.rooms(for: .fallback).first
            return "no fallback hook is set: where a severity's hook does not work, its alerts go to \(others); "
                + "alerts of unknown severity go to \(room?.rawValue ?? "another room")"
        }
        return "where a hook does not work, its alerts go to \(fallback.integration) (fallback), then to \(others)"
    }

    private static func watchdog(_ watchdog: WatchdogConfiguration) -> String {
        let matchers = watchdog.matchers.map(\.description).joined(separator: ", ")
        let sources = watchdog.label.map { " for each \($0)" } ?? ""
        return
            "{\(matchers)}\(sources) must arrive every \(Quantity.text(watchdog.timeout)), else \(watchdog.room) is told"
    }

    private static func lastResort(_ settings: LastResortConfiguration) -> String {
        guard let server = settings.server else { return "no mail is sent if no hook works" }
        return
            "if neither a room's hook nor the next one works for \(Quantity.text(settings.after)), \(server.text) gets a "
            + "mail to \(settings.to.map(\.text).joined(separator: ", "))"
    }

    // MARK: The listener

    private static func asksForSenders(_ configuration: RelayConfiguration) -> Bool {
        !configuration.authTokens.isEmpty || !configuration.users.isEmpty || !configuration.allowedNetworks.isEmpty
            || !configuration.signatures.secrets.isEmpty || configuration.tlsFiles?.clientCA != nil
    }

    private static func senders(_ configuration: RelayConfiguration) -> String {
        guard asksForSenders(configuration) else {
            return "anybody who reaches the port may post: none of RELAY_AUTH_TOKEN, RELAY_BASIC_AUTH, "
                + "RELAY_HMAC_SECRET, RELAY_ALLOWED_NETWORKS and RELAY_TLS_CLIENT_CA_FILE is set"
        }
        let (tokens, users) = (configuration.authTokens.count, configuration.users.count)
        var secrets: [String] = []
        if tokens > 0 { secrets.append(tokens == 1 ? "the bearer token" : "one of \(tokens) bearer tokens") }
        if users > 0 { secrets.append(users == 1 ? "the password of 1 user" : "the password of one of \(users) users") }
        if !configuration.signatures.secrets.isEmpty {
            secrets.append("a signature in \(configuration.signatures.header)")
        }
        var conditions: [String] = []
        if !secrets.isEmpty { conditions.append("with " + secrets.joined(separator: " or ")) }
        if configuration.tlsFiles?.clientCA != nil { conditions.append("with a client certificate") }
        if !configuration.allowedNetworks.isEmpty { conditions.append("from RELAY_ALLOWED_NETWORKS alone") }
        return "may post " + conditions.joined(separator: ", ")
    }

    private static func tls(_ configuration: RelayConfiguration) -> String {
        guard let files = configuration.tlsFiles else {
            return "off: webhooks and their credentials arrive in the clear, unless a proxy in front speaks TLS"
        }
        let clients = files.clientCA.map { ", clients must show a certificate of \($0)" } ?? ""
        return "on, with \(files.certificate)\(clients)"
    }

    private static func isLoopback(_ address: SocketAddress) -> Bool {
        address.host == "localhost" || address.host == "::1" || address.host.hasPrefix("127.")
    }
}
