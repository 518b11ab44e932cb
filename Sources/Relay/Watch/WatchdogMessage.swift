import Alerts
import Support

/// The alert by which the relay tells a room about a watchdog, as a webhook of version "4". It takes the way of every
/// other alert: journal, queue, digest, fallback.
struct WatchdogMessage {
    static let alertName = "WatchdogSilent"

    let report: WatchdogMonitor.Report
    let destination: Destination
    let now: Timestamp

    var batch: AlertBatch {
        let alertStatus: AlertStatus = isFiring ? .firing : .resolved
        let group = digest("group")
        let notification = Notification(
            severity: destination.severity, receiver: destination.receiver,
            group: group.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }, acceptedAt: now, body: body(alertStatus),
            isResolved: !isFiring)
        // No state is a duplicate: the monitor decides how often the room is told.
        let key = digest("\(report.change) \(now.nanosecondsSince1970)")
        return AlertBatch(dedupeKey: DedupeKey(bytes: key), notifications: [notification], counts: [], alerts: 1)
    }

    private var isFiring: Bool { if case .silent = report.change { true } else { false } }

    var summary: String {
        let name = report.key.watchdog == WatchdogConfiguration.defaultName ? "" : " \"\(report.key.watchdog)\""
        let source = report.key.source.isEmpty ? "" : " of \(report.label ?? "source") \"\(report.key.source)\""
        let silence = Self.text(report.silence)
        switch report.change {
        case .silent:
            return "No Watchdog\(name)\(source) from Alertmanager for \(silence): Prometheus, Alertmanager or the way "
                + "between may be down"
        case .returned: return "The Watchdog\(name)\(source) is back after \(silence)"
        case .dropped(let reason, _):
            return
                "The Watchdog\(name)\(source) is not watched any more (\(reason.rawValue)); it was silent for \(silence)"
        }
    }

    private static func text(_ silence: Duration) -> String {
        let minutes = silence.components.seconds / 60
        return (1..<60).contains(minutes) ? "\(minutes) min" : silence.humanized
    }

    private var labels: [(name: String, value: String)] {
        var labels = [
            (name: "alertname", value: Self.alertName), (name: "severity", value: destination.severity.rawValue),
            (name: "watchdog", value: report.key.watchdog),
        ]
        if let label = report.label, !report.key.source.isEmpty, !labels.contains(where: { $0.name == label }) {
            labels.append((label, report.key.source))
        }
        return labels.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private func body(_ status: AlertStatus) -> [UInt8] {
        let (labels, annotations) = (labels, [(name: "summary", value: summary)])
        let fingerprint = digest("alert").prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        var json = JSONWriter()
        json.object { json in
            for (key, value) in [
                ("version", "4"), ("receiver", "relay"), ("status", status.rawValue), ("externalURL", ""),
                ("groupKey", "{}:{alertname=\"\(Self.alertName)\"}"),
            ] {
                json.key(key)
                json.string(value)
            }
            json.key("truncatedAlerts")
            json.integer(0)
            for (key, pairs) in [
                ("groupLabels", labels), ("commonLabels", labels), ("commonAnnotations", annotations),
            ] { Self.write(pairs, as: key, to: &json) }
            json.key("alerts")
            json.array([status]) { json, status in
                json.object { json in
                    Self.write(labels, as: "labels", to: &json)
                    Self.write(annotations, as: "annotations", to: &json)
                    for (key, value) in [
                        ("status", status.rawValue), ("startsAt", report.raisedAt.rfc3339),
                        ("endsAt", isFiring ? "0001-01-01T00:00:00Z" : max(now, report.raisedAt).rfc3339),
                        ("generatorURL", ""), ("fingerprint", fingerprint),
                    ] {
                        json.key(key)
                        json.string(value)
                    }
                }
            }
        }
        return json.bytes
    }

    private static func write(_ pairs: [(name: String, value: String)], as key: String, to json: inout JSONWriter) {
        json.key(key)
        json.object { json in
            for pair in pairs {
                json.key(pair.name)
                json.string(pair.value)
            }
        }
    }

    /// The same for all messages about this source.
    private func digest(_ purpose: String) -> [UInt8] {
        let parts = [purpose, report.key.watchdog, report.key.source].map { "\($0.utf8.count):\($0)" }
        return Array(parts.joined().utf8).withUnsafeBytes { SHA256().digest(of: $0) }
    }
}
