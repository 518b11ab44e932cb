/// The settings of signed webhooks, which belong together.
extension RelayConfiguration {
    static let signatureSettings: [Setting<RelayConfiguration>] = [
        Setting(
            "hmac.secret", \.signatures.secrets, .signingSecrets, secrecy: .value, rejectsEmpty: true,
            """
            secrets of signed webhooks, as in the HMAC settings of Grafana's contact point; a webhook with the \
            signature's header is judged by it alone; `_file` and `_FILE` variants
            """),
        Setting(
            "hmac.header", \.signatures.header, .headerField,
            "the header with the hexadecimal HMAC-SHA256 of the body"),
        Setting(
            "hmac.timestamp_header", \.signatures.timestampHeader, .optional(.headerField), rejectsEmpty: true,
            after: { reader, configuration, _ in
                let signatures = configuration.signatures
                guard signatures.timestampHeader?.lowercased() == signatures.header.lowercased() else { return }
                reader.problem(
                    SettingName(key: "hmac.timestamp_header", variable: nil),
                    "must differ from hmac.header: no signature is a time")
            },
            """
            the header with the Unix time of the signature, which then covers `time:body`; it must be within \
            five minutes of the relay's clock
            """),
    ]
}
