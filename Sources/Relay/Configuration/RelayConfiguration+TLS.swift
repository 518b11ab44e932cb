import Libevent

/// The files of the listener's TLS, which are read together.
extension RelayConfiguration {
    static let tlsSettings = [certificateSetting, keySetting, clientCASetting, webConfigSetting]

    static let webConfigSetting: Setting<RelayConfiguration> = Setting(
        file: "web_config_file", flag: "web.config.file", secrecy: .file, rejectsEmpty: true,
        read: { reader, _, _ in reader.checkWebConfig() },
        """
        a web configuration file of the Prometheus exporter toolkit, whose `tls_server_config` and \
        `basic_auth_users` replace `tls` and `basic_auth`
        """)

    private static let certificateSetting: Setting<RelayConfiguration> = Setting(
        file: "tls.cert_file", rejectsEmpty: true,
        read: { reader, configuration, _ in readTLS(&reader, &configuration) },
        """
        the listener's certificate and its intermediate certificates, PEM; the listener then accepts only \
        TLS 1.2 and 1.3
        """)
    private static let keySetting: Setting<RelayConfiguration> = Setting(
        file: "tls.key_file", secrecy: .file, rejectsEmpty: true,
        "the certificate's key, PEM, without a passphrase")
    private static let clientCASetting: Setting<RelayConfiguration> = Setting(
        file: "tls.client_ca_file", rejectsEmpty: true,
        """
        authorities for client certificates; every client must present one, including health probes and \
        Prometheus
        """)

    private static func readTLS(_ reader: inout ConfigurationReader, _ configuration: inout RelayConfiguration) {
        let message = "TLS needs a certificate and its key; give both, or neither"
        guard
            let paths = reader.certificateAndKey(
                certificateSetting.name, keySetting.name, others: [clientCASetting.name], orElse: message)
        else { return }
        let clientCA = reader.lookup.text(clientCASetting.name)
        let files = TLSFiles(certificate: paths.certificate, key: paths.key, clientCA: clientCA)
        configuration.tlsFiles = files
        // The key belongs to the relay's user, as other secrets do.
        guard reader.readsSecrets else { return }
        do {
            configuration.tls = try TLSContext(files)
        } catch {
            reader.problem(certificateSetting.name, "\(error)")
        }
    }
}
