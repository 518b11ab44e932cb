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
