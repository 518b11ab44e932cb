import Alerts
import Journaling
import Logging

/// Turns journal events into metrics and log lines.
struct JournalMetrics: JournalObserver {
    var metrics: Metrics
    var logger: Logger

    func journalCommitted(_ commit: JournalCommit) {
        metrics.journalCommitDuration[].observe(commit.duration)
    }

    func journalRefuses(_ severities: Set<Severity>) {
        guard !severities.isEmpty else { return logger.notice("journal accepts webhooks of every severity") }
        logger.error(
            "journal space is reserved for more urgent alerts, webhooks are refused",
            metadata: ["severities": "\(Severity.list(severities))"])
    }

    func journalSuppressed(_ duplicates: [HistoryEntry]) {
        for entry in duplicates {
            logger.info(
                "duplicate suppressed",
                metadata: [
                    "alerts": "\(entry.shownNames(limit: 5))", "count": "\(entry.count)",
                    "severity": "\(entry.destination.severity.rawValue)",
                ])
        }
    }

    func journalChanged(to state: JournalState) {
        switch state {
        case .open: logger.notice("journal accepts webhooks")
        case .full(let reason): logger.error("journal is full, webhooks are refused", metadata: ["reason": "\(reason)"])
        case .unavailable(let reason):
            logger.error("journal is unavailable, webhooks are refused", metadata: ["reason": "\(reason)"])
        case .failed(let reason): logger.critical("journal failed", metadata: ["err": "\(reason)"])
        case .closed: logger.debug("journal closed")
        }
    }
}

extension Metrics {
    /// Registers the gauges of a journal.
    func register<Ticket>(_ journal: Journal<Ticket>) {
        byDestination("relay_journal_pending", "Accepted notifications that are not yet settled.", journal) {
            Double($0.pending[$1] ?? 0)
        }
        register("relay_journal_bytes", "Bytes used by the journal.") { Double(journal.snapshot.usage.usedBytes) }
        register("relay_journal_limit_bytes", "Journal size in bytes above which webhooks are refused.") {
            Double(journal.snapshot.usage.limitBytes)
        }
        register("relay_history_entries", "Entries in the history of ended notifications.") {
            Double(journal.snapshot.history.entries)
        }
        register(
            "relay_history_lost_entries_total",
            "Entries of the history that gave way to alerts or could not be written.",
            type: "counter"
        ) {
            Double(journal.snapshot.history.lost)
        }
        register(
            "relay_journal_accepting", "Whether the journal accepts webhooks whose most urgent alert has this severity."
        ) {
            let snapshot = journal.snapshot
            return Severity.allCases.map { severity in
                Gauge.Sample(labels: [("severity", severity.rawValue)], value: snapshot.accepts(severity) ? 1 : 0)
            }
        }
        register("relay_journal_missing_notifications", "Acknowledged notifications that were missing at the start.") {
            Double(journal.snapshot.missing)
        }
        byDestination(
            "relay_journal_oldest_pending_age_seconds", "Age of the oldest pending notification in seconds.", journal
        ) {
            $0.oldestPending[$1].map { max(0, Timestamp.now().since($0) / .seconds(1)) } ?? 0
        }
        byDestination("relay_dead_letters", "Dead letters in the journal.", journal) {
            Double($0.deadLetters[$1] ?? 0)
        }
    }

    private func byDestination<Ticket>(
        _ name: String, _ help: String, _ journal: Journal<Ticket>,
        value: @escaping @Sendable (JournalSnapshot, Destination) -> Double
    ) {
        register(name, help) {
            let snapshot = journal.snapshot
            let receivers = snapshot.receivers.keys.flatMap(Destination.all(of:)).sorted()
            return (Destination.severityRooms + receivers).map { destination in
                Gauge.Sample(
                    labels: destination.labels(receiver: snapshot.receivers[destination.receiver]),
                    value: value(snapshot, destination))
            }
        }
    }
}

extension Destination {
    /// The labels of a metric series for this destination.
    ///
    /// - Parameter name: the receiver name; nil for the room of a severity.
    func labels(receiver name: String?) -> [(String, String)] {
        [("severity", severity.rawValue)] + (name.map { [("receiver", $0)] } ?? [])
    }
}
