import Alerts
import ChatOps
import Posting
import Support

/// Who may use commands in a room, and what the commands may do.
struct ChatOpsConfiguration: Sendable, Equatable {
    /// Empty if no commands are accepted, or secrets were not read.
    var tokens: [Secret] = []
    /// IDs or names of rooms (`isRoom`). Empty for all.
    var channels: [String] = []
    /// Names of accounts, without `@`. Empty for all.
    var users: [String] = []
    var maxDuration = Duration.seconds(7 * 86_400)
    /// Replaces the address of Rocket.Chat that its messages state.
    var siteURL: String?

    /// Whether commands are accepted in a room. `#x` is a name. Without `#` it is an ID, or a name that no ID equals,
    /// because anybody may name a room like the ID of another.
    func isRoom(id: String, name: String) -> Bool {
        channels.isEmpty
            || channels.contains { channel in
                if channel.first == "#" { return channel.dropFirst() == name }
                return channel == id || (channel == name && !Self.isID(channel))
            }
    }

    /// Rocket.Chat's IDs have 17 or 24 letters and digits.
    private static func isID(_ text: String) -> Bool {
        [17, 24].contains(text.utf8.count) && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
    }
}

extension ChatOpsConfiguration: SettingGroup {
    static let settings: [Setting<ChatOpsConfiguration>] = [
        tokenSetting,
        Setting(
            "chatops.channels", \.channels, .names(prefix: "#", keepsPrefix: true), default: "all", rejectsEmpty: true,
            "IDs or names of the rooms in which commands are accepted; an ID also holds after a room is renamed"),
        Setting(
            "chatops.users", \.users, .names(prefix: "@", keepsPrefix: false), default: "all", rejectsEmpty: true,
            "the accounts that may use commands; without it everyone in those rooms"),
        Setting(
            "chatops.max_duration", \.maxDuration, .silence, "the longest silence that a command may set"),
        Setting(
            "chatops.site_url", \.siteURL, .optional(.serverURL), default: "as messages state",
            "Rocket.Chat's address for the link to the message in a silence's comment"),
    ]

    static let tokenSetting: Setting<ChatOpsConfiguration> = Setting(
        "chatops.token", \.tokens, .tokens, secrecy: .value,
        "the token of Rocket.Chat's outgoing webhook, which enables `POST /rocketchat`; `_file` and `_FILE` variants")
}

/// Alertmanager's API, for commands.
struct AlertmanagerConfiguration: Sendable, Equatable {
    /// Base URLs without a slash at the end.
    var addresses: [String] = []
    var username: String?
    var password: Secret?
    var bearerToken: Secret?
    var caFile: String?
    var clientCertificate: ClientCertificate?
    var timeout = Duration.seconds(4)

    var settings: AlertmanagerSettings {
        var login = CurlRequest.Login.none
        if let bearerToken { login = .bearer(bearerToken) }
        if let username { login = .basic(user: username, password: password ?? Secret("")) }
        return AlertmanagerSettings(
            addresses: addresses, login: login, timeout: timeout, caFile: caFile, clientCertificate: clientCertificate,
            userAgent: "relay/\(Version.current)")
    }
}

extension AlertmanagerConfiguration: SettingGroup {
    static let settings: [Setting<AlertmanagerConfiguration>] = [
        addressSetting, usernameSetting,
        Setting(
            "alertmanager.password", \.password, .optional(.credential), secrecy: .value,
            after: { reader, _, _ in checkLogin(&reader) },
            "its password; `_file` and `_FILE` variants"),
        Setting(
            "alertmanager.bearer_token", \.bearerToken, .optional(.credential), secrecy: .value,
            "a bearer token instead of user and password; `_file` and `_FILE` variants"),
        Setting(
            "alertmanager.ca_file", \.caFile, .optional(.certificates), default: "the system's",
            "certificates to trust for Alertmanager"),
        clientCertificate, clientKey,
        Setting(
            "alertmanager.timeout", \.timeout, .duration(.milliseconds(100) ... .seconds(9)),
            "time limit of one request to Alertmanager; a whole command has 9 s"),
    ]

