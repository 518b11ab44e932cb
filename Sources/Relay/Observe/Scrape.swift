import Alerts
import DeliveryCore
import Dispatch
import Journaling
import Libevent

/// What is only known at the moment of a scrape: the journal's state and the process's own.
struct Scrape: Sendable {
    var metrics: Metrics
    var snapshot: JournalSnapshot
    var conditions: [(destination: Destination, condition: HookCondition)]
    /// TLS handshakes that clients began and did not finish, since the start.
    var failedHandshakes: Int
    var now: Timestamp

    func text() -> String {
        var text = metrics.text()
        text.begin("relay_build_info", help: "The version that runs; always 1.", type: "gauge")
        text.add("relay_build_info", labels: [("version", Version.current), ("revision", Version.revision)], value: 1)
        writeJournal(to: &text)
        text.begin(
            "relay_circuit_state", help: "The room's own hook: 0 works, 1 is being tried out, 2 is left alone.",
            type: "gauge")
        for (destination, condition) in conditions {
            text.add("relay_circuit_state", labels: labels(destination), value: condition.number)
        }
        text.addGauge(
            "relay_tls_handshakes_failed_total", "TLS handshakes that clients began and did not finish.",
            type: "counter", value: Double(failedHandshakes))
        metrics.lastReload.write(to: &text)
        ProcessMetrics()?.write(to: &text)
        return text.text
    }

    private func writeJournal(to text: inout MetricsText) {
        byDestination("relay_journal_pending", "Notifications accepted and not yet settled.", &text) {
            Double(snapshot.pending[$0] ?? 0)
        }
        text.addGauge("relay_journal_bytes", "Bytes of the journal in use.", value: Double(snapshot.usage.usedBytes))
        text.addGauge(
            "relay_journal_limit_bytes", "Bytes of the journal above which webhooks are refused.",
            value: Double(snapshot.usage.limitBytes))
        text.begin(
            "relay_journal_accepting",
            help: "Whether the journal takes webhooks whose most urgent alert has this severity.", type: "gauge")
        for severity in Severity.allCases {
            text.add(
                "relay_journal_accepting", labels: [("severity", severity.rawValue)],
                value: snapshot.accepts(severity) ? 1 : 0)
        }
        text.addGauge(
            "relay_journal_missing_notifications", "Acknowledged notifications that the start found missing.",
            value: Double(snapshot.missing))
        byDestination("relay_journal_oldest_pending_age_seconds", "Age of the oldest unsettled notification.", &text) {
            snapshot.oldestPending[$0].map { max(0, now.since($0) / .seconds(1)) } ?? 0
        }
        byDestination("relay_dead_letters", "Notifications given up on that wait for a person.", &text) {
            Double(snapshot.deadLetters[$0] ?? 0)
        }
    }

    private func byDestination(
        _ name: String, _ help: String, _ text: inout MetricsText, _ value: (Destination) -> Double
    ) {
        text.begin(name, help: help, type: "gauge")
        for destination in Destination.severityRooms + snapshot.receivers.keys.flatMap(Destination.all(of:)).sorted() {
            text.add(name, labels: labels(destination), value: value(destination))
        }
    }

    private func labels(_ destination: Destination) -> [(String, String)] {
        [("severity", destination.severity.rawValue)]
            + (snapshot.receivers[destination.receiver].map { [("receiver", $0)] } ?? [])
    }
}

extension HookCondition {
    fileprivate var number: Double {
        switch self {
        case .working: 0
        case .probing: 1
        case .suspended: 2
        }
    }
}

/// Renders metrics off the loop, one scrape at a time. Requests that arrive meanwhile share the next scrape, so that a
/// flood of them costs one scrape after another, and no connection waits behind the scrapes of others.
@LoopActor
final class Scraper {
    typealias Reply = @LoopActor @Sendable (String) -> Void

    private let prepare: @LoopActor () -> Scrape
    private var waiting: [Reply] = []
    private var isRunning = false

    /// - Parameter prepare: takes what only the loop knows; the rest reads files of /proc.
    init(_ prepare: @escaping @LoopActor () -> Scrape) { self.prepare = prepare }

    func scrape(_ done: @escaping Reply) {
        waiting.append(done)
        if !isRunning { run() }
    }

    private func run() {
        let (scrape, replies) = (prepare(), waiting)
        waiting = []
        isRunning = true
        DispatchQueue.global(qos: .utility).async { @Sendable in
            let text = scrape.text()
            LoopActor.post { [weak self] in
                for reply in replies { reply(text) }
                self?.finished()
            }
        }
    }

    private func finished() {
        isRunning = false
        if !waiting.isEmpty { run() }
    }
}
