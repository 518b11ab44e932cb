import Alerts
import ChatMarkup
import Posting
import RocketChat
import Support

/// The rendering and transport settings of a hook, and its target. A receiver starts with the common settings and
/// overrides some.
struct PostingSettings: Sendable, Equatable {
    /// Nil for no limit.
    var rateLimit: RateLimit? = .rocketChat
    var textLimit = 5000
    /// All labels if it is empty.
    var shownLabels: [String] = []
    var hiddenLabels = RenderSettings.defaultHiddenLabels
    var annotations = AnnotationMarkup.text
    var emoji: String?
    var alias: String?
    /// The label that names an alert's channel; nil if all alerts have the same.
    var channelLabel: String?
    var channelAllow: [ChannelPattern] = []
    /// The zone of times in messages; the same for all rooms (`RelayConfiguration.timezone`).
    var zone = DisplayZone.utc
    /// The templates of the room's messages, which only the file has (`TemplateReader`).
    var templates = TemplateBook()
    /// The length of the silence that a button of messages sets; nil for no buttons. The same for all rooms
    /// (`chatops.silence_button`).
    var silenceButton: Duration?
    /// Nil for that of the environment's `https_proxy`.
    var proxy: Secret?
    var noProxy: String?
    var caFile: String?
    var clientCertificate: ClientCertificate?
    var connectTimeout = Duration.seconds(5)
    var postTimeout = Duration.seconds(20)

    /// The target that renders for a hook and classifies its responses.
    func target(for hook: HookURL) -> any Target { RocketChatTarget(hook: hook, settings: renderSettings) }

    var renderSettings: RenderSettings {
        RenderSettings(
            textLimit: textLimit, shownLabels: shownLabels, hiddenLabels: hiddenLabels, emoji: emoji, alias: alias,
            annotations: annotations, zone: zone, templates: templates,
            // The command's parser reads whole seconds.
            silenceButton: silenceButton.map { Quantity.text(.seconds($0.components.seconds)) })
    }

    var delivererSettings: DelivererSettings {
        DelivererSettings(
            userAgent: "relay/\(Version.current)", connectTimeout: connectTimeout, timeout: postTimeout, proxy: proxy,
            noProxy: noProxy, caFile: caFile, clientCertificate: clientCertificate)
    }
}

extension PostingSettings: SettingGroup {
    static let settings: [Setting<PostingSettings>] = [
        Setting(
            "rate_limit", \.rateLimit,
            .rate(posts: 1...10_000, window: .milliseconds(1) ... .seconds(7 * 86_400)), default: "`10/60s`",
            "posts to one hook; `off` for no limit: alerts are then folded only if the room is slow"),
        Setting(
            "text_limit", \.textLimit, .textLimit, "Rocket.Chat's Message_MaxAllowedSize, in UTF-16 units"),
        Setting("shown_labels", \.shownLabels, .list, default: "all", "the labels to show, in this order"),
        Setting("hidden_labels", \.hiddenLabels, .list, "labels never shown"),
        Setting(
            "annotations", \.annotations, .annotations,
            "`text` shows annotations as they are written; `markdown` keeps bold text, code, lists and links in them"),
        Setting("emoji", \.emoji, .optional(.emoji), default: "the room's", "the messages' avatar, as in `:fire:`"),
        Setting(
            "alias", \.alias, .optional(.line), default: "the hook's",
            "the displayed sender name; the hook's user needs the permission message-impersonate"),
        Setting(
            "channel_label", \.channelLabel, .optional(.labelName), default: "none",
            "the label that names the channel of an alert; needs `channel_allow`"),
        channelAllowSetting,
        Setting(
            "proxy", \.proxy, .optional(.proxy), default: "`https_proxy`", secrecy: .value,
            "a proxy's URL; `_file` and `_FILE` variants"),
        Setting(
            "no_proxy", \.noProxy, .optional(.hosts), default: "`no_proxy`",
            "hosts to connect to without the proxy, separated by commas"),
        Setting("ca_file", \.caFile, .optional(.certificates), default: "the system's", "certificates to trust"),
        clientCertificate, clientKey,
        Setting(
            "connect_timeout", \.connectTimeout, .timeout(upTo: .seconds(600)),
            "time limit for connecting to Rocket.Chat, including TLS"),
        Setting("post_timeout", \.postTimeout, .timeout(upTo: .seconds(3600)), "time limit for one whole post"),
    ]

