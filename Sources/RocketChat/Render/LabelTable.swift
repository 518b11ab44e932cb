import Alerts
import Posting
import Support

/// Selects the labels of a message: shared labels appear once in the text, the others in the fields of each alert.
struct LabelTable: Sendable {
    /// The labels with one value in all alerts; empty for a single alert.
    let shared: [Labels.Pair]
    private let settings: RenderSettings
    private let severity: Severity
    private let sharedNames: Set<String>

    /// The most UTF-16 units of the line of shared labels.
    private static let lineLimit = 600
    /// The labels of the location, before the others in Alertmanager's order.
    private static let order = [
        "instance", "host", "hostname", "node", "pod", "container", "namespace", "cluster", "device", "mountpoint",
    ]
    /// The labels of the exporter rather than of the thing it reports on, after the others.
    private static let last = ["service", "job", "endpoint", "uid"]

    init(digest: Digest, settings: RenderSettings) {
        self.settings = settings
        severity = digest.severity
        let severity = digest.severity
        var common = digest.entries.count > 1 ? digest.commonLabels : []
        if Self.isOfObjects(common) { common.removeAll(where: Self.namesExporter) }
        shared = Self.fitting(Self.sorted(common.filter { Self.isShown($0, severity, settings) }, by: Self.order))
        sharedNames = Set(shared.map(\.name))
    }

    /// The labels to show in an alert's own fields.
    func own(of alert: Alert) -> [Labels.Pair] {
        let pairs = alert.labels.pairs.filter {
            !sharedNames.contains($0.name) && Self.isShown($0, severity, settings)
        }
        guard settings.shownLabels.isEmpty else { return Self.sorted(pairs, by: settings.shownLabels) }
        let isOfObjects = Self.isOfObjects(alert.labels.pairs)
        let ofExporter = pairs.filter { isOfObjects && Self.namesExporter($0) }
        return Self.sorted(pairs.filter { !ofExporter.contains($0) }, by: Self.order) + ofExporter
    }

    /// Its alerts are about objects, and their `pod`, `container` and `service` can be its own.
    private static let objectExporter = "kube-state-metrics"

    private static func isOfObjects(_ pairs: [Labels.Pair]) -> Bool {
        pairs.contains { $0.name == "job" && $0.value.hasSuffix(objectExporter) }
    }

    private static func namesExporter(_ pair: Labels.Pair) -> Bool {
        pair.name == "instance" || pair.value.contains(objectExporter)
    }

    /// `All 50 alerts have cluster = prod-eu · job = node`; nil if they share no label.
    func sharedLine(count: Int) -> String? {
        guard !shared.isEmpty else { return nil }
        return "All \(count) alerts have " + shared.map(Self.phrase).joined(separator: " · ")
    }

    private static func phrase(_ pair: Labels.Pair) -> String {
        Escape.text(pair.name, limit: 60).string + " = " + Escape.value(pair.value, in: .text, limit: 120).string
    }

    /// The labels that fit the line in full; the others stay in the fields.
    private static func fitting(_ pairs: [Labels.Pair]) -> [Labels.Pair] {
        var remaining = lineLimit
        return pairs.filter { pair in
            guard !Escape.text(pair.name, limit: 60).isShortened,
                !Escape.value(pair.value, in: .text, limit: 120).isShortened
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
        let rest = pairs.filter { !order.contains($0.name) && !last.contains($0.name) }
        return known + rest + last.filter { !order.contains($0) }.flatMap { name in pairs.filter { $0.name == name } }
    }
}
