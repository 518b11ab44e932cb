import Alerts
import ArgumentParser
import Libevent
import Posting
import Support

/// `relay smoke`: posts a test alert and its resolve to a running relay, as Alertmanager would.
struct SmokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "smoke", abstract: "Post a test alert to a running relay and check the responses.",
        discussion: """
            Posts the alert RelaySmokeTest and its resolve. Prints ok and exits with 0 once the relay has stored both,
            otherwise says what is wrong and exits with 1. Works through a proxy that forwards /webhook and /health,
            such as docker/nginx.conf. Without URL, uses the listen address of serve. Without --token-file, uses the
            token of serve's settings, or signs the webhooks if the settings have an HMAC secret and no token.

              relay smoke
              relay smoke https://relay.example.com:8443 --token-file /etc/relay/secrets/auth_token
              relay smoke https://localhost:8443 --ca-file docker/secrets/tls.crt --token-file docker/secrets/relay_token
            """)

    @Option(name: .customLong("config.file"), help: "YAML configuration file (RELAY_CONFIG).")
    var configFile: String?

    @Option(help: "The alert's severity: critical, warning, info or fallback.")
    var severity = Severity.warning

    @Option(help: "File with the bearer token.", completion: .file())
    var tokenFile: String?

    @Option(help: "File with user:password for basic authentication.", completion: .file())
    var userFile: String?

    @Option(help: "File with the certificates to trust, such as a self-signed one.", completion: .file())
    var caFile: String?

    @Option(help: "File with the client certificate.", completion: .file())
    var certFile: String?

    @Option(help: "File with the key of the client certificate.", completion: .file())
    var keyFile: String?

    @Flag(help: "Do not verify the certificate.")
    var insecure = false

    @Argument(help: "The relay's or its proxy's URL, with or without /webhook.")
    var url: String?

    func validate() throws {
        guard (certFile == nil) == (keyFile == nil) else {
            throw ValidationError("give --cert-file and --key-file, or neither")
        }
        // The URL is printed.
        guard url?.contains("@") != true else {
            throw ValidationError("the URL must not have a user and a password; give --user-file")
        }
        guard tokenFile == nil || userFile == nil else {
            throw ValidationError("give --token-file or --user-file")
        }
    }

    func run() throws {
        ServiceCredentials.take()
        do throws(ControlError) {
            let (configuration, problems) = ConfigurationOptions.leniently(file: configFile)
            var probe = CurlProbe()
            // A webhook is answered once it is on disk, at the latest after RELAY_REPLY_TIMEOUT.
            probe.timeout = .seconds(15)
            probe.caFile = caFile
            probe.clientCertificate = certFile.flatMap { file in keyFile.map { .init(certificate: file, key: $0) } }
            // A listener's certificate names the host and not the listen address.
            probe.verifiesCertificate = !insecure && url != nil
            probe.authorization = try authorization(configuration)
            let own = HealthcheckCommand.address(of: configuration.listen, isTLS: configuration.tlsFiles != nil)
            let signatures = probe.authorization == nil ? configuration.signatures : SignatureSettings()
            let smoke = SmokeTest(
                probe: probe, base: Self.base(url ?? own), severity: severity, signatures: signatures)
            StandardStreams.print(try smoke.run(tokenProblems: problems.filter { $0.key.contains("AUTH_TOKEN") }))
        } catch {
            StandardStreams.complain(error.description)
            throw ExitCode(1)
        }
    }

    /// The value of the `Authorization` field; nil if neither a file nor the settings give credentials.
    private func authorization(_ configuration: RelayConfiguration) throws(ControlError) -> Secret? {
        if let userFile { return Secret("Basic " + Base64.encode(Array(try Self.secret(in: userFile).utf8))) }
        if let tokenFile {
            // The first of several tokens: each is valid.
            let token = try Self.secret(in: tokenFile).split { $0 == "," || $0.isNewline }.first ?? ""
            return Secret("Bearer \(token.trimmed)")
        }
        return configuration.authTokens.first.map { Secret("Bearer \($0.revealed)") }
    }

    private static func secret(in path: String) throws(ControlError) -> String {
        do throws(SecretFile.Failure) {
            return try SecretFile.read(path)
        } catch {
            throw ControlError(description: "\(path) \(error)")
        }
    }

    /// The URL without the path of a route.
    static func base(_ url: String) -> String {
        var base = url[...]
        while base.hasSuffix("/") { base.removeLast() }
        for route in [Route.webhook, .health] where base.hasSuffix(route.rawValue) {
            base.removeLast(route.rawValue.count)
        }
        return String(base)
    }
}

/// Posts an alert and its resolve, and judges the responses.
struct SmokeTest {
    static let alertName = "RelaySmokeTest"

    let probe: CurlProbe
    /// Without a slash at the end.
    let base: String
    let severity: Severity
    /// Webhooks are signed with the first secret, if there is one.
    var signatures = SignatureSettings()

