import Alerts
import Posting
import Support

/// The mail that tells people what waits when no room can be told.
struct LastResortConfiguration: Sendable, Equatable {
    /// How long alerts wait for a hook before a mail is sent.
    var after = Duration.seconds(300)
    /// The shortest time between two mails about waiting alerts.
    var interval = Duration.seconds(600)
    /// Nil for no mail.
    var server: MailServerURL?
    var from: MailAddress?
    var to: [MailAddress] = []
    var user: String?
    /// Nil where secrets were not read.
    var password: Secret?
    var startTLS = StartTLS.required
    var caFile: String?

    /// Nil if mail is not configured.
    var mail: MailSettings? {
        server.map { server in
            MailSettings(
                server: server, startTLS: startTLS,
                login: user.flatMap { user in password.map { .init(user: user, password: $0) } }, caFile: caFile)
        }
    }
}

extension LastResortConfiguration: SettingGroup {
    static let settings: [Setting<LastResortConfiguration>] = [
        urlSetting, fromSetting, toSetting, userSetting, passwordSetting,
        Setting(
            "last_resort.starttls", \.startTLS, .startTLS, variable: "RELAY_MAIL_STARTTLS",
            "`required`, `opportunistic` or `off`: whether a `smtp://` connection must become TLS"),
        Setting(
            "last_resort.ca_file", \.caFile, .optional(.certificates), variable: "RELAY_MAIL_CA_FILE",
            default: "the system's", "certificates to trust for the mail server"),
        Setting(
            "last_resort.after", \.after, .duration(.seconds(1) ... .seconds(7 * 86_400)), variable: "RELAY_MAIL_AFTER",
            "how long alerts wait, while neither their own hook nor the next room works, before a mail is sent"),
        Setting(
            "last_resort.interval", \.interval, .duration(.seconds(1) ... .seconds(7 * 86_400)),
            variable: "RELAY_MAIL_INTERVAL", after: { reader, group, _ in check(&reader, group) },
            "the shortest time between two mails about waiting alerts"),
    ]

    private static let urlSetting: Setting<LastResortConfiguration> = Setting(
        "last_resort.url", \.server, .optional(.mailServer), variable: "RELAY_MAIL_URL",
        """
        the mail server for alerts that no room gets: `smtps://host` or `smtp://host`, with `:port` if it is \
        not the usual one
        """)
    private static let fromSetting: Setting<LastResortConfiguration> = Setting(
        "last_resort.from", \.from, .optional(.mailAddress), variable: "RELAY_MAIL_FROM", "the sender's address")
    private static let toSetting: Setting<LastResortConfiguration> = Setting(
        "last_resort.to", \.to, .mailAddresses, variable: "RELAY_MAIL_TO", default: "none",
        "the recipients' addresses, 50 at most")
    private static let userSetting: Setting<LastResortConfiguration> = Setting(
        "last_resort.user", \.user, .optional(.line), variable: "RELAY_MAIL_USER", "the user at the mail server")
    private static let passwordSetting: Setting<LastResortConfiguration> = Setting(
        "last_resort.password", \.password, .optional(.password), variable: "RELAY_MAIL_PASSWORD", secrecy: .value,
        "the user's password; `_file` and `_FILE` variants")

    /// Checks that the settings make a whole. Runs after the last one is read.
    private static func check(_ reader: inout ConfigurationReader, _ group: LastResortConfiguration) {
        let isGiven = { (reader: ConfigurationReader, setting: Setting<LastResortConfiguration>) in
            setting.names.contains { reader.lookup.value(of: $0) != nil }
        }
        guard isGiven(reader, urlSetting) else {
            let others = [fromSetting, toSetting, userSetting, passwordSetting]
            if let given = others.first(where: { isGiven(reader, $0) }) {
                reader.problem(given.name, "is given without \(urlSetting.variable), so no mail can be sent")
            }
            return
        }
        for setting in [fromSetting, toSetting] where !isGiven(reader, setting) {
            reader.problem(setting.name, "is missing; a mail needs a sender and a recipient")
        }
        if isGiven(reader, userSetting) != isGiven(reader, passwordSetting) {
            let given = isGiven(reader, userSetting) ? userSetting : passwordSetting
            reader.problem(given.name, "a user needs a password, and a password a user; give both, or neither")
        }
        guard let server = group.server, !server.isTLS, !server.isLocal, isGiven(reader, passwordSetting) else {
            return
        }
        let password = passwordSetting.names.first { reader.lookup.value(of: $0) != nil } ?? passwordSetting.name
        switch group.startTLS {
        case .required: break
        case .opportunistic:
            reader.problem(
                password,
                "somebody on the way can prevent opportunistic TLS and read the password; let it be required")
        case .off: reader.warn(password, "goes over the network in the clear, since STARTTLS is off")
        }
    }
}

extension SettingFormat where Value == StartTLS {
    fileprivate static var startTLS: Self {
        .single("required, opportunistic or off", text: \.rawValue) { StartTLS(rawValue: $0.lowercased()) }
    }
}

extension SettingFormat where Value == MailServerURL {
    fileprivate static var mailServer: Self {
        Self(.single, text: { _ in nil }) { value, notes in
            do throws(MailServerURL.Invalid) {
                return try MailServerURL(value.single)
            } catch {
                notes.problems.append("\(error)")
                return nil
            }
        }
    }
}

extension SettingFormat where Value == MailAddress {
    fileprivate static var mailAddress: Self {
        .single("an address as in relay@example.com", text: \.text) { MailAddress($0) }
    }
}

extension SettingFormat where Value == [MailAddress] {
    fileprivate static var mailAddresses: Self {
        Self(.list, text: { _ in nil }) { value, notes in
            let items = value.items.filter { !$0.isEmpty }
            for item in items where MailAddress(item) == nil {
                notes.problems.append("\(SettingNotes.quoted(item)) is not an address as in ops@example.com")
            }
            if items.count > 50 { notes.problems.append("holds \(items.count) addresses; 50 at most") }
            return notes.problems.isEmpty ? items.compactMap { MailAddress($0) } : nil
        }
    }
}

extension SettingFormat where Value == Secret {
    fileprivate static var password: Self {
        Self(.single, text: { _ in nil }) { value, notes in
            let password = value.single
            let isPlain = password.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            guard isPlain, password.utf8.count <= 1_000 else {
                notes.problems.append("holds a control character, or more than 1000 bytes")
                return nil
            }
            return Secret(password)
        }
    }
}