    static let addressSetting: Setting<AlertmanagerConfiguration> = Setting(
        "alertmanager.url", \.addresses, .serverURLs,
        """
        Alertmanager's address for commands, with its path prefix if it has one; of several members of a cluster the \
        first that answers is used
        """)
    private static let usernameSetting: Setting<AlertmanagerConfiguration> = Setting(
        "alertmanager.username", \.username, .optional(.line), "the user for basic auth at Alertmanager")
    private static let clientCertificate: Setting<AlertmanagerConfiguration> = Setting(
        file: "alertmanager.client_cert_file", read: { reader, settings, _ in readCertificate(&reader, &settings) },
        "the client certificate for Alertmanager, PEM")
    private static let clientKey: Setting<AlertmanagerConfiguration> = Setting(
        file: "alertmanager.client_key_file", secrecy: .file, "its key, PEM")

    private static func checkLogin(_ reader: inout ConfigurationReader) {
        func isGiven(_ key: String) -> Bool {
            settings.first { $0.key == key }?.names.contains { reader.lookup.value(of: $0) != nil } ?? false
        }
        let (user, password) = (isGiven("alertmanager.username"), isGiven("alertmanager.password"))
        if user != password {
            reader.problem(usernameSetting.name, "a user needs its password; give both, or neither")
        } else if user, isGiven("alertmanager.bearer_token") {
            reader.problem(usernameSetting.name, "is given together with a bearer token; give one of them")
        }
    }

    private static func readCertificate(_ reader: inout ConfigurationReader, _ group: inout Self) {
        let message = "a client certificate needs its key; give both, or neither"
        guard let paths = reader.certificateAndKey(clientCertificate.name, clientKey.name, orElse: message) else {
            return
        }
        if let fault = PEMFile.fault(in: paths.certificate, .certificates) {
            reader.problem(clientCertificate.name, fault)
        }
        if reader.readsSecrets, let fault = PEMFile.fault(in: paths.key, .key) { reader.problem(clientKey.name, fault) }
        group.clientCertificate = ClientCertificate(certificate: paths.certificate, key: paths.key)
    }
}

// MARK: Commands as a whole

extension RelayConfiguration {
    static let chatOpsSettings: [Setting<RelayConfiguration>] =
        ChatOpsConfiguration.settings.map { $0.within(\.chatOps) }
        + AlertmanagerConfiguration.settings.map { $0.within(\.alertmanager) } + [silenceButton]

    private static let silenceButton: Setting<RelayConfiguration> = Setting(
        "chatops.silence_button", \.posting.silenceButton, .optional(.silence),
        after: { reader, configuration, _ in checkChatOps(&reader, configuration) },
        "adds a button to messages that silences a firing alert for this time, as in `2h`")

    /// Whether commands are accepted.
    var acceptsCommands: Bool { !chatOps.tokens.isEmpty && !alertmanager.addresses.isEmpty }

    private static func checkChatOps(_ reader: inout ConfigurationReader, _ configuration: RelayConfiguration) {
        let (chatOps, alertmanager) = (configuration.chatOps, configuration.alertmanager)
        let (token, address) = (ChatOpsConfiguration.tokenSetting, AlertmanagerConfiguration.addressSetting)
        let hasToken = token.names.contains { reader.lookup.value(of: $0) != nil }
        let hasAddress = reader.lookup.value(of: address.name) != nil
        if hasToken, !hasAddress { reader.problem(token.name, "commands need \(address.key), which is not set") }
        if hasToken, chatOps.channels.isEmpty, chatOps.users.isEmpty {
            reader.warn(
                token.name,
                "everyone may set silences in every room of the outgoing webhook; give chatops.channels or chatops.users"
            )
        }
        if hasAddress, !hasToken { reader.warn(address.name, "has no effect without \(token.key)") }
        if let button = configuration.posting.silenceButton {
            if !hasToken { reader.warn(silenceButton.name, "nothing carries its command out without \(token.key)") }
            if button > chatOps.maxDuration {
                reader.warn(silenceButton.name, "is longer than chatops.max_duration, so its command is refused")
            }
        }
        let isPlain = alertmanager.addresses.contains { $0.hasPrefix("http://") && !ServerURL.isLoopback($0) }
        if isPlain, alertmanager.username != nil || alertmanager.bearerToken != nil {
            reader.warn(address.name, "sends credentials over http, which anyone on the way can read")
        }
    }
}

