import Foundation
import Synchronization
import TestSupport
import Testing

/// No request is parsed as two or mixed with another sender's, directly and behind proxies that share connections.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct FramingTests {
    private static let methods = [
        "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "BREW", "post",
    ]

    @Test(arguments: ProxyFront.allCases)
    func everyRequestIsHandledOnceAndEverySenderGetsItsOwnResponse(front: ProxyFront) throws {
        let rig = try Rig(environment: ["RELAY_RATE_LIMIT": "10/60s"])
        let proxy = try front.start(relay: rig.port)
        let before = try handled(rig)

        let senders = HonestSenders(port: proxy.port, count: 3)
        var attacks = 0
        var seconds = 0
        for method in Self.methods {
            for (framing, received) in Self.attack(method, proxy.port, isDirect: front == .none) {
                let answers = Self.finalAnswers(in: received)
                attacks += 1
                if front == .none {
                    let whole = "\(method), \(framing.name): \(String(decoding: received, as: UTF8.self))"
                    #expect(answers <= (framing.isPipelined ? 2 : 1), "\(whole)")
                    // A body that is shorter than its length needs no response.
                    #expect(answers >= 1 || framing.name == "long length", "\(whole)")
                }
                // Some proxies forward the second request of malformed framings. The same sender then gets its
                // response.
                if framing.isPipelined || answers > 1 { seconds += 1 }
            }
        }
        let honest = senders.stop()
        proxy.stop()
        #expect(honest.failures.isEmpty, "\(honest.failures.prefix(5)) of \(honest.failures.count)\n\(proxy.output)")
        #expect(honest.webhooks > 20)

        let after = try handled(rig)
        let markers = after.markers - before.markers
        // nginx does not forward this route.
        #expect(markers <= (front == .nginx ? 0 : seconds), "\(markers) requests within requests were run")
        #expect(after.all - before.all <= attacks + seconds + honest.webhooks + honest.probes + 1)
        #expect(try rig.metricSum("relay_alerts_received_total") == Double(honest.alerts))
        print(
            "framing \(front): \(attacks) attacks, \(after.all - before.all) requests at the relay, \(markers) of",
            "\(seconds) second ones; \(honest.webhooks) webhooks and \(honest.probes) probes answered")
    }

    /// Sends one request of each framing concurrently, and returns the received bytes of each.
    private static func attack(_ method: String, _ port: UInt16, isDirect: Bool) -> [(Framing, [UInt8])] {
        let crowd = SocketCrowd(port: port)
        for framing in Framing.all {
            var script = SocketCrowd.Script(framing.bytes(method: method))
            // Proxies abort the request of a half-closed connection, which would defeat the test.
            if isDirect { script.ending = .halfClose }
            crowd.add(script)
        }
        crowd.run(untilQuietFor: .milliseconds(isDirect ? 3000 : 400))
        return Array(zip(Framing.all, crowd.received))
    }

    private func handled(_ rig: Rig) throws -> (all: Int, markers: Int) {
        let lines = try #require(rig.get("/metrics")).body.split(separator: "\n")
            .filter { $0.hasPrefix("relay_http_requests_total{") }
        let counts = lines.map { ($0, Int($0.split(separator: " ").last ?? "") ?? 0) }
        let markers = counts.filter { $0.0.contains(#"route="/-/healthy""#) }
        return (counts.reduce(0) { $0 + $1.1 }, markers.reduce(0) { $0 + $1.1 })
    }

    /// The number of responses in the received bytes, without interim ones.
    private static func finalAnswers(in received: [UInt8]) -> Int {
        String(decoding: received, as: UTF8.self).matches(of: /HTTP\/1\.[01] ([2-5]\d\d)/).count
    }
}

/// Senders of valid webhooks with varying numbers of alerts and of health checks.
private final class HonestSenders: Sendable {
    struct SeverityCounts {
        var webhooks = 0
        var alerts = 0
        var probes = 0
        var failures: [String] = []
    }

    private let tally = Mutex(SeverityCounts())
    private let isStopped = Mutex(false)
    private let group = DispatchGroup()

    init(port: UInt16, count: Int) {
        for sender in 0..<count {
            // Separate threads, because Dispatch starts only as many as there are cores.
            group.enter()
            Thread.detachNewThread { [self] in
                var number = 0
                while !isStopped.withLock({ $0 }) {
                    send(number, of: sender, to: port)
                    number += 1
                }
                group.leave()
            }
        }
    }

    func stop() -> SeverityCounts {
        isStopped.withLock { $0 = true }
        group.wait()
        return tally.withLock { $0 }
    }

    private func send(_ number: Int, of sender: Int, to port: UInt16) {
        let alerts = 2 + (number + sender) % 7
        let start = ContinuousClock.now
        let answer = Client.request("POST", "/webhook", port: port, body: Self.webhook(alerts, number, sender))
        let time = ContinuousClock.now - start
        let health = Client.request("GET", "/health", port: port)
        tally.withLock { tally in
            tally.webhooks += 1
            tally.alerts += alerts
            tally.probes += 1
            if answer?.status != 200 || answer?.body.contains("\"processed\":\(alerts)}") != true {
                tally.failures.append("webhook \(number) of \(sender): \(String(describing: answer)) after \(time)")
            }
            if health?.status != 200 || health?.body.contains("healthy") != true {
                tally.failures.append("health \(number) of \(sender): \(String(describing: health))")
            }
        }
    }

    private static func webhook(_ count: Int, _ number: Int, _ sender: Int) -> [UInt8] {
        let alerts = (0..<count).map { index in
            """
            {"status":"firing","labels":{"alertname":"Honest","severity":"info","number":"\(sender)-\(number)-\(index)"},\
            "annotations":{},"startsAt":"2026-11-23T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"",\
            "fingerprint":"\(sender)-\(number)-\(index)"}
            """
        }
        return Array(
            """
            {"version":"4","receiver":"r","status":"firing","groupKey":"{}:{sender=\\"\(sender)-\(number)\\"}",\
            "truncatedAlerts":0,"groupLabels":{},"commonLabels":{},"commonAnnotations":{},\
            "externalURL":"http://am.example.com:9093","alerts":[\(alerts.joined(separator: ","))]}
            """.utf8)
    }
}
