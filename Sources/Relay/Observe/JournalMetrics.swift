import Alerts
import Journaling
import Logging

/// Turns what the journal reports into metrics and log lines.
struct JournalMetrics: JournalObserver {
    var metrics: Metrics
    var logger: Logger

    func journalCommitted(_ commit: JournalCommit) {
        metrics.journalCommitDuration[].observe(commit.duration)
    }

    func journalRefuses(_ severities: Set<Severity>) {
        guard !severities.isEmpty else { return logger.notice("journal takes webhooks of every severity") }
        logger.error(
            "journal keeps its space for more urgent alerts, webhooks are refused",
            metadata: ["severities": "\(Severity.list(severities))"])
    }

    func journalChanged(to state: JournalState) {
        switch state {
        case .open: logger.notice("journal takes webhooks")
        case .full(let reason): logger.error("journal is full, webhooks are refused", metadata: ["reason": "\(reason)"])
        case .failed(let reason): logger.critical("journal failed", metadata: ["err": "\(reason)"])
        case .closed: logger.debug("journal closed")
        }
    }
}
