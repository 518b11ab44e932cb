import Foundation
import TestSupport
import Testing

/// Prometheus's flags and Grafana's signatures with the built program.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct EcosystemTests {
    private func run(_ name: String, _ arguments: [String]) throws -> (code: Int32?, output: String) {
        let program = try Program(name, arguments)
        return (program.exitCode(), program.output)
    }

    @Test func webConfigurationFileProtectsTheListenerAndIsReloaded() throws {
        let folder = TemporaryFolder()
        try SelfSigned.make(
            certificate: folder.path + "/tls.crt", key: folder.path + "/tls.key", names: "IP:127.0.0.1")
        let file = folder.path + "/web.yml"
        func write(user: String) throws {
            // The hash of `hopper`.
            try """
            tls_server_config: {cert_file: tls.crt, key_file: tls.key}
            basic_auth_users: {\(user): $2y$05$ct5PyRVsF9dji0xT946m9euM0Fa2TeEddbJ0fYYPNyJQqvcoaIt6.}
            """.write(toFile: file, atomically: true, encoding: .utf8)
        }
        try write(user: "grace")
        let relay = try Program(
            "relay",
            ["--web.listen-address=127.0.0.1:0", "--web.listen-address", "[::1]:0", "--web.config.file", file],
            environment: [
                "ROCKETCHAT_WEBHOOK_INFO": "http://127.0.0.1:9/hooks/a/b", "RELAY_STORAGE_PATH": folder.path + "/spool",
            ])
        let port = try relay.port()
        #expect(relay.writes("address=127.0.0.1:") && relay.writes("address=[::1]:") && relay.writes("msg=started"))
        // The log names the addresses in order, so the port is that of the second.
        let body = Rig.fixtures.appending(path: "01-single-firing.am0331.json").path
        func post(user: String) throws -> String {
            try run(
                "curl",
                [
                    "-sS", "-k", "-o", "/dev/null", "-w", "%{http_code}", "-u", "\(user):hopper", "--data-binary",
                    "@\(body)", "https://[::1]:\(port)/webhook",
                ]
            ).output
        }
        #expect(try post(user: "grace") == "200" && post(user: "ada") == "401")
        try write(user: "ada")
        relay.send(SIGHUP)
        #expect(try eventually { try post(user: "ada") == "200" })
        #expect(try post(user: "grace") == "401")
        try "rate_limit: {burst: 1}".write(toFile: file, atomically: true, encoding: .utf8)
        relay.send(SIGHUP)
        #expect(relay.writes("web.yml:1:1: rate_limit: is not supported by the relay"))
        #expect(try post(user: "ada") == "200", "an invalid file changes nothing")
    }

    /// The signature is made by openssl, as Grafana's documentation describes it.
    @Test func signedWebhooksAreAccepted() throws {
        let folder = TemporaryFolder()
        let secret = folder.path + "/secret"
        try "s3cret-of-grafana\n".write(toFile: secret, atomically: true, encoding: .utf8)
        let rig = try Rig(environment: [
            "RELAY_HMAC_SECRET_FILE": secret, "RELAY_HMAC_TIMESTAMP_HEADER": "X-Grafana-Alerting-Signature-Timestamp",
        ])
        func post(_ body: [UInt8], age: Int) throws -> Client.Answer? {
            let time = String(Int(Date().timeIntervalSince1970) - age)
            let file = folder.path + "/signed"
            try Data(Array("\(time):".utf8) + body).write(to: URL(filePath: file))
            let signed = try run("openssl", ["dgst", "-sha256", "-hmac", "s3cret-of-grafana", "-r", file]).output
            let digest = signed.prefix { $0 != " " }
            return rig.post(
                body,
                headers: [
                    "X-Grafana-Alerting-Signature: \(digest)", "X-Grafana-Alerting-Signature-Timestamp: \(time)",
                ])
        }
        #expect(try post(numbered(1), age: 0)?.status == 200)
        let old = try post(numbered(2), age: 3600)
        #expect(old?.status == 401 && old?.body.contains("within 300 s") == true)
        #expect(rig.post(numbered(3))?.status == 401)
        #expect(try rig.waitForMessages(1).count == 1)
        #expect(!rig.relay.output.contains("s3cret"))
        #expect(rig.relay.output.contains("a signature in X-Grafana-Alerting-Signature"))
    }
}
