/// The metrics that every accepted webhook moves, looked up once: at tens of thousands a second the look-ups by label
/// would cost more than the counting.
struct WebhookCounts {
    private let answers: Counter
    private let durations: Histogram
    /// By tier, firing before resolved.
    private let alerts: [(firing: Counter, resolved: Counter)]

    init(_ metrics: Metrics) {
        answers = metrics.httpRequests[Route.webhook.rawValue, "200"]
        durations = metrics.httpRequestDuration[Route.webhook.rawValue]
        alerts = Severity.allCases.sorted { $0.tier < $1.tier }.map { severity in
            (
                firing: metrics.alertsReceived[severity.rawValue, AlertStatus.firing.rawValue],
                resolved: metrics.alertsReceived[severity.rawValue, AlertStatus.resolved.rawValue]
            )
        }
    }

    /// A webhook was answered with 200.
    func answered(after duration: Duration) {
        answers.increment()
        durations.observe(duration)
    }

    func received(_ counts: [AlertBatch.Count]) {
        for count in counts {
            let counters = alerts[Int(count.severity.tier)]
            (count.status == .firing ? counters.firing : counters.resolved).increment(by: count.alerts)
        }
    }
}
