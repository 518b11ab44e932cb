import Support
import Foundation
import TestSupport
import Testing

/// Authorization in the built program: networks, proxies' header fields, bcrypt hashes and certificates.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct InboundSecurityTests {
    /// The output of `htpasswd -nbB -C 5 grace hopper`.
    private static let grace = "grace:$2y$05$ct5PyRVsF9dji0xT946m9euM0Fa2TeEddbJ0fYYPNyJQqvcoaIt6."
    private static let alert = "01-single-firing.am0331.json"

    private func basic(_ user: String, _ password: String) -> [String] {
        ["Authorization: Basic " + Data("\(user):\(password)".utf8).base64EncodedString()]
    }

    private func rejected(_ rig: Rig, _ reason: String) -> Double? {
        rig.metric("relay_payloads_rejected_total{reason=\"\(reason)\"}")
    }

    @Test func usersFromAFileAndTokensAreAccepted() throws {
        let folder = TemporaryFolder()
        try Self.grace.appending("\n").write(toFile: folder.path + "/users", atomically: true, encoding: .utf8)
        let rig = try Rig(environment: [
            "RELAY_BASIC_AUTH_FILE": folder.path + "/users", "RELAY_AUTH_TOKEN": "t0ken",
        ])
        let body = try Rig.fixture(Self.alert)
        #expect(rig.post(body, headers: basic("grace", "hopper"))?.status == 200)
        #expect(rig.post(body, headers: ["Authorization: Bearer t0ken"])?.status == 200)
        #expect(rig.post(body, headers: basic("grace", "hoppe"))?.status == 401)
        #expect(rig.post(body, headers: basic("admiral", "hopper"))?.status == 401)
        #expect(rig.post(body)?.status == 401)
        #expect(rejected(rig, "unauthorized") == 3)
        #expect(try rig.waitForMessages(1).count == 1)
    }

    @Test func guessesAreThrottledWithoutBlockingTheValidUser() throws {
        let rig = try Rig(environment: ["RELAY_BASIC_AUTH": Self.grace])
        let body = try Rig.fixture(Self.alert)
        #expect(rig.post(body, headers: basic("grace", "hopper"))?.status == 200)
        for guess in 1...10 { #expect(rig.post(body, headers: basic("grace", "\(guess)"))?.status == 401) }
        let limited = try #require(rig.post(body, headers: basic("grace", "11")))
        #expect(limited.status == 503, "Alertmanager comes again after a 5xx alone")
        #expect(limited.headers["retry-after"].flatMap { Int($0) }.map { (1...6).contains($0) } == true)
        #expect(rejected(rig, "throttled") == 1)
        #expect(rig.post(body, headers: basic("grace", "hopper"))?.status == 200)
    }

    /// Tries different passwords for grace without a pause until `stop` is called.
    private final class Guesser: Sendable {
        private let isStopped = Locked(false)
        private let ended = DispatchSemaphore(value: 0)
        private let counts = Locked<[Int: Int]>([:])

        init(port: UInt16) {
            Thread.detachNewThread { [self] in
                var number = 0
                while !isStopped.withLock({ $0 }) {
                    let client = Client(port: port)
                    while !isStopped.withLock({ $0 }) {
                        number += 1
                        let guess = Data("grace:guess \(number)".utf8).base64EncodedString()
                        let answer = client.request(
                            "POST", "/webhook", headers: ["Authorization: Basic \(guess)"], body: numbered(1))
                        guard let answer else { break }
                        counts.withLock { $0[answer.status, default: 0] += 1 }
                    }
                }
                ended.signal()
            }
        }

        /// The number of responses with a status.
        subscript(status: Int) -> Int { counts.withLock { $0[status] ?? 0 } }

        func stop() {
            isStopped.withLock { $0 = true }
            ended.wait()
        }
    }

    @Test func guessesFromTheSameAddressDoNotLockOutTheSender() throws {
        let rig = try Rig(environment: ["RELAY_BASIC_AUTH": Self.grace])
        let body = try Rig.fixture(Self.alert)
        let honest = basic("grace", "hopper")
        #expect(rig.post(body, headers: honest)?.status == 200)
        let guesser = Guesser(port: rig.port)
        #expect(eventually { guesser[503] > 100 })
        for round in 1...3 {
            rig.relay.send(SIGHUP)
            #expect(
                eventually {
                    rig.relay.output.split(separator: "\n").count { $0.contains("configuration reloaded") } == round
                })
            #expect(rig.post(body, headers: honest)?.status == 200, "what was proven stays so over a reload")
        }
        guesser.stop()
        rig.relay.killNow()
        try rig.restart()
        let again = Guesser(port: rig.port)
        defer { again.stop() }
        #expect(eventually { again[503] > 100 }, "the guesser has spent what there is")
        var statuses: [Int] = []
        let isIn = eventually(within: 30) {
            statuses.append(rig.post(body, headers: honest)?.status ?? 0)
            return statuses.last == 200
        }
        #expect(isIn, "\(statuses)")
        #expect(again[200] == 0)
    }

    @Test func wrongTokensAreDelayedAndTheirLogLinesAreLimited() throws {
        let rig = try Rig(environment: ["RELAY_AUTH_TOKEN": "t0ken"])
        let body = try Rig.fixture(Self.alert)
        let start = ContinuousClock.now
        for number in 0..<13 {
            #expect(rig.post(body, headers: ["Authorization: Bearer \(number)"])?.status == 401)
            #expect(rig.post(body, headers: ["Authorization: Bearer t0ken"])?.status == 200)
        }
        #expect(ContinuousClock.now - start >= .seconds(3), "three of them came after a second each")
        #expect(eventually { rig.relay.output.split(separator: "\n").count { $0.contains("webhook refused") } == 10 })
    }

    @Test func onlyAllowedNetworksMayPostAndOnlyTrustedProxiesForward() throws {
        let forwarded = { (address: String) in ["X-Forwarded-For: \(address)"] }
        let body = try Rig.fixture(Self.alert)
        let behindProxy = try Rig(environment: [
            "RELAY_ALLOWED_NETWORKS": "192.0.2.0/24", "RELAY_TRUSTED_PROXIES": "127.0.0.1",
        ])
        #expect(behindProxy.post(body, headers: forwarded("192.0.2.7"))?.status == 200)
        #expect(behindProxy.post(body, headers: forwarded("198.51.100.7"))?.status == 403)
        // Entries left of the proxy's own are ignored, because the client may have written them.
        #expect(behindProxy.post(body, headers: forwarded("192.0.2.7, 198.51.100.7"))?.status == 403)
        #expect(behindProxy.post(body)?.status == 403)
        #expect(behindProxy.get("/health")?.status == 200, "a probe comes from anywhere")
        #expect(rejected(behindProxy, "forbidden") == 3)

        let direct = try Rig(environment: ["RELAY_ALLOWED_NETWORKS": "192.0.2.0/24"])
        #expect(direct.post(body, headers: forwarded("192.0.2.7"))?.status == 403, "nobody is trusted to say so")
    }

    // MARK: TLS

    private func curl(_ arguments: String...) throws -> (code: Int32?, output: String) {
        let program = try Program("curl", ["-sS", "--max-time", "20"] + arguments)
        return (program.exitCode(), program.output)
    }

    @Test func webhooksUseTLSAndAReloadAppliesTheNewCertificate() throws {
        let folder = TemporaryFolder()
        let (certificate, key) = (folder.path + "/tls.crt", folder.path + "/tls.key")
        try SelfSigned.make(certificate: certificate, key: key, names: "DNS:localhost,IP:127.0.0.1")
        let tls = ["RELAY_TLS_CERT_FILE": certificate, "RELAY_TLS_KEY_FILE": key]
        let rig = try Rig(environment: tls)
        let address = "https://127.0.0.1:\(rig.port)"
        let alert = Rig.fixtures.appending(path: Self.alert).path
        let posted = try curl("--cacert", certificate, "--data-binary", "@\(alert)", address + "/webhook")
        #expect(posted.output == #"{"status":"ok","processed":1}"#)
        #expect(try rig.waitForMessages(1).count == 1)
        #expect(rig.get("/health") == nil, "plain HTTP is not answered")
        let health = try Program(
            "relay", ["healthcheck"], environment: tls.merging(["RELAY_LISTEN": "127.0.0.1:\(rig.port)"]) { $1 })
        #expect(health.exitCode() == 0, "\(health.output)")
        // Counted once the closed connection is noticed.
        let counted = try eventually {
            try curl("--cacert", certificate, address + "/metrics").output
                .contains("relay_tls_handshakes_failed_total 1\n")
        }
        #expect(counted)

        // A half-written pair changes nothing.
        let old = folder.path + "/old.crt"
        try FileManager.default.copyItem(atPath: certificate, toPath: old)
        try "".write(toFile: certificate, atomically: true, encoding: .utf8)
        rig.relay.send(SIGHUP)
        #expect(rig.relay.writes("tls.crt is empty"))
        #expect(try curl("--cacert", old, address + "/health").code == 0)
        try SelfSigned.make(certificate: certificate, key: key, names: "DNS:localhost,IP:127.0.0.1")
        rig.relay.send(SIGHUP)
        #expect(try eventually { try curl("--cacert", certificate, address + "/health").code == 0 })
        #expect(try curl("--cacert", old, address + "/health").code != 0)
    }

    @Test func onlySuitesWithForwardSecrecyAreAccepted() throws {
        let folder = TemporaryFolder()
        let (certificate, key) = (folder.path + "/tls.crt", folder.path + "/tls.key")
        try SelfSigned.make(certificate: certificate, key: key, names: "IP:127.0.0.1", isRSA: true)
        let rig = try Rig(environment: ["RELAY_TLS_CERT_FILE": certificate, "RELAY_TLS_KEY_FILE": key])
        let address = "https://127.0.0.1:\(rig.port)/health"
        for suite in [
            "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305", "DHE-RSA-AES256-GCM-SHA384",
        ] {
            let answer = try curl("--cacert", certificate, "--tls-max", "1.2", "--ciphers", suite, address)
            #expect(answer.code == 0, "\(suite): \(answer.output)")
        }
        for suite in [
            "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384",
            "DHE-RSA-AES128-SHA256",
        ] {
            // 35: the handshake failed. 59 would mean that curl does not know the suite.
            let answer = try curl("--cacert", certificate, "--tls-max", "1.2", "--ciphers", suite, address)
            #expect(answer.code == 35, "\(suite): \(answer.output)")
        }
        #expect(try curl("--cacert", certificate, "--tlsv1.3", address).code == 0)
    }

    @Test func clientCertificateIsRequiredIfConfigured() throws {
        let folder = TemporaryFolder()
        let files = ["server.crt", "server.key", "client.crt", "client.key"].map { folder.path + "/" + $0 }
        try SelfSigned.make(certificate: files[0], key: files[1], names: "IP:127.0.0.1")
        try SelfSigned.make(certificate: files[2], key: files[3], names: "DNS:alertmanager")
        let tls = [
            "RELAY_TLS_CERT_FILE": files[0], "RELAY_TLS_KEY_FILE": files[1], "RELAY_TLS_CLIENT_CA_FILE": files[2],
        ]
        let rig = try Rig(environment: tls)
        let address = "https://127.0.0.1:\(rig.port)/health"
        #expect(try curl("--cacert", files[0], "--cert", files[2], "--key", files[3], address).code == 0)
        #expect(try curl("--cacert", files[0], address).code != 0)
        // The health check has no certificate, but the relay's request for one proves that it works.
        let listen = ["RELAY_LISTEN": "127.0.0.1:\(rig.port)"]
        let health = try Program("relay", ["healthcheck"], environment: tls.merging(listen) { $1 })
        #expect(health.exitCode() == 0, "\(health.output)")
        // The relay closes the connection before the client sends its request, so that the alert can be lost with it.
        for system in ["getpeername:delay_enter=50000", "sendto:delay_exit=50000", "recvfrom:delay_enter=20000"] {
            let slow = try Program(
                "strace",
                ["-f", "-qqq", "-o", "/dev/null", "-e", "inject=\(system)", try Program.path("relay"), "healthcheck"],
                environment: tls.merging(listen) { $1 })
            #expect(slow.exitCode() == 0, "\(system): \(slow.output)")
        }
        let stranger = try Program("relay", ["healthcheck"], environment: listen)
        #expect(stranger.exitCode() == 1)
    }
}
