import Foundation
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(5)))
struct RouteTests {
    @Test func routesRespondAsDocumented() throws {
        let rig = try Rig()
        let health = try #require(rig.get("/health"))
        #expect(health.status == 200)
        #expect(health.body.hasPrefix(#"{"status":"healthy","service":"relay","version":""#))
        #expect(rig.get("/-/healthy")?.status == 200)
        #expect(rig.get("/-/ready")?.body == #"{"status":"ready"}"#)
        #expect(rig.get("/nowhere")?.status == 404)
        for path in ["/health", "/-/healthy", "/-/ready", "/metrics"] {
            #expect(Client.request("HEAD", path, port: rig.port)?.status == 200)
            let refused = Client.request("POST", path, port: rig.port)
            #expect(refused?.status == 405)
            #expect(refused?.headers["allow"] == "GET, HEAD")
        }
        let refused = rig.get("/webhook")
        #expect(refused?.status == 405)
        #expect(refused?.headers["allow"] == "POST")
        #expect(refused?.headers["content-type"] == "application/json; charset=utf-8")
        #expect(Client.request("POST", "/-/reload", port: rig.port)?.status == 403)
        let tunnel = Client.request("CONNECT", "localhost:1", port: rig.port)
        #expect(tunnel?.status == 405 && tunnel?.headers["allow"] == "GET, HEAD, POST")
    }

    @Test func invalidWebhooksGet400WithTheReason() throws {
        let rig = try Rig()
        let answer = try rig.post(fixture: "28-custom-payload.am0331.json")
        #expect(answer?.status == 400)
        #expect(answer?.body.contains("payload:") == true)
        #expect(rig.post(Array("nonsense".utf8))?.status == 400)
        #expect(rig.post([])?.status == 400)
        #expect(rig.post(Array(#"{"version":"4","alerts":[]}"#.utf8))?.body == #"{"status":"ok","processed":0}"#)
        #expect(rig.metric(#"relay_payloads_rejected_total{reason="invalidJSON"}"#) == 1)
    }

    @Test func compressedBodiesAreAcceptedAndBombsRefused() throws {
        let rig = try Rig(environment: ["RELAY_MAX_BODY_SIZE": "1MiB"])
        func gzipped(_ bytes: [UInt8]) throws -> [UInt8] {
            let folder = TemporaryFolder()
            try Data(bytes).write(to: URL(filePath: folder.path + "/body"))
            let gzip = try Program("gzip", [folder.path + "/body"])
            #expect(gzip.exitCode() == 0)
            return [UInt8](try Data(contentsOf: URL(filePath: folder.path + "/body.gz")))
        }
        let fields = ["Content-Encoding: gzip"]
        let taken = rig.post(try gzipped(try Rig.fixture("01-single-firing.am0331.json")), headers: fields)
        #expect(taken?.body == #"{"status":"ok","processed":1}"#)
        let bomb = rig.post(try gzipped([UInt8](repeating: 0x20, count: 50 << 20)), headers: fields)
        #expect(bomb?.status == 413)
        #expect(rig.post([1, 2, 3], headers: fields)?.status == 400)
        #expect(rig.post([1, 2, 3], headers: ["Content-Encoding: br"])?.status == 415)
        #expect(try rig.waitForMessages(1).count == 1)
    }

    @Test func onlyRequestsWithATokenMayPost() throws {
        let rig = try Rig(environment: ["RELAY_AUTH_TOKEN": "old-token,new-token"])
        let refused = try rig.post(fixture: "01-single-firing.am0331.json")
        #expect(refused?.status == 401)
        #expect(refused?.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
        let body = try Rig.fixture("01-single-firing.am0331.json")
        #expect(rig.post(body, headers: ["Authorization: Bearer old-toke"])?.status == 401)
        #expect(rig.post(body, headers: ["Authorization: Bearer new-token"])?.status == 200)
        #expect(rig.get("/health")?.status == 200)
        #expect(!rig.relay.output.contains("new-token"))
    }

    @Test func metricsPassPromtool() throws {
        let rig = try Rig()
        _ = try rig.post(fixture: "14-distinct-severities.am0331.json")
        _ = try rig.waitForMessages(4)
        #expect(eventually { rig.metric(#"relay_notifications_total{severity="critical"}"#) == 1 })
        let text = try #require(rig.get("/metrics"))
        #expect(text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        let folder = TemporaryFolder()
        try Data(text.body.utf8).write(to: URL(filePath: folder.path + "/metrics"))
        let promtool = try Program("/bin/sh", ["-c", "promtool check metrics < \(folder.path)/metrics"])
        #expect(promtool.exitCode() == 0, "\(promtool.output)")
        #expect(promtool.output == "")
        #expect(rig.metric(#"relay_alerts_received_total{severity="critical",status="firing"}"#) == 2)
        #expect(rig.metric(#"relay_http_requests_total{route="/webhook",code="200"}"#) == 1)
    }
}
