import Alerts
import Libevent
import Posting
import Support

/// The metrics of the program. Their names are a public interface. Labels never contain label values of alerts.
///
/// Counters and histograms are stored properties of this class, which `text` finds by reflection. The component that
/// knows the value registers a gauge. Neither needs a second list.
///
/// The label `receiver` is the name of a configured receiver. Series for the room of a severity do not have it.
final class Metrics: Sendable {
    private static let severities = Severity.allCases.map { [$0.rawValue] }

    let httpRequests = MetricFamily<Counter>(
        "relay_http_requests_total", "HTTP requests answered.", labels: ["route", "code"])
    let httpRequestDuration = MetricFamily<Histogram>(
        "relay_http_request_duration_seconds", "Time from the last byte of a request to its response.",
        labels: ["route"],
        existing: [["/webhook"]])
    let alertsReceived = MetricFamily<Counter>(
        "relay_alerts_received_total", "Alerts in accepted webhooks.", labels: ["severity", "status"],
        existing: severities.flatMap { [$0 + ["firing"], $0 + ["resolved"]] })
    let alertsDropped = MetricFamily<Counter>(
        "relay_alerts_dropped_total", "Alerts of accepted webhooks that a receiver with `drop` does not post.",
        labels: ["receiver"])
    let payloadsRejected = MetricFamily<Counter>(
        "relay_payloads_rejected_total", "Refused webhooks, by reason.", labels: ["reason"])
    let payloadOddities = MetricFamily<Counter>(
        "relay_payload_oddities_total", "Values of accepted webhooks that are not as documented, by kind.",
        labels: ["kind"], existing: PayloadOddity.allCases.map { [$0.rawValue] })
    let journalCommitDuration = MetricFamily<Histogram>(
        "relay_journal_commit_duration_seconds", "Duration of one journal commit.")
    let notifications = MetricFamily<Counter>(
        "relay_notifications_total", "Notifications delivered to Rocket.Chat.", labels: ["severity", "receiver"],
        existing: severities)
    let notificationsFailed = MetricFamily<Counter>(
        "relay_notifications_failed_total", "Failed delivery attempts, by reason.",
        labels: ["severity", "reason", "receiver"])
    let messagesSent = MetricFamily<Counter>(
        "relay_messages_sent_total", "Messages accepted by Rocket.Chat.", labels: ["severity", "receiver"],
        existing: severities)
    let messagesRerouted = MetricFamily<Counter>(
        "relay_messages_rerouted_total", "Messages posted to another room because the primary hook failed.",
        labels: ["severity", "receiver"], existing: severities)
    let coalescedAlerts = MetricFamily<Counter>(
        "relay_coalesced_alerts_total", "Alerts delivered in a digest of several notifications.",
        labels: ["severity", "receiver"], existing: severities)
    let templateFailures = MetricFamily<Counter>(
        "relay_template_failures_total",
        "Parts of delivered messages in their built-in form because their template failed, by reason.",
        labels: ["severity", "part", "reason", "receiver"])
    let notificationsExpired = MetricFamily<Counter>(
        "relay_notifications_expired_total", "Firing notifications not delivered: too old and resolved.",
        labels: ["severity", "receiver"], existing: severities)
    let notificationsDead = MetricFamily<Counter>(
        "relay_notifications_dead_total", "Notifications moved to the dead letters, by reason.",
        labels: ["severity", "reason", "receiver"], existing: severities.map { $0 + ["crash"] })
    let mentionsRefused = MetricFamily<Counter>(
        "relay_mentions_refused_total", "Messages that Rocket.Chat refused for their mentions, posted without them.",
        labels: ["severity", "receiver"], existing: severities)
    let channelsRefused = MetricFamily<Counter>(
        "relay_channels_refused_total",
        "Channels refused by the server or by `channel_allow`; the hook's own room got the message.",
        labels: ["severity", "reason", "receiver"],
        existing: severities.flatMap { [$0 + ["notAllowed"], $0 + ["server"]] })
    let deliveryDuration = MetricFamily<Histogram>(
        "relay_delivery_duration_seconds", "Duration of one post to Rocket.Chat.", labels: ["severity", "receiver"],
        existing: severities)
    let endToEnd = MetricFamily<Histogram>(
        "relay_end_to_end_seconds", "Time from accepting a webhook to its delivery.", labels: ["severity", "receiver"],
        existing: severities)
    let duplicatesSuppressed = MetricFamily<Counter>(
        "relay_duplicates_suppressed_total", "Webhooks dropped as duplicates within RELAY_DEDUPE_WINDOW.")
    let possibleDuplicates = MetricFamily<Counter>(
        "relay_possible_duplicates_total", "Failed posts that Rocket.Chat may have accepted.",
        labels: ["severity", "receiver"], existing: severities)
    let connectionsClosed = MetricFamily<Counter>(
        "relay_connections_closed_total", "Connections closed by the listener without a response, by reason.",
        labels: ["reason"], existing: HTTPServer.Closing.allCases.map { [$0.rawValue] })
    let chatCommands = MetricFamily<Counter>(
        "relay_chatops_commands_total", "Commands from rooms, by command and result.", labels: ["command", "result"])
    let chatCommandFailures = MetricFamily<Counter>(
        "relay_chatops_failures_total", "Commands that Alertmanager did not carry out, by reason.", labels: ["reason"])
    let logLinesDropped = MetricFamily<Counter>(
        "relay_log_lines_dropped_total", "Log lines dropped because stderr was blocked.")

    let watchdogReceived = MetricFamily<Counter>(
        "relay_watchdog_received_total", "Alerts of watchdogs received, which are not posted.",
        labels: ["watchdog", "status"])

    let mailsSent = MetricFamily<Counter>(
        "relay_mails_sent_total", "Mails accepted by the mail server.")
    let mailsFailed = MetricFamily<Counter>(
        "relay_mails_failed_total", "Mails that were not accepted, by reason.", labels: ["reason"],
        existing: MailFailure.Reason.allCases.map { [$0.rawValue] })

    private let gauges = Locked<[Gauge]>([])

    /// Registers a metric whose value is read at each scrape. `read` is called on the loop and must not block.
    ///
    /// - Parameter type: the Prometheus metric type; `counter` for values that only increase.
    func register(
        _ name: String, _ help: String, type: String = "gauge",
        read: @escaping @LoopActor @Sendable () -> [Gauge.Sample]
    ) {
        gauges.withLock { $0.append(Gauge(name: name, help: help, type: type, read: read)) }
    }

    /// Registers a metric with one series and no labels.
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

    /// The counters, histograms and these readings in the exposition format. May be called on any thread.
    func text(_ readings: [Gauge.Reading] = []) -> MetricsText {
        var text = MetricsText()
        for case let family as any MetricFamilyText in Mirror(reflecting: self).children.lazy.map(\.value) {
            family.write(to: &text)
        }
        for reading in readings { reading.write(to: &text) }
        return text
    }
}

/// A metric whose value another component owns.
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
