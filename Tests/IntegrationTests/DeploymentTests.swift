import Foundation
import Glibc
import TestSupport
import Testing

/// The configuration file of the complete setup.
private let shippedConfiguration = Checkout.root.appending(path: "docker/relay.yml").path

/// The files in docker/ with their programs: Alertmanager posts through nginx, with TLS and a token, to the relay.
/// Prometheus scrapes the relay and fires the shipped rules.
@Suite(.serialized, .timeLimit(.minutes(4)))
struct DeploymentTests {
    /// nginx in front of a relay, configured by docker/nginx.conf with other ports and paths.
    final class Front {
        let folder = TemporaryFolder()
        let port: UInt16
        private(set) var nginx: Program?

        init(relay: UInt16) throws {
            port = try Loopback.freePort()
            try SelfSigned.make(
                certificate: folder.path + "/tls_certificate", key: folder.path + "/tls_key",
                names: "DNS:localhost,IP:127.0.0.1")
            try "t0ken".write(toFile: folder.path + "/relay_token", atomically: true, encoding: .utf8)
            try write(
                "nginx.conf",
                [
                    "/run/secrets/": folder.path + "/", "relay:8093": "127.0.0.1:\(relay)",
                    "listen 8443": "listen 127.0.0.1:\(port)", "/tmp/nginx": folder.path + "/nginx",
                ])
            try start()
        }

        func start() throws {
            nginx = try Program("nginx", ["-g", "daemon off;", "-c", folder.path + "/nginx.conf"])
            #expect(eventually { Loopback.isListening(on: port) }, "\(nginx?.output ?? "")")
        }

        func stop() {
            nginx?.send(SIGTERM)
            #expect(nginx?.exitCode() == 0)
        }

        /// The number of nginx's temporary files with bodies or responses.
        func storedFiles() -> Int {
            let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
            return files.count {
                $0.hasPrefix("nginx-") && $0.split(separator: "/").last?.allSatisfy(\.isNumber) == true
            }
        }

        deinit {
            // nginx must stop its workers itself: a kill would leave them running.
            nginx?.send(SIGTERM)
            _ = nginx?.exitCode()
        }

        /// Writes a file of docker/ to the folder with replacements.
        func write(_ name: String, _ changes: [String: String]) throws {
            var text = try Checkout.text("docker/\(name)")
            for (old, new) in changes {
                #expect(text.contains(old), "\(name) has no \(old)")
                text = text.replacingOccurrences(of: old, with: new)
            }
            try text.write(toFile: folder.path + "/" + name, atomically: true, encoding: .utf8)
        }
    }

    private struct Chain {
        let rig: Rig
        let front: Front
        let alertmanager: Program
        let alertmanagerPort: UInt16

        init() throws {
            rig = try Rig(environment: ["RELAY_AUTH_TOKEN": "t0ken", "RELAY_CONFIG": shippedConfiguration])
            front = try Front(relay: rig.port)
            try front.write(
                "alertmanager.yml",
                [
                    "/run/secrets/": front.folder.path + "/", "https://nginx:8443/": "https://localhost:\(front.port)/",
                    "group_interval: 30s": "group_interval: 1s",
                ])
            alertmanager = try Program(
                "prometheus-alertmanager",
                [
                    "--config.file=\(front.folder.path)/alertmanager.yml",
                    "--storage.path=\(front.folder.path)/alertmanager", "--web.listen-address=127.0.0.1:0",
                    "--cluster.listen-address=",
                ])
            alertmanagerPort = try alertmanager.port(after: "address=")
        }

        func fire(_ name: String) throws {
            let alert: [String: Any] = ["labels": ["alertname": name, "severity": "critical", "instance": "db-1"]]
            let body = [UInt8](try JSONSerialization.data(withJSONObject: [alert]))
            #expect(Client.request("POST", "/api/v2/alerts", port: alertmanagerPort, body: body)?.status == 200)
        }
    }

    @Test func alertsReachTheRoomThroughNginxWithTLSAndAToken() throws {
        let chain = try Chain()
        try chain.fire("DiskFull")
        let message = try #require(try chain.rig.waitForMessages(1, hook: "critical").first)
        #expect(message.text.contains("DiskFull"), "\(chain.alertmanager.output.suffix(500))")
        #expect(chain.rig.post(numbered(1))?.status == 401, "the relay itself asks for the token")
    }

    @Test func restartOfNginxLosesNothing() throws {
        let chain = try Chain()
        for number in 0..<20 {
            try chain.fire("Alert\(number)x")
            if number == 5 { chain.front.stop() }
            if number == 15 { try chain.front.start() }
        }
        let found = try eventually(within: 120) {
            let whole = try chain.rig.messages(hook: "critical").map(\.whole).joined()
            return (0..<20).allSatisfy { whole.contains("Alert\($0)x") }
        }
        #expect(found, "\(chain.alertmanager.output.suffix(1000))")
    }

