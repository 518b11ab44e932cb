import Alerts
import Libevent

/// The metrics of the program; their names are part of its interface. No label carries an alert's own label values.
///
/// `receiver` names a receiver of the configuration; the series of a severity's own room are without it.
struct Metrics: Sendable {
    private static let severities = Severity.allCases.map { [$0.rawValue] }

    let httpRequests = MetricFamily<Counter>(
        "relay_http_requests_total", "HTTP requests answered.", labels: ["route", "code"])
    let httpRequestDuration = MetricFamily<Histogram>(
        "relay_http_request_duration_seconds", "From a request's last byte to its answer.", labels: ["route"],
        existing: [["/webhook"]])
    let alertsReceived = MetricFamily<Counter>(
        "relay_alerts_received_total", "Alerts in accepted webhooks.", labels: ["severity", "status"],
        existing: severities.flatMap { [$0 + ["firing"], $0 + ["resolved"]] })
    let payloadsRejected = MetricFamily<Counter>(
        "relay_payloads_rejected_total", "Webhooks not accepted, by reason.", labels: ["reason"])
    let journalCommitDuration = MetricFamily<Histogram>(
        "relay_journal_commit_duration_seconds", "Time to make one group of webhooks durable.")
    let notifications = MetricFamily<Counter>(
        "relay_notifications_total", "Notifications delivered to Rocket.Chat.", labels: ["severity", "receiver"],
        existing: severities)
    let notificationsFailed = MetricFamily<Counter>(
        "relay_notifications_failed_total", "Delivery attempts that failed, by reason.",
        labels: ["severity", "reason", "receiver"])
    let messagesSent = MetricFamily<Counter>(
        "relay_messages_sent_total", "Messages that Rocket.Chat accepted.", labels: ["severity", "receiver"],
        existing: severities)
    let deliveryDuration = MetricFamily<Histogram>(
        "relay_delivery_duration_seconds", "Time of one post to Rocket.Chat.", labels: ["severity", "receiver"],
        existing: severities)
    let endToEnd = MetricFamily<Histogram>(
        "relay_end_to_end_seconds", "From a webhook's acceptance to its delivery.", labels: ["severity", "receiver"],
        existing: severities)
    let messagesRerouted = MetricFamily<Counter>(
        "relay_messages_rerouted_total", "Messages posted to the fallback because the room's own hook did not work.",
        labels: ["severity", "receiver"], existing: severities)
    let coalescedAlerts = MetricFamily<Counter>(
        "relay_coalesced_alerts_total", "Alerts delivered in a message that stands for several notifications.",
        labels: ["severity", "receiver"], existing: severities)
    let notificationsExpired = MetricFamily<Counter>(
        "relay_notifications_expired_total", "Firings not told: older than the maximum age, and resolved since.",
        labels: ["severity", "receiver"], existing: severities)
    let notificationsDead = MetricFamily<Counter>(
        "relay_notifications_dead_total", "Notifications given up on and moved to the dead letters, by reason.",
        labels: ["severity", "reason", "receiver"], existing: severities.map { $0 + ["crash"] })
    let duplicatesSuppressed = MetricFamily<Counter>(
        "relay_duplicates_suppressed_total", "Webhooks whose content was accepted before, within the window.")
    let possibleDuplicates = MetricFamily<Counter>(
        "relay_possible_duplicates_total", "Posts repeated though Rocket.Chat may have taken them.",
        labels: ["severity", "receiver"], existing: severities)
    let connectionsClosed = MetricFamily<Counter>(
        "relay_connections_closed_total", "Connections that the listener ended without an answer, by reason.",
        labels: ["reason"], existing: HTTPServer.Closing.allCases.map { [$0.rawValue] })
    let logLinesDropped = MetricFamily<Counter>(
        "relay_log_lines_dropped_total", "Log lines dropped because stderr did not take them.")

    let lastReload = LastReload()

    private var families: [any MetricFamilyText] {
        [
            httpRequests, httpRequestDuration, alertsReceived, payloadsRejected, journalCommitDuration, notifications,
            notificationsFailed, messagesSent, messagesRerouted, coalescedAlerts, notificationsExpired,
            notificationsDead, deliveryDuration, endToEnd, duplicatesSuppressed, possibleDuplicates, connectionsClosed,
            logLinesDropped,
        ]
    }

    /// All counted so far, to which the caller adds what is only known at the moment of the scrape.
    func text() -> MetricsText {
        var text = MetricsText()
        for family in families { family.write(to: &text) }
        return text
    }
}