    /// Returns the text for standard output.
    ///
    /// - Parameter tokenProblems: why the settings have no token, for the error if one is needed.
    func run(tokenProblems: [ConfigurationProblem] = []) throws(ControlError) -> String {
        try checkReady()
        let start = Timestamp.now()
        let clock = ContinuousClock.now
        for status in [AlertStatus.firing, .resolved] { try post(status, start, tokenProblems) }
        let milliseconds = Int((ContinuousClock.now - clock) / .milliseconds(1))
        return "ok: \(base) accepted a test alert and its resolve in \(milliseconds) ms; "
            + "\(Self.alertName) follows in the room of \(severity.rawValue), unless a receiver takes or drops it\n"
    }

    private func checkReady() throws(ControlError) {
        var answer = probe.get(base + Route.ready.rawValue)
        // A proxy may forward two routes only.
        if case .answer(404, _) = answer { answer = probe.get(base + Route.health.rawValue) }
        switch answer {
        case .answer(200, _): return
        case .answer(let status, let body): throw failure("it is not ready: HTTP \(status) \(Self.line(body))")
        case .failed(let reason, _): throw failure(reason + Self.certificateHint(reason))
        }
    }

    private func post(
        _ status: AlertStatus, _ start: Timestamp, _ tokenProblems: [ConfigurationProblem]
    ) throws(ControlError) {
        let body = body(status, start)
        var probe = probe
        if let secret = signatures.secrets.first { probe.fields = signature(of: body, secret) }
        switch probe.post(base + Route.webhook.rawValue, body: body) {
        case .answer(200, let text):
            guard text.contains("\"processed\":1}") else {
                throw failure("the response is not the relay's: \(Self.line(text))")
            }
        case .answer(401, _):
            let reasons = tokenProblems.map { "; \($0)" }.joined()
            throw failure(
                "the credentials are missing or wrong: give --token-file or --user-file, "
                    + "or set RELAY_AUTH_TOKEN_FILE\(reasons)")
        case .answer(403, let text): throw failure("this client is not allowed: \(Self.line(text))")
        case .answer(let code, let text):
            throw failure("HTTP \(code) for \(Route.webhook.rawValue): \(Self.line(text))")
        case .failed(let reason, _): throw failure(reason)
        }
    }

    private func signature(of body: [UInt8], _ secret: Secret) -> [(name: String, value: String)] {
        let time = String(Timestamp.now().seconds)
        let prefix = signatures.timestampHeader == nil ? "" : time + ":"
        let digest = BodySignature.digest(Array(prefix.utf8), body, key: Array(secret.revealed.utf8))
        let hex = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return [(signatures.header, hex)] + (signatures.timestampHeader.map { [($0, time)] } ?? [])
    }

    private func failure(_ text: String) -> ControlError { ControlError(description: "\(base): \(text)") }

    /// The start of a response in one line.
    private static func line(_ text: String) -> String {
        String(text.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(200))
    }

    private static func certificateHint(_ reason: String) -> String {
        reason.contains("certificate verify failed") || reason.contains("self-signed")
            ? "; give --ca-file with the certificate, or --insecure" : ""
    }

    /// A webhook with an alert that no earlier run has posted: an identical one would be dropped as a duplicate.
    private func body(_ status: AlertStatus, _ start: Timestamp) -> [UInt8] {
        let run = String(start.seconds) + Int(start.nanoseconds).padded(to: 9)
        let labels = ["alertname": Self.alertName, "severity": severity.rawValue, "instance": "relay", "run": run]
        let summary = "relay smoke posted this alert to test the relay; nothing is wrong."
        let end = status == .firing ? "0001-01-01T00:00:00Z" : Timestamp.now().rfc3339
        var writer = JSONWriter()
        writer.object { json in
            let texts = [
                ("version", "4"), ("receiver", "relay-smoke"), ("status", status.rawValue),
                ("groupKey", "{}:{alertname=\"\(Self.alertName)\", run=\"\(run)\"}"), ("externalURL", ""),
            ]
            for (key, value) in texts { json.member(key, value) }
            json.key("truncatedAlerts")
            json.integer(0)
            json.member("groupLabels", ["alertname": Self.alertName, "run": run])
            json.member("commonLabels", labels)
            json.member("commonAnnotations", ["summary": summary])
            json.key("alerts")
            json.array([labels]) { json, labels in
                json.object { json in
                    json.member("status", status.rawValue)
                    json.member("labels", labels)
                    json.member("annotations", ["summary": summary])
                    let texts = [
                        ("startsAt", start.rfc3339), ("endsAt", end), ("generatorURL", ""), ("fingerprint", run),
                    ]
                    for (key, value) in texts { json.member(key, value) }
                }
            }
        }
        return writer.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ values: [String: String]) {
        key(name)
        object { json in
            for (name, value) in values.sorted(by: { $0.key < $1.key }) { json.member(name, value) }
        }
    }
}