    @Test func unauthenticatedBodiesAreRefusedAndNotStoredByNginx() throws {
        let rig = try Rig(environment: ["RELAY_AUTH_TOKEN": "t0ken"])
        let front = try Front(relay: rig.port)
        let tunnel = try TLSTunnel(to: front.port)
        let crowd = SocketCrowd(port: tunnel.port)
        for _ in 0..<40 {
            var script = SocketCrowd.Script(
                "POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 16000000\r\n\r\n"
                    + String(repeating: " ", count: 1_000_000))
            // Slower than the relay's response, so that nginx would have time to store the body.
            script.pieceSize = 100_000
            script.pause = .milliseconds(100)
            crowd.add(script)
        }
        var stored = 0
        crowd.run(for: .seconds(30)) {
            stored = max(stored, front.storedFiles())
            return crowd.received.allSatisfy { !$0.isEmpty }
        }
        #expect(crowd.received.allSatisfy { $0.starts(with: Array("HTTP/1.1 401".utf8)) })
        #expect(stored == 0)
    }

    @Test func nginxLimitsConcurrentRequestsPerSender() throws {
        let rig = try Rig()
        let front = try Front(relay: rig.port)
        let tunnel = try TLSTunnel(to: front.port)
        let crowd = SocketCrowd(port: tunnel.port)
        for _ in 0..<300 {
            crowd.add(SocketCrowd.Script("POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n["))
        }
        let isRefused: ([UInt8]) -> Bool = { $0.starts(with: Array("HTTP/1.1 503".utf8)) }
        // One sender may have 192 requests in progress: its others get 503, but other senders do not.
        crowd.run(for: .seconds(30)) { crowd.received.count(where: isRefused) >= 300 - 192 }
        #expect(crowd.received.count(where: isRefused) == 300 - 192)
        let other = try TLSTunnel(to: front.port, sources: 2)
        let answers = (0..<2).map { Client.request("POST", "/webhook", port: other.port, body: numbered($0))?.status }
        #expect(answers.contains(200))
    }

    @Test func prometheusScrapesTheRelayAndFiresTheShippedRules() throws {
        let chain = try Chain()
        try chain.front.write(
            "prometheus.yml",
            [
                "relay:8093": "127.0.0.1:\(chain.rig.port)", "alertmanager:9093": "127.0.0.1:\(chain.alertmanagerPort)",
                "scrape_interval: 15s": "scrape_interval: 1s", "evaluation_interval: 15s": "evaluation_interval: 1s",
            ])
        try chain.front.write("alerting-rules.yml", [:])
        chain.rig.setFault(#"{"containing":"n1x","status":400,"body":{"success":false,"error":"odd"}}"#)
        let post = chain.rig.post(numbered(1), headers: ["Authorization: Bearer t0ken"])
        #expect(post?.status == 200)
        let prometheus = try Program(
            "prometheus",
            [
                "--config.file=\(chain.front.folder.path)/prometheus.yml",
                "--storage.tsdb.path=\(chain.front.folder.path)/tsdb", "--web.listen-address=127.0.0.1:0",
                // Prometheus loses alerts that it sends before it has discovered Alertmanager, and resends them after
                // this.
                "--rules.alert.resend-delay=2s",
            ])
        let received = #"relay_watchdog_received_total{watchdog="watchdog",status="firing"}"#
        let watchdog = eventually(within: 60) { chain.rig.metric(received) ?? 0 >= 1 }
        let texts = try chain.rig.messages().map { $0.hook + ": " + $0.text }
        #expect(watchdog, "\(texts) \(chain.rig.relay.output.suffix(1500))")
        let letters = try eventually(within: 90) {
            try chain.rig.messages(hook: "warning").contains { $0.text.contains("RelayDeadLetters") }
        }
        #expect(letters, "\(prometheus.output.suffix(1000))")
        #expect(try !chain.rig.messages().contains { $0.whole.contains("Watchdog") }, "the Watchdog is not posted")
    }

    @Test func metricsOfDashboardAndRulesAreExported() throws {
        let rig = try Rig(environment: ["RELAY_CONFIG": shippedConfiguration])
        rig.setFault(#"{"hook":"critical","times":1,"status":500}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(rig.post([1])?.status == 400)
        _ = try rig.waitForMessages(1)
        let exported = try #require(rig.get("/metrics")).body
        var names: Set<String> = []
        for path in ["grafana/dashboards/relay.json", "alerting-rules.yml"] {
            let text = try Checkout.text("docker/\(path)")
            names.formUnion(text.matches(of: /\brelay_[a-z_]+/).map { String($0.0) })
        }
        #expect(names.count > 15)
        for name in names {
            // A metric whose labels have no values yet has no series.
            let isExported = ["\n\(name){", "\n\(name) ", "# TYPE \(name) counter\n"].contains { exported.contains($0) }
            #expect(isExported, "\(name) is not exported")
        }
    }
}
