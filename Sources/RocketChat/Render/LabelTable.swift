import Alerts
import Support

/// Selects the labels of a message: shared labels appear once in the text, the others in the fields of each alert.
package struct LabelTable: Sendable {
    /// The labels with one value in all alerts; empty for a single alert.
    let shared: [Labels.Pair]
    private let settings: RenderSettings
    private let severity: Severity
    private let sharedNames: Set<String>

    /// The most UTF-16 units of the line of shared labels.
    private static let lineLimit = 600
    /// The labels of the location, before the others in Alertmanager's order.
    private static let order = [
        "instance", "host", "hostname", "node", "pod", "container", "namespace", "cluster", "service", "job", "device",
        "mountpoint",
    ]

    init(alerts: [Alert], severity: Severity, settings: RenderSettings) {
        self.settings = settings
        self.severity = severity
        shared = Self.fitting(Self.shared(by: alerts).filter { Self.isShown($0, severity, settings) })
        sharedNames = Set(shared.map(\.name))
    }

    /// The labels to show in an alert's own fields.
    func own(of alert: Alert) -> [Labels.Pair] {
        let pairs = alert.labels.pairs.filter {
            !sharedNames.contains($0.name) && Self.isShown($0, severity, settings)
        }
        return Self.sorted(pairs, by: settings.shownLabels.isEmpty ? Self.order : settings.shownLabels)
    }

    /// `All 50 alerts have cluster = prod-eu · job = node`; nil if they share no label.
    func sharedLine(count: Int) -> String? {
        guard !shared.isEmpty else { return nil }
        return "All \(count) alerts have " + shared.map(Self.phrase).joined(separator: " · ")
    }

    private static func phrase(_ pair: Labels.Pair) -> String {
        Escape.text(pair.name, limit: 60).string + " = " + Escape.text(pair.value, limit: 120).string
    }

    private static func shared(by alerts: [Alert]) -> [Labels.Pair] {
        guard alerts.count > 1, let first = alerts.first else { return [] }
        var pairs = first.labels.pairs
        for alert in alerts.dropFirst() where !pairs.isEmpty {
            let labels = alert.labels
            pairs.removeAll { labels[$0.name] != $0.value }
        }
        return sorted(pairs, by: order)
    }

    /// The labels that fit the line in full; the others stay in the fields.
    private static func fitting(_ pairs: [Labels.Pair]) -> [Labels.Pair] {
        var remaining = lineLimit
        return pairs.filter { pair in
            guard !Escape.text(pair.name, limit: 60).isShortened, !Escape.text(pair.value, limit: 120).isShortened
            else { return false }
            remaining -= phrase(pair).utf16.count + 3
            return remaining >= 0
        }
    }

    private static func isShown(_ pair: Labels.Pair, _ severity: Severity, _ settings: RenderSettings) -> Bool {
        guard !SanitizedText.isBlank(pair.value), !SanitizedText.isBlank(pair.name), pair.name != "alertname" else {
            return false
        }
        // The text has the severity's word. An alias such as `page` is shown.
        if pair.name == "severity", pair.value.lowercased() == severity.rawValue { return false }
        if !settings.shownLabels.isEmpty { return settings.shownLabels.contains(pair.name) }
        return !settings.hiddenLabels.contains(pair.name)
    }

    private static func sorted(_ pairs: [Labels.Pair], by order: [String]) -> [Labels.Pair] {
        let known = order.flatMap { name in pairs.filter { $0.name == name } }
        return known + pairs.filter { !order.contains($0.name) }
    }
}