extension ConfigurationSummary {
    /// Who may use commands in rooms.
    static func commands(_ configuration: RelayConfiguration) -> String {
        guard configuration.acceptsCommands else { return "not accepted from rooms" }
        let (chatOps, addresses) = (configuration.chatOps, configuration.alertmanager.addresses)
        let users = chatOps.users.isEmpty ? "everyone" : chatOps.users.joined(separator: ", ")
        let rooms = chatOps.channels.isEmpty ? "every room" : chatOps.channels.joined(separator: ", ")
        return "accepted from \(users) in \(rooms), silences up to \(Quantity.text(chatOps.maxDuration)) at "
            + addresses.joined(separator: ", ")
    }
}

// MARK: Formats

extension SettingFormat where Value == Duration {
    fileprivate static var silence: Self { .duration(.seconds(60) ... .seconds(365 * 86_400)) }
}

extension SettingFormat where Value == Secret {
    /// A password or token for a header.
    fileprivate static var credential: Self {
        Self(.single, text: { _ in nil }) { value, notes in
            let text = value.single
            guard text.utf8.count <= 4096, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
            else {
                notes.problems.append("holds a control character, or more than 4096 bytes")
                return nil
            }
            return Secret(text)
        }
    }
}

extension SettingFormat where Value == String {
    fileprivate static var serverURL: Self {
        Self(.single) { value, notes in
            do throws(ServerURL.Invalid) {
                return try ServerURL.parse(value.single)
            } catch {
                notes.problems.append(error.problem(with: value.single))
                return nil
            }
        }
    }
}

extension SettingFormat where Value == [String] {
    fileprivate static var serverURLs: Self {
        Self(.list, text: { _ in nil }) { value, notes in
            value.items.filter { !$0.isEmpty }.compactMap { item in
                do throws(ServerURL.Invalid) {
                    return try ServerURL.parse(item)
                } catch {
                    notes.problems.append(error.problem(with: item))
                    return nil
                }
            }
        }
    }

    /// Names with or without a prefix.
    fileprivate static func names(prefix: Character, keepsPrefix: Bool) -> Self {
        Self(.list, text: { _ in nil }) { value, notes in
            let names = value.items.filter { $0 != String(prefix) && !$0.isEmpty }
            // An empty list would admit everybody.
            guard names.count == value.items.count, !names.isEmpty else {
                notes.problems.append("has an item without a name; in YAML, a name that begins with # needs quotes")
                return nil
            }
            return keepsPrefix ? names : names.map { $0.first == prefix ? String($0.dropFirst()) : $0 }
        }
    }
}

/// The address of a server without credentials, query and fragment.
enum ServerURL {
    struct Invalid: Error {
        /// Follows the address.
        var reason: String

        /// Does not quote an address that may hold a password.
        func problem(with text: String) -> String {
            (text.contains("@") ? "an address" : SettingNotes.quoted(text)) + " " + reason
        }
    }

    /// Returns the URL without slashes at its end.
    static func parse(_ text: String) throws(Invalid) -> String {
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }) else {
            throw Invalid(reason: "does not begin with http:// or https://")
        }
        let rest = text.dropFirst(scheme.count)
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !rest.contains("${"), !rest.contains("<") else {
            throw Invalid(reason: "has a space, a placeholder or a character outside of ASCII")
        }
        guard !rest.contains("?"), !rest.contains("#") else { throw Invalid(reason: "has a query or a fragment") }
        let authority = rest.prefix { $0 != "/" }
        guard !authority.contains("@") else {
            throw Invalid(reason: "has a user or a password, which have settings of their own")
        }
        do throws(CurlURL.Invalid) {
            try CurlURL.check(authority: authority)
            _ = try CurlURL(text)
        } catch {
            throw Invalid(reason: error == .port ? "has no valid port" : "has no valid host")
        }
        guard !text.contains("/api/v2") else { throw Invalid(reason: "has /api/v2, which the relay appends itself") }
        var base = scheme + rest
        while base.last == "/" { base.removeLast() }
        return base
    }

    static func isLoopback(_ url: String) -> Bool {
        guard let host = (try? CurlURL(url))?.host else { return false }
        return host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }
}
