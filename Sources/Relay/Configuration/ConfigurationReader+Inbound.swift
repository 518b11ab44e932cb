import Libevent

/// Who may post, from where, and how the listener shows who it is.
extension ConfigurationReader {
    mutating func readAuthentication(_ configuration: inout RelayConfiguration) {
        configuration.authTokens = secrets("RELAY_AUTH_TOKEN", "holds no token")
        do {
            configuration.users = try BasicAuthentication(secrets("RELAY_BASIC_AUTH", "holds no user:bcrypt-hash"))
        } catch {
            problem("RELAY_BASIC_AUTH", "\(error)")
        }
    }

    /// Commas part the items, and so do lines: a file of users is what htpasswd writes.
    private mutating func secrets(_ key: String, _ emptiness: String) -> [Secret] {
        guard let list = secret(key) else { return [] }
        let secrets = list.split(whereSeparator: \.isNewline).flatMap { Self.items(String($0)) }
        if secrets.isEmpty { problem(key, "is set but \(emptiness)") }
        return secrets.map { Secret($0) }
    }

    mutating func readNetworks(_ configuration: inout RelayConfiguration) {
        if let networks = networks("RELAY_ALLOWED_NETWORKS") { configuration.allowedNetworks = networks }
        if let networks = networks("RELAY_TRUSTED_PROXIES") { configuration.trustedProxies = networks }
    }

    private mutating func networks(_ key: String) -> NetworkList? {
        guard let list = text(key) else { return nil }
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
        let (certificate, key) = (text("RELAY_TLS_CERT_FILE"), text("RELAY_TLS_KEY_FILE"))
        let clientCA = text("RELAY_TLS_CLIENT_CA_FILE")
        guard let certificate, let key else {
            let given = [
                ("RELAY_TLS_CERT_FILE", certificate), ("RELAY_TLS_KEY_FILE", key),
                ("RELAY_TLS_CLIENT_CA_FILE", clientCA),
            ]
            if let (variable, _) = given.first(where: { $0.1 != nil }) {
                problem(variable, "TLS needs a certificate and its key; give both, or neither")
            }
            return
        }
        let files = TLSFiles(certificate: certificate, key: key, clientCA: clientCA)
        configuration.tlsFiles = files
        // The key belongs to the relay's user, as other secrets do.
        guard readsSecrets else { return }
        do {
            configuration.tls = try TLSContext(files)
        } catch {
            problem("RELAY_TLS_CERT_FILE", "\(error)")
        }
    }
}
