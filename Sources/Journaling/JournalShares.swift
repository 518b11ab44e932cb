import Alerts

/// Which severities the journal still accepts, by how full it is.
///
/// Each severity may fill the journal up to its share, so that the rest stays free for more urgent ones: info is
/// refused first, then warning, then fallback (alerts of unknown severity, which may be urgent); critical alone may
/// use the last tenth. A value without clock or I/O.
struct JournalShares: Sendable, Equatable {
    /// The severities that are refused although the journal is open. Never critical: without space for it the
    /// journal is full.
    private(set) var refused: Set<Severity> = []

    /// What became of a webhook that asks for space.
    enum Verdict: Sendable, Equatable {
        case admitted
        /// It does not fit, but smaller ones of its severity do.
        case tooLarge
        /// It does not fit, and its severity's share is used up.
        case exhausted
    }

    /// Refuses severities whose shares are used up, and accepts them again once there is space.
    mutating func update(_ usage: JournalUsage) {
        for severity in Severity.allCases where severity != .critical {
            if usage.usedBytes >= severity.limit(usage) {
                refused.insert(severity)
            } else if usage.usedBytes <= severity.reopening(usage) {
                refused.remove(severity)
            }
        }
    }

    /// Asks for space for a webhook.
    ///
    /// - Parameters:
    ///   - used: the bytes in use, with those of webhooks admitted since the last commit.
    mutating func admit(_ batch: AlertBatch, used: Int64, _ usage: JournalUsage) -> Verdict {
        let severity = batch.mostUrgent
        guard !refused.contains(severity) else { return .exhausted }
        if used <= severity.limit(usage) - batch.journalBytes { return .admitted }
        guard used > severity.reopening(usage) else { return .tooLarge }
        if severity != .critical { refused.insert(severity) }
        return .exhausted
    }
}

extension Severity {
    /// The tenths of the journal, and of the inbox in front of it, that this severity may fill.
    var shareTenths: Int {
        switch self {
        case .critical: 10
        case .fallback: 9
        case .warning: 8
        case .info: 7
        }
    }

    fileprivate func limit(_ usage: JournalUsage) -> Int64 {
        usage.appendLimitBytes / 10 * Int64(shareTenths)
    }

    /// Some way below the limit, so that the state does not change with every message.
    fileprivate func reopening(_ usage: JournalUsage) -> Int64 {
        limit(usage) / 8 * 7
    }
}

extension AlertBatch {
    /// Decides about the whole webhook, which is accepted or refused as one: a critical alert is not refused for the
    /// sake of an info beside it. A webhook without alerts takes no space and counts as critical.
    var mostUrgent: Severity {
        notifications.map(\.severity).max { $0.shareTenths < $1.shareTenths } ?? .critical
    }

    /// What the rows take in the journal at most. A row that fills more than half a page has a page for itself, and a
    /// longer one wastes the rest of its last page.
    var journalBytes: Int64 {
        notifications.reduce(0) { sum, notification in
            let size = Int64(notification.body.count)
            return sum + size + min(size, 2 * 8192) + 128
        }
    }
}