    private static let channelAllowSetting: Setting<PostingSettings> = Setting(
        "channel_allow", \.channelAllow, .channelPatterns,
        after: { reader, settings, scope in
            let name = channelAllowSetting.name.scoped(to: scope)
            if settings.channelLabel != nil, settings.channelAllow.isEmpty {
                reader.problem(
                    name, "is missing; channel_label needs the channels that a label may name, as in #alerts-*")
            } else if settings.channelLabel == nil, !settings.channelAllow.isEmpty {
                reader.warn(name, "has no effect without channel_label")
            }
        },
        "patterns of the channels that the label may name, as in `#alerts-*`; other alerts stay in the hook's own room")
    private static let clientCertificate: Setting<PostingSettings> = Setting(
        file: "client_cert_file", read: { readClientCertificate(&$0, &$1, $2) },
        "the client certificate for a server that requests one, PEM")
    private static let clientKey: Setting<PostingSettings> = Setting(
        file: "client_key_file", secrecy: .file, "its key, PEM")

    private static func readClientCertificate(
        _ reader: inout ConfigurationReader, _ settings: inout PostingSettings, _ scope: SettingScope
    ) {
        let (certificate, key) = (clientCertificate.name.scoped(to: scope), clientKey.name.scoped(to: scope))
        let message = "a client certificate needs its key; give both, or neither"
        guard let paths = reader.certificateAndKey(certificate, key, orElse: message) else { return }
        if let fault = PEMFile.fault(in: paths.certificate, .certificates) { reader.problem(certificate, fault) }
        // A command that reads no secrets may not have access to the key.
        if reader.readsSecrets, let fault = PEMFile.fault(in: paths.key, .key) { reader.problem(key, fault) }
        settings.clientCertificate = ClientCertificate(certificate: paths.certificate, key: paths.key)
    }
}

extension SettingFormat where Value == Int {
    /// Rocket.Chat 9.0 does not parse a text above 10,000 units, so none of its links and code would work.
    fileprivate static var textLimit: Self {
        var format = count(500...1_000_000)
        format.warn = { $0 > 10_000 ? "above 10000, Rocket.Chat 9.0 shows a text without links and code" : nil }
        return format
    }
}

extension SettingFormat where Value == AnnotationMarkup {
    fileprivate static var annotations: Self {
        .single("text or markdown", text: \.rawValue) { AnnotationMarkup(rawValue: $0.lowercased()) }
    }
}

extension SettingFormat where Value == HookURL {
    static var hook: Self {
        Self(.single, text: { _ in nil }) { value, notes in
            do {
                let (hook, warnings) = try HookReview.hook(value.single)
                notes.warnings += warnings
                return hook
            } catch {
                notes.problems.append("\(error)")
                return nil
            }
        }
    }
}

extension Digest {
    /// The message of the digest without markup, for a mail: its first line, and all of it.
    func plainText(zone: DisplayZone, now: Timestamp) -> (headline: String, text: String) {
        var settings = RenderSettings()
        settings.zone = zone
        let message = ChatMessage(MessageComposer(self, settings: settings, now: now).message(), room: "")
        let lines = MessageText.string(message, headline: "").split(separator: "\n", omittingEmptySubsequences: false)
        return (String((lines.dropFirst().first ?? "").trimmed), lines.dropFirst().joined(separator: "\n"))
    }
}

extension Payload {
    /// The messages that a room shows in the plain form, with default settings.
    func plainTexts(severity: Severity, now: Timestamp) -> [String] {
        [MessageComposer(self, severity: severity, settings: RenderSettings(), now: now).plainMessage().text]
    }
}
