/// A fresh certificate for this machine's name, signed by itself.
public enum SelfSigned {
    /// - Parameter names: as openssl writes alternative names, `DNS:localhost`.
    public static func make(certificate: String, key: String, names: String) throws {
        let openssl = try Program(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=localhost", "-addext", "subjectAltName=\(names)", "-keyout", key, "-out", certificate,
            ])
        guard openssl.exitCode() == 0 else { throw Program.Failure.notStarted(openssl.output) }
    }
}
