import Glibc
import Libevent
import Support

/// Who may post, from where, and how the listener shows who it is.
extension ConfigurationReader {
    mutating func readAuthentication(_ configuration: inout RelayConfiguration) {
        configuration.authTokens = tokens("RELAY_AUTH_TOKEN")
        let users = "RELAY_BASIC_AUTH"
        do {
            configuration.users = try BasicAuthentication(secrets(users, "holds no user:bcrypt-hash"))
        } catch {
            problem(origin(of: users), fileNote(of: users) + "\(error)")
        }
    }

    private mutating func tokens(_ key: String) -> [Secret] {
        let tokens = secrets(key, "holds no token")
        // What nobody has replaced can be guessed by anybody.
        if tokens.contains(where: { ["${", "$(", "{{", "<"].contains(where: $0.revealed.hasPrefix) }) {
            problem(origin(of: key), fileNote(of: key) + "holds a placeholder such as ${TOKEN}; put the token in")
        } else if tokens.contains(where: { !$0.revealed.utf8.allSatisfy { (0x21...0x7E).contains($0) } }) {
            // A header field carries nothing else for certain, and no sender would be let in.
            problem(
                origin(of: key),
                fileNote(of: key) + "holds a token with a space, a control character or one outside of ASCII")
        } else if tokens.contains(where: { $0.revealed.utf8.count > 4096 }) {
            problem(origin(of: key), fileNote(of: key) + "holds a token of more than 4096 bytes, too long for a header")
        } else if tokens.contains(where: { $0.revealed.utf8.count < 16 }) {
            warn(
                origin(of: key),
                "holds a token that is short enough to be guessed; openssl rand -hex 32 makes a long one")
        }
        return tokens
    }

    private static let emptyItem = "has an empty item; take the comma too many out"

    /// Commas part the items, and so do lines: a file of users is what htpasswd writes.
    private mutating func secrets(_ key: String, _ emptiness: String) -> [Secret] {
        guard let list = secret(key) else { return [] }
        let lines = list.split(whereSeparator: \.isNewline).filter { !$0.trimmed.isEmpty }
        let items = lines.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed) }
        var fault: String?
        if items.allSatisfy(\.isEmpty) {
            fault = "is set but \(emptiness)"
        } else if items.contains("") {
            fault = Self.emptyItem
        } else if items.contains(where: \.isQuoted) {
            fault = "holds a value in quotes; take them out"
        }
        guard let fault else { return items.map { Secret($0) } }
        problem(origin(of: key), fileNote(of: key) + fault)
        return []
    }

    /// The folder may be missing, and the start makes it; nothing else may have its name, or that of a folder above it.
    mutating func checkStorage(_ path: String) {
        var (part, status) = (path[...], stat())
        while stat(String(part), &status) != 0 {
            guard let slash = part.lastIndex(of: "/"), slash > part.startIndex else { return }
            part = part[..<slash]
        }
        guard status.st_mode & S_IFMT != S_IFDIR else { return }
        problem("RELAY_STORAGE_PATH", "\(Self.quoted(String(part))) is not a folder")
    }

    mutating func readNetworks(_ configuration: inout RelayConfiguration) {
        if let networks = networks("RELAY_ALLOWED_NETWORKS") { configuration.allowedNetworks = networks }
        if let networks = networks("RELAY_TRUSTED_PROXIES") { configuration.trustedProxies = networks }
    }

    private mutating func networks(_ key: String) -> NetworkList? {
        guard let list = text(key) else { return nil }
        let items = list.split(separator: ",", omittingEmptySubsequences: false)
        if items.count > 1, items.contains(where: \.trimmed.isEmpty) {
            problem(key, Self.emptyItem)
            return nil
        }
        do {
            let networks = try NetworkList(Self.items(list))
            // An empty list would let everyone in, which nobody writes who sets it.
            if networks.isEmpty { problem(key, "is set but holds no network") }
            return networks
        } catch {
            problem(key, "\(error)")
            return nil
        }
    }

    mutating func readTLS(_ configuration: inout RelayConfiguration) {
        let variables = ["RELAY_TLS_CERT_FILE", "RELAY_TLS_KEY_FILE", "RELAY_TLS_CLIENT_CA_FILE"]
        let message = "TLS needs a certificate and its key; give both, or neither"
        guard let (certificate, key) = certificateAndKey(of: variables, orElse: message) else { return }
        let files = TLSFiles(certificate: certificate, key: key, clientCA: text(variables[2]))
        configuration.tlsFiles = files
        // The key belongs to the relay's user, as other secrets do.
        guard readsSecrets else { return }
        do {
            configuration.tls = try TLSContext(files)
        } catch {
            problem(variables[0], "\(error)")
        }
    }

    /// The paths of a certificate and its key; nil where none is given, or a problem was noted.
    ///
    /// - Parameters:
    ///   - variables: the certificate's, the key's, and those that mean nothing without the two.
    ///   - message: what is wrong where one of the two is missing and any other is given.
    mutating func certificateAndKey(
        of variables: [String], orElse message: String
    ) -> (certificate: String, key: String)? {
        if let certificate = text(variables[0]), let key = text(variables[1]) { return (certificate, key) }
        if let given = variables.first(where: { text($0) != nil }) { problem(given, message) }
        return nil
    }
}
