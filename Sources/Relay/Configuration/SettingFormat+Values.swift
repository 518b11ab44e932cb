import Alerts
import Glibc
import Libevent
import Logging
import Posting
import Support

// The formats of values that have a meaning of their own: addresses, secrets, files, names.

// MARK: Words of a set

extension SettingFormat where Value == Severity {
    static var severity: Self {
        let known = Severity.allCases.map(\.rawValue).joined(separator: ", ")
        return .single("one of \(known)") { Severity(rawValue: $0.lowercased()) }
    }
}

extension SettingFormat where Value == Logger.Level {
    static var logLevel: Self {
        let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        return .single("one of \(known)") {
            Logger.Level(rawValue: $0.lowercased() == "warn" ? "warning" : $0.lowercased())
        }
    }
}

extension SettingFormat where Value == LogFormat {
    static var logFormat: Self { .single("logfmt or json") { LogFormat(rawValue: $0.lowercased()) } }
}

/// The name of a zone of the system's time zone database.
struct ZoneName: Sendable, Equatable {
    let text: String

    static let utc = ZoneName(text: "UTC")
    private static let database = "/usr/share/zoneinfo/"

    private init(text: String) {
        self.text = text
    }

    /// Nil if the database has no such zone; glibc would use UTC without an error.
    init?(_ name: String) {
        if ["UTC", "Etc/UTC", "Z"].contains(name) {
            self = .utc
            return
        }
        let isName = name.unicodeScalars.allSatisfy { $0.isLetterOrDigit || "/_+-".unicodeScalars.contains($0) }
        guard isName, !name.hasPrefix("/"), let file = fopen(Self.database + name, "r") else { return nil }
        defer { fclose(file) }
        var magic = [UInt8](repeating: 0, count: 4)
        // A folder, `Europe`, opens too.
        guard fread(&magic, 1, magic.count, file) == magic.count, magic == Array("TZif".utf8) else { return nil }
        text = name
    }

    /// Makes it the zone of the process. Must be called before threads exist: access to the environment is not
    /// synchronized.
    func apply() {
        setenv("TZ", text, 1)
        tzset()
    }
}

extension SettingFormat where Value == ZoneName {
    static var zone: Self {
        .single("a time zone of the system's database, as in Europe/Berlin", text: \.text) { ZoneName($0) }
    }
}

// MARK: Addresses

extension SettingFormat where Value == [SocketAddress] {
    /// Keeps the good addresses and notes a problem for each other one.
    static var addresses: Self {
        Self(.list, text: { $0.map(\.description).joined(separator: ",") }) { value, notes in
            let items = value.items.filter { !$0.isEmpty }
            if items.isEmpty { notes.problems.append("holds no address") }
            var addresses: [SocketAddress] = []
            for item in items {
                guard let address = SocketAddress(item) else {
                    let form = "write host:port, [::]:8093 or :8093"
                    notes.problems.append("\(SettingNotes.quoted(item)) is not an address; \(form)")
                    continue
                }
                // Port 0 is another port each time.
                if address.port != 0, addresses.contains(address) {
                    notes.problems.append("\(address) is given twice")
                } else {
                    addresses.append(address)
                }
            }
            return addresses.isEmpty ? nil : addresses
        }
    }

    /// A port on every IPv4 address.
    static var port: Self {
        .single("a port from 0 to 65535") { UInt16($0).map { [SocketAddress(host: "0.0.0.0", port: $0)] } }
    }
}

extension SettingFormat where Value == NetworkList {
    static var networks: Self {
        Self(.list, text: { _ in nil }) { value, notes in
            let items = value.items
            if items.count > 1, items.contains("") {
                notes.problems.append(SettingNotes.emptyItem)
                return nil
            }
            do {
                return try NetworkList(items)
            } catch {
                notes.problems.append("\(error)")
                return nil
            }
        }
    }
}

extension SettingNotes {
    fileprivate static let emptyItem = "has an empty item; take the comma too many out"
}

// MARK: Secrets

extension SettingFormat where Value == Secret {
    /// The URL of a proxy.
    static var proxy: Self {
        Self(.single, text: { _ in nil }) { value, notes in
            do throws(ProxyURL.Invalid) {
                return try ProxyURL(value.single).url
            } catch {
                notes.problems.append("\(error)")
                return nil
            }
        }
    }
}

extension SettingFormat where Value == [Secret] {
    static var tokens: Self {
        Self(.list, text: { _ in nil }) { value, notes in
            guard let tokens = secrets(in: value, orElse: "holds no token", &notes) else { return nil }
            if let problem = problem(with: tokens) {
                notes.problems.append(problem)
                return nil
            }
            if tokens.contains(where: { $0.revealed.utf8.count < 16 }) {
                notes.warnings.append(
                    "holds a token that is short enough to be guessed; openssl rand -hex 32 makes a long one")
            }
            return tokens
        }
    }

