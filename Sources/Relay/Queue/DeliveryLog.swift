import Logging

/// What one queue tells of its attempts: each new kind of trouble once and loudly, its repetitions quietly, and its end.
struct DeliveryLog {
    private let severity: Severity
    private let logger: Logger
    /// The last failure that was logged of each way, so that a dead hook does not fill the log with one line a retry.
    private var failures: [Way: String] = [:]

    init(_ destination: Destination, receiver: String?, logger: Logger) {
        severity = destination.severity
        var logger = logger
        if let receiver { logger[metadataKey: "receiver"] = "\(receiver)" }
        self.logger = logger
    }

    mutating func note(
        _ outcome: DeliveryOutcome, _ action: DeliveryProgress.Action, _ delivery: OutboundDelivery, by way: Way
    ) {
        guard let detail = outcome.detail else {
            if failures.removeValue(forKey: way) != nil {
                logger.notice("hook takes messages again", metadata: ["severity": "\(severity)", "hook": "\(way)"])
            }
            return
        }
        let isNews = failures.updateValue(detail, forKey: way) != detail
        logger.log(
            level: level(of: action, isNews: isNews), "delivery attempt failed",
            metadata: [
                "severity": "\(severity)", "hook": "\(way)", "id": "\(delivery.cargo.entries[0].id)",
                "notifications": "\(delivery.cargo.entries.count)", "reason": "\(outcome.reason?.rawValue ?? "")",
                "attempt": "\(delivery.attempt(by: way) - 1)", "detail": "\(detail)",
            ])
    }

    func noteReroute(_ begins: Bool) {
        if begins {
            logger.error("hook does not work, posting to the fallback", metadata: ["severity": "\(severity)"])
        } else {
            logger.notice("hook works again, posting to it", metadata: ["severity": "\(severity)"])
        }
    }

    private func level(of action: DeliveryProgress.Action, isNews: Bool) -> Logger.Level {
        switch action {
        case .deadLetter: .error
        case .alarm: isNews ? .error : .debug
        default: isNews ? .warning : .debug
        }
    }
}
