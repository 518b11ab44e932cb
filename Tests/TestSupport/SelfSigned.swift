/// Makes a new self-signed certificate for localhost.
public enum SelfSigned {
    /// - Parameter names: subject alternative names in openssl's format, such as `DNS:localhost`.
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
