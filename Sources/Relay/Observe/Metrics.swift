import Alerts
import Journaling
import Libevent
import RocketChat
import SQLiteJournal
import Support

/// The metrics of the program. Their names are part of its interface. No label contains an alert's own label values.
///
/// A counter or histogram is a stored property of this class: `text` finds it by reflection. A gauge is registered by
/// the component that knows its value. Neither needs a second list.
///
/// `receiver` names a receiver of the configuration. The series of a severity's own room do not have it.
final class Metrics: Sendable {
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
    let deliveryDuration = MetricFamily<Histogram>(
        "relay_delivery_duration_seconds", "Time of one post to Rocket.Chat.", labels: ["severity", "receiver"],
        existing: severities)
    let endToEnd = MetricFamily<Histogram>(
        "relay_end_to_end_seconds", "From a webhook's acceptance to its delivery.", labels: ["severity", "receiver"],
        existing: severities)
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

    private let gauges = Locked<[Gauge]>([])

    /// Registers a metric whose value is read at each scrape, on the loop: `read` must not block.
    ///
    /// - Parameter type: Prometheus' name of the type, for values that only grow `counter`.
    func register(
        _ name: String, _ help: String, type: String = "gauge",
        read: @escaping @LoopActor @Sendable () -> [Gauge.Sample]
    ) {
        gauges.withLock { $0.append(Gauge(name: name, help: help, type: type, read: read)) }
    }

    /// Registers a metric of one series without labels.
    func register(
        _ name: String, _ help: String, type: String = "gauge", value: @escaping @LoopActor @Sendable () -> Double
    ) {
        register(name, help, type: type) { [Gauge.Sample(value: value())] }
    }

    /// Reads the registered gauges for `text`.
    @LoopActor
    func readGauges() -> [Gauge.Reading] {
        gauges.withLock { $0 }.map { Gauge.Reading(gauge: $0, samples: $0.read()) }
    }

    /// The counters and histograms, and these readings, in the exposition format. May run on any thread.
    func text(_ readings: [Gauge.Reading] = []) -> MetricsText {
        var text = MetricsText()
        for case let family as any MetricFamilyText in Mirror(reflecting: self).children.lazy.map(\.value) {
            family.write(to: &text)
        }
        for reading in readings { reading.write(to: &text) }
        return text
    }
}

/// A metric whose value its owner knows.
struct Gauge: Sendable {
    struct Sample: Sendable {
        var labels: [(String, String)] = []
        var value: Double
    }

    /// The value of a gauge at a scrape.
    struct Reading: MetricFamilyText {
        fileprivate var gauge: Gauge
        fileprivate var samples: [Sample]

        func write(to text: inout MetricsText) {
            text.begin(gauge.name, help: gauge.help, type: gauge.type)
            for sample in samples { text.add(gauge.name, labels: sample.labels, value: sample.value) }
        }
    }

    fileprivate var name: String
    fileprivate var help: String
    fileprivate var type: String
    fileprivate var read: @LoopActor @Sendable () -> [Sample]
}
