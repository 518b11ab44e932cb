import Alerts

/// Decides which severities the journal accepts, by its usage. A value without clock or I/O.
///
/// Each severity may fill the journal up to its share, which keeps space for more urgent ones. Info is refused first,
/// then warning, then fallback, whose severity is unknown and may be urgent. Only critical may use the last tenth.
struct JournalShares: Sendable, Equatable {
    /// The severities that are refused although the journal is open. Never contains critical: if it has no space, the
    /// journal is full.
    private(set) var refused: Set<Severity> = []

    /// Whether a webhook is admitted.
    enum Verdict: Sendable, Equatable {
        case admitted
        /// It does not fit, but smaller webhooks of its severity can.
        case tooLarge
        /// It does not fit, and the share of its severity is used up.
        case exhausted
    }

    /// Refuses severities whose shares are used up, and accepts severities whose shares have space again.
    mutating func update(_ usage: JournalUsage) {
        for severity in Severity.allCases where severity != .critical {
            if usage.neededBytes >= severity.limit(usage) {
                refused.insert(severity)
            } else if usage.neededBytes <= severity.reopening(usage) {
                refused.remove(severity)
            }
        }
    }

    /// Decides whether a webhook fits into the share of its severity.
    ///
    /// - Parameter used: The bytes in use without the history, including those of webhooks admitted since the last commit.
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
    /// The share of the journal and of the inbox that this severity may fill, in tenths.
    var shareTenths: Int {
        switch self {
        case .critical: 10
        case .fallback: 9
        case .warning: 8
        case .info: 7
        }
    }

    /// The share of the severity in bytes.
    fileprivate func limit(_ usage: JournalUsage) -> Int64 {
        usage.appendLimitBytes / 10 * Int64(shareTenths)
    }

    /// The usage in bytes at which the severity is accepted again: below the limit, so that the state does not flap.
    fileprivate func reopening(_ usage: JournalUsage) -> Int64 {
        limit(usage) / 8 * 7
    }
}

extension AlertBatch {
    /// The severity whose share applies to the whole webhook, so that an info alert does not get a critical one
    /// refused. A webhook without alerts needs no space and counts as critical.
    var mostUrgent: Severity {
        var found: Severity?
        // By index, because a loop over the elements copies each notification.
        for index in notifications.indices where notifications[index].severity.shareTenths > (found?.shareTenths ?? 0) {
            found = notifications[index].severity
        }
        return found ?? .critical
    }

    /// The maximum size of the rows in the journal in bytes. A row of more than half a page has its own page, and a
    /// longer one does not use all of its last page.
    var journalBytes: Int64 {
        notifications.reduce(0) { sum, notification in
            let size = Int64(notification.body.count)
            return sum + size + min(size, 2 * 8192) + 128
        }
    }
}