    private static func problem(with tokens: [Secret]) -> String? {
        // Anybody can guess a placeholder that was not replaced.
        if tokens.contains(where: { ["${", "$(", "{{", "<"].contains(where: $0.revealed.hasPrefix) }) {
            return "holds a placeholder such as ${TOKEN}; put the token in"
        }
        // A header field can be relied on to carry these bytes only; with others, no sender would be admitted.
        if tokens.contains(where: { !$0.revealed.utf8.allSatisfy { (0x21...0x7E).contains($0) } }) {
            return "holds a token with a space, a control character or one outside of ASCII"
        }
        if tokens.contains(where: { $0.revealed.utf8.count > 4096 }) {
            return "holds a token of more than 4096 bytes, too long for a header"
        }
        return nil
    }
}

extension SettingFormat where Value == [Secret] {
    /// Keys of signatures. Unlike a token, a key may hold any character but a comma.
    static var signingSecrets: Self {
        Self(.list, text: { _ in nil }) { value, notes in
            guard let secrets = secrets(in: value, orElse: "holds no secret", &notes) else { return nil }
            if secrets.contains(where: { ["${", "$(", "{{"].contains(where: $0.revealed.hasPrefix) }) {
                notes.problems.append("holds a placeholder such as ${SECRET}; put the secret in")
                return nil
            }
            if secrets.contains(where: { $0.revealed.utf8.count < 16 }) {
                notes.warnings.append(
                    "holds a secret that is short enough to be guessed; openssl rand -hex 32 makes a long one")
            }
            return secrets
        }
    }
}

extension SettingFormat where Value == BasicAuthentication {
    static var users: Self {
        Self(.map, isSame: { $0 === $1 || $0.isEmpty && $1.isEmpty }, text: { _ in nil }) { value, notes in
            guard let entries = secrets(in: value, orElse: "holds no user:bcrypt-hash", &notes) else { return nil }
            do {
                return try BasicAuthentication(entries)
            } catch {
                notes.problems.append("\(error)")
                return nil
            }
        }
    }
}

extension SettingFormat {
    /// The items of a list of secrets; nil if a problem was noted. Lines separate items of text too, as htpasswd writes
    /// them.
    fileprivate static func secrets(
        in value: SettingValue, orElse emptiness: String, _ notes: inout SettingNotes
    ) -> [Secret]? {
        var items = value.items
        if case .text(let text) = value {
            let lines = text.split(whereSeparator: \.isNewline).map(String.init).filter { !$0.trimmed.isEmpty }
            items = lines.flatMap { SettingValue.text($0).items }
        }
        if items.allSatisfy(\.isEmpty) {
            notes.problems.append("is set but \(emptiness)")
        } else if items.contains("") {
            notes.problems.append(SettingNotes.emptyItem)
        } else if items.contains(where: \.isQuoted) {
            notes.problems.append("holds a value in quotes; take them out")
        } else {
            return items.map { Secret($0) }
        }
        return nil
    }
}

// MARK: Files and names

extension SettingFormat where Value == String {
    /// The path of a file of certificates in PEM form. Blocks while it reads the file.
    static var certificates: Self {
        Self(.single) { value, notes in
            guard let fault = PEMFile.fault(in: value.single, .certificates) else { return value.single }
            notes.problems.append(fault)
            return nil
        }
    }

    /// Hosts as libcurl takes them: separated by commas.
    static var hosts: Self {
        Self(.list) { value, _ in
            if case .text = value { value.single } else { value.items.joined(separator: ",") }
        }
    }

    /// A name to show.
    static var line: Self {
        .single("a name of one line without control characters") { text in
            let isPlain = text.unicodeScalars.allSatisfy { scalar in
                switch scalar.properties.generalCategory {
                case .control, .lineSeparator, .paragraphSeparator: false
                // The joiner, of which emoji are made, is the only invisible one that is accepted.
                case .format: scalar == "\u{200D}"
                default: true
                }
            }
            return isPlain ? text : nil
        }
    }

    /// The name of an HTTP header field (RFC 9110 section 5.1).
    static var headerField: Self {
        .single("the name of an HTTP header field without another meaning") { text in
            let isName =
                (1...100).contains(text.utf8.count)
                && text.allSatisfy { isASCIIWord($0) || "!#$%&'*+-.^_`|~".contains($0) }
            return isName && !ownFields.contains(text.lowercased()) ? text : nil
        }
    }

    /// Fields with a meaning of their own, which cannot hold a signature or its time.
    private static var ownFields: Set<String> {
        [
            "authorization", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
            "transfer-encoding", "user-agent", "x-forwarded-for",
        ]
    }

    static var emoji: Self {
        .single("an emoji's short name, as in :fire:") { text in
            let name = text.dropFirst().dropLast()
            let isName = text.hasPrefix(":") && text.hasSuffix(":") && !name.isEmpty
            return isName && name.allSatisfy { isASCIIWord($0) || "_-+".contains($0) } ? text : nil
        }
    }

    static func isASCIIWord(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber)
    }
}
