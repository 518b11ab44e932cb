/// A fresh certificate for this machine's name, signed by itself.
public enum SelfSigned {
    /// - Parameter names: as openssl writes alternative names, `DNS:localhost`.
    public static func make(certificate: String, key: String, names: String, isRSA: Bool = false) throws {
        let kind = isRSA ? ["rsa:2048"] : ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        let openssl = try Program(
            "openssl",
            ["req", "-x509", "-newkey"] + kind + [
                "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=\(names)", "-keyout", key,
                "-out", certificate,
            ])
        guard openssl.exitCode() == 0 else { throw Program.Failure.notStarted(openssl.output) }
    }
}
