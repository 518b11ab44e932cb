import CSimdjson

/// What the history keeps of an alert.
package struct AlertSummary: Sendable, Equatable {
    /// The label `alertname`; empty if there is none.
    package var name: String
    package var fingerprint: String
    package var isFiring: Bool
}

extension WebhookParser {
    /// The first `limit` alerts of a body, and the number of the others, which includes alerts that Alertmanager
    /// truncated. Returns nil if the body is invalid.
    ///
    /// Uses only the views that `parse` uses too, so it is cheaper than `decode`.
    package func alertSummaries(_ body: [UInt8], limit: Int) -> (shown: [AlertSummary], omitted: Int)? {
        defer { trim() }
        return body.withUnsafeBufferPointer { bytes in
            guard let payload = try? read(bytes) else { return nil }
            let shown = payload.alertViews.prefix(limit).map { alert in
                AlertSummary(
                    name: LabelViews(payload: payload, labels: alert.labels).withValue(of: "alertname") {
                        String(decoding: $0, as: UTF8.self)
                    }, fingerprint: alert.fingerprint.text, isFiring: !alert.resolved)
            }
            let truncated = min(max(0, Int(clamping: payload.truncated_alerts)), Payload.truncatedLimit)
            return (shown, payload.alert_count - shown.count + truncated)
        }
    }
}
