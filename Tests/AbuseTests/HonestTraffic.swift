import Foundation
import Synchronization
import TestSupport

/// Regular traffic during an attack: health checks over new connections, as by Kubernetes, and webhooks over a
/// persistent connection, as by Alertmanager.
final class HonestTraffic: Sendable {
    struct SeverityCounts {
        var checks = 0
        /// Checks that took more than a second.
        var lateChecks = 0
        var slowestCheck = Duration.zero
        var failedChecks: [String] = []
        var webhooks = 0
        var slowestWebhook = Duration.zero
        /// Webhooks answered with 503, which Alertmanager retries.
        var delayedWebhooks = 0
        var failedWebhooks: [String] = []
    }

    private let tally = Mutex(SeverityCounts())
    private let isStopped = Mutex(false)
    private let group = DispatchGroup()
    private let port: UInt16
    private let headers: [String]

    init(port: UInt16, headers: [String]) {
        (self.port, self.headers) = (port, headers)
        run { [self] _ in check() }
        let connection = Mutex<Connection>(Connection())
        run { [self] number in connection.withLock { post(number, over: &$0) } }
    }

    var checks: Int { tally.withLock { $0.checks } }
    var webhooks: Int { tally.withLock { $0.webhooks } }

    /// Stops both senders after their current requests and returns the counts.
    func stop() -> SeverityCounts {
        isStopped.withLock { $0 = true }
        group.wait()
        return tally.withLock { $0 }
    }

    private func run(_ action: @escaping @Sendable (_ number: Int) -> Void) {
        group.enter()
        Thread.detachNewThread { [self] in
            var number = 0
            repeat {
                action(number)
                number += 1
                // A realistic rate, not the maximum.
                poll(nil, 0, 20)
            } while !isStopped.withLock { $0 }
            group.leave()
        }
    }

    private func check() {
        let start = ContinuousClock.now
        let answer = Client.request("GET", "/health", port: port)
        let time = ContinuousClock.now - start
        tally.withLock { tally in
            tally.checks += 1
            tally.slowestCheck = max(tally.slowestCheck, time)
            if time > .seconds(1) { tally.lateChecks += 1 }
            if answer?.status != 200 { tally.failedChecks.append("\(String(describing: answer)) after \(time)") }
        }
    }

    private struct Connection {
        var client: Client?
    }

    private func post(_ number: Int, over connection: inout Connection) {
        let isNew = connection.client == nil
        let client = connection.client ?? Client(port: port)
        let start = ContinuousClock.now
        let answer = client.request("POST", "/webhook", headers: headers, body: Self.webhook(number))
        let time = ContinuousClock.now - start
        connection.client = answer?.status == 200 ? client : nil
        // The server may close an idle connection: like every client, retry on a new one.
        if answer == nil && !isNew { return post(number, over: &connection) }
        tally.withLock { tally in
            tally.webhooks += 1
            tally.slowestWebhook = max(tally.slowestWebhook, time)
            switch answer?.status {
            case 200: break
            case 503: tally.delayedWebhooks += 1
            default: tally.failedWebhooks.append("\(String(describing: answer)) after \(time)")
            }
        }
    }

    private static func webhook(_ number: Int) -> [UInt8] {
        Array(
            """
            {"version":"4","receiver":"r","status":"firing","groupKey":"{}:{n=\\"\(number)\\"}","truncatedAlerts":0,\
            "groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://am.example.com:9093","alerts":\
            [{"status":"firing","labels":{"alertname":"Honest","severity":"info","number":"\(number)"},"annotations":{},\
            "startsAt":"2026-11-23T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"\(number)"}]}
            """.utf8)
    }
}
